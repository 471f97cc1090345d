import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { until } from '../hub-under-test.js';
import { clusterProcesses } from './cgroup.js';
import { type Cluster, clusterDirectory, loadImage, startCluster, stopCluster } from './cluster.js';
import type { ClusterError } from './cluster-error.js';
import { HUB_IMAGE, packHubImage } from './hub-image.js';
import { startKafka } from './kafka.js';
import { cutZone, healZone } from './network.js';
import { ZONES } from './zones.js';

const ECHO = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo, namespace: default}
spec:
  replicas: 4
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: topology.kubernetes.io/zone
        whenUnsatisfiable: DoNotSchedule
        labelSelector: {matchLabels: {app: echo}}
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: echo
        image: ${HUB_IMAGE}
        imagePullPolicy: Never
        args: [-e, "require('http').createServer((q, s) => s.end(process.env.ZONE + ' ' + require('os').hostname())).listen(8080, () => console.log('listening'))"]
        env: [{name: ZONE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
        readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}
        resources: {limits: {memory: 128Mi}}
        securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
---
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: default}
spec: {selector: {app: echo}, clusterIP: 198.19.0.80, ports: [{port: 80, targetPort: 8080}]}
`;

const ONLY_CLIENTS = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only-clients, namespace: default}
spec:
  podSelector: {matchLabels: {app: echo}}
  ingress: [{from: [{podSelector: {matchLabels: {role: client}}}], ports: [{port: 8080}]}]
`;

const SERVICE = 'http://198.19.0.80';

/** What there is of a cluster on this machine, in the words of the programs that list such things. */
async function remains(): Promise<string[]> {
  const say = async (program: string, ...args: string[]): Promise<string> =>
    (await promisify(execFile)(program, args)).stdout;
  const lists = await Promise.all([
    say('ip', 'link'),
    say('ip', 'route'),
    say('ip', 'netns'),
    readFile('/proc/self/mountinfo', 'utf8'),
    say('find', '/sys/fs/cgroup', '-type', 'd'),
    say('find', '/var/lib', '-maxdepth', '1', '(', '-name', 'cni', '-o', '-name', 'calico', ')'),
  ]);
  return lists.flatMap((list) =>
    list
      .split('\n')
      .filter((line) => /ihub0|ihub-(switch|zone)|integration-hub-cluster|\/(cni|calico)$/.test(line)),
  );
}

