/** The chart and the development overlay in a real cluster of two zones: installed, used, upgraded and removed. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Overview } from '@integration-hub/console/api';
import { builtInMapping, Message, MllpConnection, readAcknowledgement } from '@integration-hub/hl7';
import { expect } from 'chai';
import { type Cluster, loadImage, startCluster, stopCluster, tagImage } from './cluster/cluster.js';
import { HUB_IMAGE, packHubImage } from './cluster/hub-image.js';
import { startKafka } from './cluster/kafka.js';
import { tool } from './cluster/tools.js';
import { ConsoleSession } from './console-session.js';
import { numbered } from './hospital.js';
import { until } from './hub-under-test.js';

const project = fileURLToPath(new URL('../..', import.meta.url));
const sample = (name: string): Promise<Buffer> =>
  readFile(join(project, `manifests/flows/samples/${name}.hl7`));
const operatorNamespace = 'integration-hub';
const namespace = 'integration-hub-dev';

/** A line of the mock receiver's log. */
interface Arrival {
  event: string;
  controlId: string;
  trigger: string;
  bytes: number;
}

describe('the chart in two zones', function () {
  // The first cluster on a machine is built.
  this.timeout(1_500_000);

  let cluster: Cluster | undefined;
  let directory: string;

  const kubectl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster!.api.kubectl(args);
    expect(code, `kubectl ${args.join(' ')}: ${stderr}`).to.equal(0);
    return stdout.trim();
  };
  const helm = async (...args: string[]): Promise<string> => {
    const env = {
      ...process.env,
      KUBECONFIG: cluster!.api.kubeconfig,
      HELM_CACHE_HOME: join(directory, 'cache'),
      HELM_CONFIG_HOME: join(directory, 'config'),
      HELM_DATA_HOME: join(directory, 'data'),
    };
    const { stdout } = await promisify(execFile)(await tool('helm'), [...args, '-n', operatorNamespace], {
      env,
    });
    return stdout;
  };
  const upgrade = (...args: string[]): Promise<string> =>
    helm(
      ...['upgrade', '--install', '--create-namespace', '--wait', '--timeout=600s'],
      ...['integration-hub', join(project, 'charts/integration-hub'), '--set', 'image.tag=dev'],
      ...['--set', 'zones={zone-a,zone-b}', '--set', 'mockReceiver.enabled=true', ...args],
    );
  /** What the mock receiver's pods, the present one and those before it, have logged; each line once. */
  const received = new Map<string, Arrival>();
  const following = new AbortController();
  /** Reads along, for a pod that is replaced takes its log with it. */
  async function followReceiver(): Promise<void> {
    const program = await tool('kubernetes');
    const args = ['kubectl', 'logs', '--follow', '-n', operatorNamespace, 'deployment/mock-mpi'];
    const env = { ...process.env, KUBECONFIG: cluster!.api.kubeconfig };
    while (!following.signal.aborted) {
      const logs = spawn(program, args, {
        env,
        stdio: ['ignore', 'pipe', 'ignore'],
        signal: following.signal,
      });
      logs.on('error', () => undefined);
      for await (const line of createInterface({ input: logs.stdout })) {
        const entry = /^\{.*\}$/.test(line) ? (JSON.parse(line) as Arrival) : undefined;
        if (entry?.event === 'message') received.set(line, entry);
      }
      await sleep(500);
    }
  }
  const arrivals = (): Arrival[] => [...received.values()];
  const zonesOf = async (place: string, selector: string): Promise<string[]> => {
    const nodes = await kubectl(
      ...['get', 'pods', '-n', place, '-l', selector, '--field-selector=status.phase=Running'],
      ...['-o', 'jsonpath={.items[*].spec.nodeName}'],
    );
    return nodes.split(' ').sort();
  };
  /** Sends a message to the Service of a flow's listener, which must acknowledge it. */
  async function send(flow: string, message: Buffer): Promise<string> {
    const where = '{.spec.clusterIP}:{.spec.ports[0].port}';
    const service = await kubectl(
      ...['get', 'service', '-n', namespace, `${flow}-listener`, '-o', `jsonpath=${where}`],
    );
    const [host = '', port] = service.split(':');
    const connection = await MllpConnection.open({ host, port: Number(port), connectTimeoutMs: 10_000 });
    const reply = readAcknowledgement(await connection.exchange(message, 60_000));
    await connection.close();
    expect(reply.code, flow).to.equal('AA');
    return reply.controlId;
  }

  before(async function () {
    if (process.getuid?.() !== 0) {
      console.log('    skipped: a cluster can be started by root only (sudo -E npx mocha …)');
      this.skip();
    }
    cluster = await startCluster({ wait: 600_000 });
    directory = await mkdtemp(join(tmpdir(), 'ihub-install-'));
    const image = join(directory, 'hub.tar');
    await packHubImage(image);
    await loadImage(image);
  });
  after(async () => {
    following.abort();
    if (cluster === undefined) return;
    await stopCluster();
    await rm(directory, { recursive: true });
  });

  it('runs an operator in each zone', async () => {
    await upgrade();
    const selector = 'app.kubernetes.io/component=operator';
    expect(await zonesOf(operatorNamespace, selector)).to.deep.equal(['zone-a', 'zone-b']);
    void followReceiver();
  });

  it('makes every flow of the development overlay Ready, in both zones', async () => {
    const { bootstrapServers } = await startKafka({ brokersPerZone: 1 });
    const hub = {
      ...{ apiVersion: 'integrationhub.dev/v1alpha1', kind: 'Hub', metadata: { name: 'hub', namespace } },
      spec: { kafka: { bootstrapServers, replicationFactor: 2 }, console: {} },
    };
    await writeFile(join(directory, 'hub.json'), JSON.stringify(hub));
    const overlay = relative(directory, join(project, 'manifests/overlays/dev'));
    const patched = { resources: [overlay], patches: [{ path: 'hub.json' }] };
    await writeFile(join(directory, 'kustomization.yaml'), JSON.stringify(patched));
    await kubectl('apply', '-k', directory);
    try {
      await kubectl(
        'wait',
        '-n',
        namespace,
        '--for=condition=Ready',
        'iflow,dest,hub',
        '--all',
        '--timeout=900s',
      );
      await kubectl(
        'wait',
        '-n',
        namespace,
        '--for=condition=ZoneRedundant',
        'iflow',
        '--all',
        '--timeout=600s',
      );
    } catch (error) {
      console.log(await kubectl('get', 'iflow,dest,hub,pods', '-A', '-o', 'wide'));
      throw error;
    }
    expect(await zonesOf(namespace, 'app.kubernetes.io/instance=phw-to-mpi-listener')).to.deep.equal([
      'zone-a',
      'zone-b',
    ]);
  });

  it('takes the samples at each listener’s Service, and what the mappings make of them arrives', async () => {
    for (const [flow, mapping] of Object.entries({
      'phw-to-mpi': 'phw',
      'paris-to-mpi': 'identity',
      'chemocare-to-mpi': 'chemocare',
      'pims-to-mpi': 'pims',
      'mosaiq-to-mpi': 'identity',
    })) {
      const message = await sample(flow);
      const expected = builtInMapping(mapping).map(Message.parse(message));
      const controlId = await send(flow, message);
      const arrived = (): boolean =>
        arrivals().some(
          (one) => one.controlId === controlId && one.bytes === Buffer.from(expected.toString()).length,
        );
      await until(`${controlId} of ${flow} arrives`, arrived, 60_000).catch((error: unknown) => {
        throw new Error(`${String(error)}; there are ${JSON.stringify(arrivals())}`);
      });
    }
  });

  it('shows the counts', async () => {
    const count = (path: string) => async (): Promise<string> =>
      kubectl('get', 'iflow', '-n', namespace, 'phw-to-mpi', '-o', `jsonpath={.status.counts.${path}}`);
    await until('received is shown', async () => (await count('received')()) === '1', 90_000);
    await until('sent is shown', async () => (await count('sent')()) === '1', 90_000);
    expect(await kubectl('get', 'iflow', '-n', namespace, 'phw-to-mpi')).to.match(/True +2\/2 +1 +1 +0 +0/);
  });

  const consoleDeployment = ['-n', namespace, 'deployment/console'];

  /** Uses the console as a person does, but for the port of this machine. */
  async function inConsole(work: (session: ConsoleSession) => Promise<void>): Promise<void> {
    const args = ['kubectl', 'port-forward', ...consoleDeployment, '--address=127.0.0.1', ':8080'];
    const forward = spawn(await tool('kubernetes'), args, {
      env: { ...process.env, KUBECONFIG: cluster!.api.kubeconfig },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let port: string | undefined;
      createInterface({ input: forward.stdout }).on('line', (line) => {
        port ??= /^Forwarding from 127\.0\.0\.1:(\d+) -> 8080$/.exec(line)?.[1];
      });
      await until('the port is forwarded', () => port !== undefined, 30_000);
      let session: ConsoleSession | undefined;
      const isOpen = async (): Promise<boolean> =>
        (session = await ConsoleSession.open(Number(port), 8080)) !== undefined;
      await until('the console answers', isOpen, 30_000);
      await work(session!);
    } finally {
      forward.kill('SIGKILL');
    }
  }

  it('shows in the console that Kafka and the workers of both zones are there', async () => {
    await kubectl('wait', ...consoleDeployment, '--for=condition=Available', '--timeout=120s');
    await inConsole(async (session) => {
      let last: Overview | undefined;
      const isLive = async (): Promise<boolean> => {
        last = await session.overview();
        const flow = last.flows.find(({ name }) => name === 'phw-to-mpi')!;
        const areInBothZones = [flow, ...last.destinations].every(({ workers }) => {
          const stages = workers.filter(({ up, ready }) => up && ready).map(({ stage }) => stage);
          return stages.length > 0 && stages.length === 2 * new Set(stages).size;
        });
        return (
          last.kafka && flow.ready && areInBothZones && flow.lastReceivedAt !== null && flow.backlog === 0
        );
      };
      await until('the flow is live', isLive, 60_000).catch((error: unknown) => {
        throw new Error(`${String(error)}; it is ${JSON.stringify(last)}`);
      });
    });
  });

  it('silences an alarm from the console, which stays far below its limit of memory', async () => {
    const flow = ['iflow/phw-to-mpi', '-n', namespace];
    const wish = { until: new Date(Date.now() + 3_600_000).toISOString(), why: 'the receiver is moved' };
    await inConsole(async (session) => {
      const answer = await session.post('/api/alarms/IntegrationFlow.phw-to-mpi.backlogAge/silence', wish);
      expect(answer).to.have.property('overrides').of.length(1);
    });
    const annotation = String.raw`jsonpath={.metadata.annotations.integrationhub\.dev/alert-override}`;
    const [said] = JSON.parse(await kubectl('get', ...flow, '-o', annotation)) as object[];
    expect(said).to.deep.include({ ...wish, silence: ['backlogAge'] });
    const reason = '{.status.conditions[?(@.type=="Alerting")].reason}';
    await kubectl('wait', ...flow, `--for=jsonpath=${reason}=Silenced`, '--timeout=60s');

    const script = `fs.readFileSync('/proc/1/status', 'utf8')`;
    const status = await kubectl('exec', ...consoleDeployment, '--', 'node', '-p', script);
    const mostMemory = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
    console.log(`      at most ${mostMemory.toFixed(0)} MiB`);
    expect(mostMemory).to.be.below(256);
  });

  it('lets nobody into a console without a login but by a forwarded port', async () => {
    const selector = ['-n', namespace, '-l', 'app.kubernetes.io/instance=console'];
    const address = await kubectl('get', 'pods', ...selector, '-o', 'jsonpath={.items[0].status.podIP}');
    const failure = await fetch(`http://${address}:8080/`).then(
      () => undefined,
      (error: unknown) => (error as Error).cause,
    );
    expect(failure).to.have.property('code', 'ECONNREFUSED');
  });

  /**
   * Has two hospitals send messages, one after the other, for as long as the work lasts. A message that is not
   * acknowledged is sent again. In the end each that was acknowledged has arrived, and in the order it was sent in.
   *
   * @returns how many were acknowledged, and how many times one had to be sent again
   */
  async function underLoad(work: Promise<unknown>): Promise<{ acknowledged: number; again: number }> {
    let [isOver, again] = [false, 0];
    const done = work.finally(() => (isOver = true));
    const flows = ['paris-to-mpi', 'mosaiq-to-mpi'];
    const round = `${Date.now()}`.slice(-6);
    const sentBy = await Promise.all(
      flows.map(async (flow) => {
        const message = await sample(flow);
        const sent: string[] = [];
        while (!isOver) {
          const controlId = `${flow.slice(0, 3)}-${round}-${sent.length}`;
          const isSent = (): Promise<boolean> =>
            send(flow, numbered(message, controlId)).then(
              () => true,
              () => (again += 1) < 0,
            );
          await until(`${controlId} is acknowledged`, isSent, 60_000);
          sent.push(controlId);
          // The receiver bears ten a second.
          await sleep(300);
        }
        return sent;
      }),
    );
    await done;
    const firstArrivals = (): string[] => [...new Set(arrivals().map(({ controlId }) => controlId))];
    for (const sent of sentBy) {
      const isComplete = (): boolean => {
        const arrived = new Set(firstArrivals());
        return sent.every((controlId) => arrived.has(controlId));
      };
      await until('all have arrived', isComplete, 60_000);
      const wanted = new Set(sent);
      expect(firstArrivals().filter((controlId) => wanted.has(controlId))).to.deep.equal(sent);
      expect(sent).to.have.length.of.at.least(3);
    }
    return { acknowledged: sentBy.flat().length, again };
  }

  it('is upgraded while messages flow, and none is lost', async () => {
    await underLoad(upgrade('--set', 'operator.logLevel=debug'));
  });

  it('rolls its workers to another image while messages flow: none is lost, no listener is without an endpoint', async () => {
    const next = HUB_IMAGE.replace(/:.*/, ':next');
    await tagImage(HUB_IMAGE, next);
    const service = String.raw`{.metadata.labels.kubernetes\.io/service-name}`;
    const path = `${service}: {.endpoints[*].conditions.ready}{"\\n"}`;
    const slices = spawn(
      await tool('kubernetes'),
      [
        ...['kubectl', 'get', 'endpointslices', '-n', namespace, '--watch', '-o', `jsonpath=${path}`],
        ...['-l', 'kubernetes.io/service-name'],
      ],
      { env: { ...process.env, KUBECONFIG: cluster!.api.kubeconfig }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const watched: string[] = [];
    createInterface({ input: slices.stdout }).on('line', (line) => watched.push(line));
    try {
      await until('endpoints are watched', () => watched.length >= 5, 30_000);
      const images = async (): Promise<string[]> => {
        const running = ['get', 'pods', '-n', namespace, '--field-selector=status.phase=Running'];
        return (await kubectl(...running, '-o', 'jsonpath={.items[*].spec.containers[0].image}')).split(' ');
      };
      const rolled = async (): Promise<void> => {
        await upgrade('--set', 'image.tag=next');
        const isDone = async (): Promise<boolean> =>
          (await images()).every((image) => image.endsWith(':next'));
        await until('every worker has the other image', isDone, 300_000);
      };
      const { acknowledged, again } = await underLoad(rolled());
      console.log(`      ${acknowledged} messages acknowledged, ${again} times one was sent again`);
      const changes = watched.filter((line) => line.includes('-listener:'));
      expect(changes).to.have.length.of.at.least(10);
      expect(changes.filter((line) => !line.includes('true'))).to.deep.equal([]);
    } finally {
      slices.kill('SIGKILL');
    }
  });

  it('goes without a trace: flows drain first, then the operator', async () => {
    await kubectl('delete', '-n', namespace, 'iflow,dest', '--all', '--timeout=600s');
    await kubectl('delete', 'namespace', namespace, '--timeout=600s');
    await helm('uninstall', 'integration-hub', '--wait');
    await kubectl('delete', 'namespace', operatorNamespace, '--timeout=600s');
    const kept = await kubectl('get', 'crd', '-o', 'name');
    for (const kind of ['destinations', 'hubs', 'integrationflows', 'messagereplays']) {
      expect(kept).to.contain(`/${kind}.integrationhub.dev`);
    }
    expect(await kubectl('get', 'clusterroles,clusterrolebindings', '-o', 'name')).not.to.contain(
      'integration-hub',
    );
  });
});