describe('a cluster of two zones', function () {
  // The first on a machine is built.
  this.timeout(1_500_000);

  let cluster: Cluster | undefined;

  let images: string;
  const kubectl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster!.api.kubectl(args);
    expect(code, `kubectl ${args.join(' ')}: ${stderr}`).to.equal(0);
    return stdout;
  };
  const names = async (...args: string[]): Promise<string[]> =>
    (await kubectl('get', ...args)).split(/\s+/).filter((name) => name !== '');
  /** The zones and pods that answer a number of requests. */
  const answers = async (count: number): Promise<string[]> =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const response = await fetch(SERVICE, {
          headers: { connection: 'close' },
          signal: AbortSignal.timeout(2_000),
        });
        return response.text();
      }),
    );

  before(async function () {
    if (process.getuid?.() !== 0) {
      console.log('    skipped: a cluster can be started by root only (sudo -E npx mocha …)');
      this.skip();
    }
    cluster = await startCluster({ wait: 600_000 });
    images = await mkdtemp(join(tmpdir(), 'ihub-images-'));
    await packHubImage(join(images, 'hub.tar'));
    await loadImage(join(images, 'hub.tar'));
  });
  after(async () => {
    if (cluster === undefined) return;
    await stopCluster();
    await rm(images, { recursive: true });
  });

  it('has a Ready node in each zone', async () => {
    const labels = String.raw`jsonpath={.items[*].metadata.labels.topology\.kubernetes\.io/zone}`;
    expect(await remains()).not.to.deep.equal([]);
    expect(await names('nodes', '-o', labels)).to.deep.equal(['zone-a', 'zone-b']);
    await kubectl('wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=1s');
  });

  it('is one on a machine', async () => {
    const error = await startCluster().then(
      () => expect.fail('should not have started'),
      (failure: unknown) => failure as ClusterError,
    );
    expect(error.code).to.equal('ALREADY_UP');
  });

  it('spreads a Deployment over the zones', async () => {
    const { code, stderr } = await cluster!.api.kubectl(['apply', '-f', '-'], ECHO);
    expect(code, stderr).to.equal(0);
    await kubectl('rollout', 'status', 'deployment/echo', '--timeout=120s');
    const nodes = await names('pods', '-l', 'app=echo', '-o', 'jsonpath={.items[*].spec.nodeName}');
    expect(nodes.sort()).to.deep.equal(['zone-a', 'zone-a', 'zone-b', 'zone-b']);
  });

  it('routes a Service to all its pods, from the machine and from every pod by name', async () => {
    await until('all pods have answered', async () => new Set(await answers(40)).size === 4, 20_000);
    const ask = `Promise.all(Array.from({length: 40}, () =>
      fetch('http://echo.default.svc.cluster.local', {headers: {connection: 'close'}}).then((r) => r.text())))
      .then((all) => console.log(new Set(all).size))`;
    for (const pod of await names('pods', '-l', 'app=echo', '-o', 'name')) {
      expect((await kubectl('exec', pod, '--', 'node', '-e', ask)).trim(), pod).to.equal('4');
      expect(await kubectl('logs', pod)).to.equal('listening\n');
    }
  });

  it('enforces NetworkPolicies', async () => {
    const pods = await names('pods', '-l', 'app=echo', '-o', 'name');
    const isAnswered = async (pod: string): Promise<boolean> => {
      const ask = `fetch('${SERVICE}', {signal: AbortSignal.timeout(3000)}).then((r) => process.exit(r.ok ? 0 : 1))`;
      return (await cluster!.api.kubectl(['exec', pod, '--', 'node', '-e', ask])).code === 0;
    };
    const [client, stranger] = pods as [string, string];
    await kubectl('label', client, 'role=client');
    const { code, stderr } = await cluster!.api.kubectl(['apply', '-f', '-'], ONLY_CLIENTS);
    expect(code, stderr).to.equal(0);
    await until('a stranger is not answered', async () => !(await isAnswered(stranger)), 20_000);
    await until('a client is', () => isAnswered(client), 20_000);
    expect(await isAnswered(stranger)).to.equal(false);
    // The kubelet's probes are not a pod's requests.
    expect(
      await names('pods', '-l', 'app=echo', '-o', 'jsonpath={.items[*].status.containerStatuses[0].ready}'),
    ).to.deep.equal(pods.map(() => 'true'));
    await kubectl('delete', 'networkpolicy', 'only-clients', '-n', 'default');
    await until('everybody is answered', () => isAnswered(stranger), 20_000);
  });

  it('has a Kafka beside it, with a broker in each zone, that pods reach', async () => {
    const { bootstrapServers } = await startKafka();
    const [pod] = await names('pods', '-l', 'app=echo', '-o', 'name');
    const connection = { bootstrapServers, clientId: 'test' };
    const topic = { name: 'test', partitions: 2, replicationFactor: 2, config: {} };
    const createTopic = `import('@integration-hub/kafka').then(async ({TopicAdmin}) => {
      const admin = await TopicAdmin.connect(${JSON.stringify({ connection })});
      console.log((await admin.ensureTopics([${JSON.stringify(topic)}])).length);
      process.exit();
    })`;
    const made = await kubectl('exec', pod!, '--', 'node', '-e', createTopic);
    expect(made.trim().split('\n').at(-1)).to.equal('1');
  });

  it('goes on in one zone when the other is cut off, and in both when it is back', async () => {
    const zone = ZONES[1];
    const isReady = async (): Promise<string> =>
      kubectl('get', 'node', zone.name, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}');
    await cutZone(zone);
    await until('the node is not Ready', async () => (await isReady()) === 'Unknown', 90_000);
    await until(
      'only the other zone answers',
      async () => (await answers(20).catch(() => [zone.name])).every((answer) => answer.startsWith('zone-a')),
      60_000,
    );
    await healZone(zone);
    await until('the node is Ready', async () => (await isReady()) === 'True', 90_000);
    await until('both zones answer', async () => new Set(await answers(40)).size === 4, 60_000);
  });

  it('leaves nothing', async () => {
    await stopCluster();
    expect(await clusterProcesses()).to.deep.equal([]);
    expect(existsSync(clusterDirectory())).to.equal(false);
    expect(await remains()).to.deep.equal([]);
  });
});
