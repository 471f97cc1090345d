import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { IhubProcess } from '@integration-hub/cli';
import { until } from './hub-under-test.js';
import { ClusterUnderTest, type OperatorUnderTest } from './operator-under-test.js';
import { LogNode } from './status-kubelet.js';

const ns = 'ward';
const zones = ['zone-a', 'zone-b'];
const stages = ['phw-listener', 'phw-transformer', 'mpi-sender'];
const apiVersion = 'integrationhub.dev/v1alpha1';

const resource = (kind: string, name: string, spec: object): object => ({
  apiVersion,
  kind,
  metadata: { name, namespace: ns },
  spec,
});
const mpi = (spec: object = {}): object =>
  resource('Destination', 'mpi', { mllp: { host: '127.0.0.1', port: 1 }, ...spec });
const flow = (name: string, port: number, mapping?: string, listener: object = {}): object =>
  resource('IntegrationFlow', name, {
    listener: { mllp: { port }, ...listener },
    ...(mapping !== undefined && { transformer: { mapping: { name: mapping } } }),
    destinations: [{ name: 'mpi' }],
  });

interface Health {
  name: string;
  ready: boolean;
  trouble?: string;
}

describe('ihub against a cluster', function () {
  this.timeout(600_000);
  let cluster: ClusterUnderTest;
  let operator: OperatorUnderTest;
  let folder: string;
  const running: IhubProcess[] = [];

  before(async function () {
    // A new machine builds the API server first.
    this.timeout(1_500_000);
    folder = await mkdtemp(join(tmpdir(), 'ihub-status-'));
    cluster = await ClusterUnderTest.start();
    for (const zone of zones) {
      const labels = { 'topology.kubernetes.io/zone': zone };
      await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: `node-of-${zone}`, labels } });
    }
    await cluster.hub(ns);
    await cluster.apply(mpi(), flow('phw', 2575, 'phw'));
  });
  after(async () => {
    for (const { child } of running) child.kill('SIGKILL');
    await cluster.stop();
    await rm(folder, { recursive: true });
  });

  function start(...args: string[]): IhubProcess {
    const ihub = new IhubProcess(args);
    running.push(ihub);
    return ihub;
  }

  async function ihub(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
    const run = start(...args, '--kubeconfig', cluster.kubeconfig);
    const code = await run.ended();
    return { code, stdout: run.stdout, stderr: run.stderr };
  }

  async function flows(...args: string[]): Promise<Health[]> {
    const { stdout, stderr } = await ihub('status', '-n', ns, '--json', ...args);
    expect(stderr).to.equal('');
    return (JSON.parse(stdout) as { flows: Health[] }).flows;
  }

  /** Says of the worker of a stage in a zone that it fails, as a kubelet would. */
  async function failPod(name: string): Promise<void> {
    const containerStatuses = [
      {
        ...{ name: 'listener', ready: false, restartCount: 3, image: 'x', imageID: '' },
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 2, reason: 'Error', finishedAt: new Date().toISOString() } },
      },
    ];
    const status = { conditions: [{ type: 'Ready', status: 'False' }], containerStatuses };
    const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
    await cluster.kubectl('patch', 'pod', name, '-n', ns, ...patch);
  }

  describe('status', () => {
    it('says of flows that no operator has looked at that none has', async () => {
      const { code, stdout } = await ihub('status', '-n', ns);
      expect(code).to.equal(1);
      expect(stdout).to.match(/^FLOW +READY .*\nphw +no .*The operator has not looked at it yet/m);
    });

    it('says what the operator says is wrong, and exits with 1', async () => {
      operator = await cluster.operator(['--status-every-ms', '2000']);
      await cluster.awaitReason(['IntegrationFlow', ns, 'phw'], 'Ready', 'WorkersStarting', 60_000);
      const { code, stdout } = await ihub('status', '-n', ns);
      expect(code).to.equal(1);
      expect(stdout).to.match(/^phw +no +0\/2 .*WorkersStarting: phw-listener has no ready worker yet\.$/m);
    });

    it('exits with 0 when all are ready', async () => {
      for (const stage of stages) for (const zone of zones) await cluster.readyPod(ns, stage, zone);
      await cluster.awaitReason(['IntegrationFlow', ns, 'phw'], 'ZoneRedundant', 'AllZones', 60_000);
      await cluster.kubectl('wait', '--for=condition=Ready', 'destination/mpi', '-n', ns, '--timeout=300s');
      const counted = async (): Promise<boolean> =>
        (await cluster.get('IntegrationFlow', ns, 'phw'))?.status?.counts?.backlog === 0;
      await until('the backlog is counted', counted, 60_000);
      const { code, stdout, stderr } = await ihub('status', '-n', ns);
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(stdout.split('\n')).to.have.length(6);
      expect(stdout)
        .to.match(/^phw +yes +2\/2 +0 +0 +0 +0 +\d+[sm]$/m)
        .and.match(/^mpi +yes +2\/2 /m)
        .and.not.contain('\u001b');
    });

    it('shows one flow in full', async () => {
      await failPod('phw-listener-zone-b');
      const isMissing = async (): Promise<boolean> =>
        (await cluster.get('IntegrationFlow', ns, 'phw'))?.status?.zones === '1/2';
      await until('a zone is missing', isMissing, 60_000);
      const { code, stdout } = await ihub('status', 'phw', '-n', ns);
      expect(code).to.equal(0);
      const wanted = [
        /^phw in ward {2}ready: yes {2}received 0, sent 0, backlog 0, dead letters 0/m,
        /^ZoneMissing: phw-listener has no ready worker in zone-b\.$/m,
        /^ {2}ZoneRedundant +False +ZoneMissing /m,
        /^ {2}phw-listener +1\/2 ready +zone-a 1\/1, zone-b 0\/1$/m,
        /^ +phw-listener-zone-b: CrashLoopBackOff, 3 restarts, last ended with exit code 2 \(Error\) \d+[sm] ago$/m,
        /^ {2}mpi-sender +2\/2 ready +zone-a 1\/1, zone-b 1\/1$/m,
        /^ {2}mpi +yes +sent/m,
        /^ {2}mllp {2}phw-listener\.ward\.svc:2575$/m,
        /^ {2}\d+[sm] +Normal +Topic\w+ +IntegrationFlow\/phw +ihub\.ward\.phw\./m,
      ];
      for (const pattern of wanted) expect(stdout).to.match(pattern);
      expect((await flows())[0]).to.include({ ready: true });
    });

    it('says what fails where no worker is ready', async () => {
      await failPod('phw-listener-zone-a');
      await cluster.awaitReason(['IntegrationFlow', ns, 'phw'], 'Ready', 'WorkersFail', 60_000);
      const { code, stdout } = await ihub('status', 'phw', '-n', ns);
      expect(code).to.equal(1);
      expect(stdout).to.match(/^WorkersFail: .*CrashLoopBackOff/m);
      expect(stdout).to.match(/ Warning +WorkersFail +IntegrationFlow\/phw /);
      for (const zone of zones) {
        await cluster.kubectl(
          'delete',
          'pod',
          `phw-listener-${zone}`,
          '-n',
          ns,
          '--force',
          '--grace-period=0',
        );
        await cluster.readyPod(ns, 'phw-listener', zone);
      }
      await cluster.kubectl('wait', '--for=condition=Ready', 'iflow/phw', '-n', ns, '--timeout=300s');
    });

    it('shows each change with --watch, also that a flow is paused, which is not ready', async () => {
      const args = ['status', '-n', ns, '--watch', '--json', '--kubeconfig', cluster.kubeconfig];
      const watching = start(...args);
      await watching.prints(/"ready":true/);
      await cluster.kubectl('annotate', 'iflow', 'phw', '-n', ns, 'integrationhub.dev/paused=true');
      await watching.prints(/"name":"phw","ready":false,"trouble":"The annotation/);
      await cluster.kubectl('annotate', 'iflow', 'phw', '-n', ns, 'integrationhub.dev/paused-');
      watching.child.kill('SIGINT');
      expect(await watching.ended()).to.equal(1);
      const isReady = async (): Promise<boolean> => (await flows())[0]!.ready;
      await until('the flow is ready', isReady, 60_000);
    });

    it('shows all namespaces', async () => {
      const { code, stdout } = await ihub('status', '-A');
      expect(code).to.equal(0);
      expect(stdout)
        .to.match(/^NAMESPACE +FLOW/)
        .and.match(/^ward +phw +yes/m);
    });

    it('needs no right but to list, and says which one is missing', async function () {
      if (cluster.api === undefined) this.skip();
      const kubeconfig = await cluster.api.user('viewer', { commonName: 'viewer' });
      const forbidden = start('status', '-n', ns, '--kubeconfig', kubeconfig);
      expect(await forbidden.ended()).to.equal(2);
      expect(forbidden.stderr).to.match(/^ihub: the cluster can't be asked: .*"viewer" cannot list resource/);
      const rule = (group: string, resources: string[], verbs: string[]): object => ({
        ...{ apiGroups: [group], resources, verbs },
      });
      const metadata = { name: 'viewer', namespace: ns };
      const rbac = 'rbac.authorization.k8s.io';
      await cluster.apply(
        {
          ...{ apiVersion: `${rbac}/v1`, kind: 'Role', metadata },
          rules: [
            rule('integrationhub.dev', ['hubs', 'integrationflows', 'destinations'], ['get', 'list']),
            rule('apps', ['deployments'], ['list']),
            rule('', ['pods'], ['list']),
            rule('events.k8s.io', ['events'], ['list']),
          ],
        },
        {
          ...{ apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata },
          roleRef: { apiGroup: rbac, kind: 'Role', name: 'viewer' },
          subjects: [{ kind: 'User', name: 'viewer', apiGroup: rbac }],
        },
      );
      const allowed = start('status', 'phw', '-n', ns, '--kubeconfig', kubeconfig);
      expect([await allowed.ended(), allowed.stderr]).to.deep.equal([0, '']);
      expect(allowed.stdout).to.match(
        /^ {2}phw-listener +2\/2 ready +zone-a 0\/0, zone-b 0\/0, no zone 2\/2$/m,
      );
    });
  });

  describe('plan --diff', () => {
    async function diff(manifests: readonly object[], ...args: string[]): ReturnType<typeof ihub> {
      const file = join(folder, 'manifests.yaml');
      await writeFile(file, manifests.map((one) => JSON.stringify(one)).join('\n---\n'));
      return ihub('plan', '--diff', '-f', file, ...args);
    }

    it('says that nothing would change, and exits with 0', async () => {
      const { code, stdout, stderr } = await diff([mpi(), flow('phw', 2575, 'phw')]);
      expect([code, stderr, stdout]).to.deep.equal([0, '', 'Nothing would change in the namespace ward\n']);
    });

    it('shows what would be otherwise in resources, objects and topics, and writes nothing', async () => {
      const versions = (): Promise<string> =>
        cluster.kubectl(
          'get',
          'deploy,cm,iflow,svc',
          '-n',
          ns,
          '-o',
          'jsonpath={.items[*].metadata.generation}',
        );
      const before = await versions();
      const secret = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 's' },
        stringData: { key: 'hunter2' },
      };
      const wanted = [mpi({ partitions: 24 }), flow('phw', 2575, 'phw', { maxMessageSize: '2Mi' }), secret];
      const { code, stdout, stderr } = await diff(wanted);
      expect([code, stderr]).to.deep.equal([1, '']);
      for (const pattern of [
        /^--- IntegrationFlow\/phw\tis\n\+\+\+ IntegrationFlow\/phw\twould be\n@@/m,
        /^- +maxMessageSize: 1Mi\n\+ +maxMessageSize: 2Mi$/m,
        /^--- ConfigMap\/phw-listener\tis$/m,
        /^- +"maxMessageBytes": 1048576,\n\+ +"maxMessageBytes": 2097152,$/m,
        /^--- Deployment\/phw-listener\tis$/m,
        /^~ ihub\.ward\.mpi\.outbound: partitions 12 to 24, max\.message\.bytes \d+ to \d+$/m,
      ]) {
        expect(stdout).to.match(pattern);
      }
      // Neither what changes with every write, nor what is not the hub's.
      expect(stdout).not.to.match(/applied-hash|resourceVersion|managedFields|hunter2|Service\//);
      expect(await versions()).to.equal(before);
    });

    it('names what would be made, and afterwards it is there', async () => {
      const wanted = [mpi(), flow('phw', 2575, 'phw'), flow('paris', 2577)];
      const { code, stdout } = await diff(wanted, '--json');
      expect(code).to.equal(1);
      const found = JSON.parse(stdout) as Record<'resources' | 'objects', unknown[]> & { topics: object[] };
      const made = (object: string): object => ({ change: 'made', object: `${object}/paris-listener` });
      expect(found.resources).to.deep.equal([{ change: 'made', object: 'IntegrationFlow/paris' }]);
      expect(found.objects).to.deep.equal(
        ['ServiceAccount', 'ConfigMap', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'Deployment'].map(
          made,
        ),
      );
      expect(found.topics).to.deep.equal([
        { topic: 'ihub.ward.paris.dead-letter', change: 'made, 1 partition' },
      ]);
      await cluster.apply(...wanted);
      await cluster.awaitReason(['IntegrationFlow', ns, 'paris'], 'Ready', 'WorkersStarting', 60_000);
      const isDone = async (): Promise<boolean> => (await diff(wanted)).code === 0;
      await until('nothing would change any more', isDone, 60_000);
    });

    it('names what would be removed', async () => {
      const { code, stdout } = await diff([flow('phw', 2575)]);
      expect(code).to.equal(1);
      expect(stdout)
        .to.match(/^- Deployment\/phw-transformer$/m)
        .and.match(/^- ConfigMap\/phw-transformer$/m)
        .and.match(/^~ ihub\.ward\.phw\.received: no longer used; it is kept$/m)
        .and.not.match(/^- .*(mpi-sender|paris)/m);
    });

    it('shows no more than the resource where it is paused', async () => {
      await cluster.kubectl('annotate', 'iflow', 'paris', '-n', ns, 'integrationhub.dev/paused=true');
      const { code, stdout } = await diff([flow('paris', 2577, undefined, { maxMessageSize: '512Ki' })]);
      expect(code).to.equal(1);
      expect(stdout)
        .to.match(/^--- IntegrationFlow\/paris/m)
        .and.match(/^IntegrationFlow\/paris is paused or being deleted: /m)
        .and.not.match(/paris-listener/);
      await cluster.kubectl('annotate', 'iflow', 'paris', '-n', ns, 'integrationhub.dev/paused-');
    });

    it('shows drift, but not the replicas that an autoscaler has set', async () => {
      await operator.stop();
      const wanted = [mpi(), flow('phw', 2575, 'phw')];
      await cluster.kubectl('scale', 'deployment/phw-listener', '--replicas=5', '-n', ns);
      const drifted = await diff(wanted);
      expect(drifted.code).to.equal(1);
      expect(drifted.stdout).to.match(/^- +replicas: 5\n\+ +replicas: 2$/m);
      await cluster.apply({
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'phw', namespace: ns },
        spec: {
          maxReplicas: 9,
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'phw-listener' },
        },
      });
      expect((await diff(wanted)).code).to.equal(0);
    });

    const wrong: [string, () => readonly object[], string[], RegExp][] = [
      [
        'a port that another flow has',
        () => [flow('new', 2577)],
        [],
        /2577 is already the port of the flow paris/,
      ],
      ['a mapping that is not there', () => [flow('phw', 2575, 'nowhere')], [], /no mapping "nowhere"/],
      ['another namespace', () => [flow('phw', 2575)], ['-n', 'other'], /are of the namespace ward/],
    ];
    for (const [what, manifests, args, sentence] of wrong) {
      it(`answers ${what} with exit code 2`, async () => {
        const { code, stdout, stderr } = await diff(manifests(), ...args);
        expect([code, stdout]).to.deep.equal([2, '']);
        expect(stderr).to.match(sentence);
      });
    }
  });

  describe('status without an operator', () => {
    it('says that a change is not seen', async () => {
      await cluster.apply(flow('phw', 2575, 'phw', { maxMessageSize: '3Mi' }));
      const { code, stdout } = await ihub('status', '-n', ns);
      expect(code).to.equal(1);
      expect(stdout).to.match(/^phw +no .*The operator has not seen its last change yet/m);
    });
  });

  describe('logs', () => {
    let node: LogNode;
    const [listenerA, listenerB, transformer] = [
      'phw-listener-zone-a',
      'phw-listener-zone-b',
      'phw-transformer-zone-a',
    ];

    /** A line as a node keeps it: its own time, then what a worker has written just before. */
    const line = (second: number, message: string, level = 'info'): string => {
      const time = (fraction: string): string =>
        `2026-01-02T08:00:${String(second).padStart(2, '0')}.${fraction}Z`;
      return `${time('000000009')} ${JSON.stringify({ level, message, timestamp: time('000') })}`;
    };
    /** Zone b's node does not answer. */
    const setNode = async (zone: string, port: number): Promise<void> => {
      const status = {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: port } },
      };
      const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
      await cluster.kubectl('patch', 'node', `node-of-${zone}`, ...patch);
    };

    before(async function () {
      if (cluster.api === undefined) this.skip();
      node = await LogNode.start(cluster.api);
      for (const zone of zones) await setNode(zone, node.port);
      node.logs.set(listenerA, { lines: [line(4, 'fourth'), line(9, 'ninth', 'warn')] });
      node.logs.set(listenerB, {
        lines: [line(2, 'second'), '2026-01-02T08:00:03.000000001Z Error: no JSON'],
      });
      node.logs.set(transformer, { lines: [line(5, 'fifth')], previous: [line(1, 'first')] });
      node.logs.set('phw-transformer-zone-b', { lines: [] });
      node.logs.set('mpi-sender-zone-a', { lines: [line(6, 'sixth')] });
      node.logs.set('mpi-sender-zone-b', { lines: [] });
      await cluster.kubectl(
        ...['patch', 'pod', transformer, '-n', ns, '--subresource=status', '--type=merge', '-p'],
        JSON.stringify({
          status: {
            containerStatuses: [
              {
                name: 'transformer',
                ready: true,
                restartCount: 1,
                image: 'x',
                imageID: '',
                state: { running: {} },
              },
            ],
          },
        }),
      );
    });
    after(() => cluster.api && node.stop());

    const messagesOf = (stdout: string): string[] =>
      stdout
        .trimEnd()
        .split('\n')
        .map((text) => (text.startsWith('{') ? (JSON.parse(text) as { message: string }).message : text));

    it('are put in order of their times, with those of a container that ended', async () => {
      const { code, stdout, stderr } = await ihub('logs', 'phw', '-n', ns, '--json');
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(messagesOf(stdout)).to.deep.equal([
        ...['first', 'second', 'Error: no JSON', 'fourth', 'fifth', 'ninth'],
      ]);
      const readable = (await ihub('logs', 'phw', '-n', ns, '--destinations', '--level', 'warn')).stdout;
      expect(readable.split('\n')[1]).to.equal(`2026-01-02T08:00:09.000Z WARN  ${listenerA}     ninth`);
      expect(
        messagesOf((await ihub('logs', 'phw', '-n', ns, '--stage', 'sender', '--json')).stdout),
      ).to.deep.equal(['sixth']);
    });

    it('ask the node for no more than is wanted', async () => {
      node.queries.length = 0;
      const { stdout } = await ihub('logs', 'phw', '-n', ns, '--since', '10m', '--stage', 'listener');
      expect(stdout).to.equal('');
      expect(node.queries.map(({ pod }) => pod).sort()).to.deep.equal([listenerA, listenerB]);
      const since = Date.parse(node.queries[0]!.query.get('sinceTime')!);
      expect(Date.now() - since).to.be.within(599_000, 800_000);
    });

    it('are followed over ends of a container and of the API server, each line once, and in pods to come', async () => {
      const args = ['logs', 'phw', '-n', ns, '-f', '--stage', 'listener', '--json'];
      const following = start(...args, '--kubeconfig', cluster.kubeconfig);
      await following.prints(/ninth/);
      node.write(listenerB, line(10, 'tenth'));
      await following.prints(/tenth/);
      node.hangUp(listenerB);
      node.write(listenerB, line(10, 'tenth, too').replace('000000009', '000000010'));
      await following.prints(/tenth, too/);
      await cluster.api!.server.kill();
      await cluster.api!.server.start();
      node.write(listenerB, line(10, 'after the restart').replace('000000009', '000000011'));
      await following.prints(/after the restart/);
      node.logs.set('phw-listener-zone-c', { lines: [line(11, 'of a new pod')] });
      const pod = JSON.parse(await cluster.kubectl('get', 'pod', listenerA, '-n', ns, '-o', 'json')) as {
        metadata: { labels: object };
        spec: object;
      };
      const { labels } = pod.metadata;
      const metadata = { name: 'phw-listener-zone-c', namespace: ns, labels };
      await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec: pod.spec });
      await following.prints(/of a new pod/);
      following.child.kill('SIGINT');
      expect(await following.ended()).to.equal(0);
      const messages = messagesOf(following.stdout);
      expect(messages).to.deep.equal([
        ...[
          'second',
          'Error: no JSON',
          'fourth',
          'ninth',
          'tenth',
          'tenth, too',
          'after the restart',
          'of a new pod',
        ],
      ]);
      await cluster.kubectl('delete', 'pod', metadata.name, '-n', ns, '--force', '--grace-period=0');
    });

    it('of a node that does not answer are missed, said to be, and the rest shown', async () => {
      await setNode('zone-b', 1);
      const { code, stdout, stderr } = await ihub('logs', 'phw', '-n', ns, '--stage', 'listener', '--json');
      expect(code).to.equal(1);
      expect(messagesOf(stdout)).to.deep.equal(['fourth', 'ninth']);
      expect(stderr).to.match(new RegExp(`^ihub: the log of ${listenerB} can't be read: .*refused`));
    });

    it('of a flow that is not there are refused', async () => {
      const { code, stderr } = await ihub('logs', 'pwh', '-n', ns);
      expect(code).to.equal(2);
      expect(stderr).to.equal('ihub: the namespace ward has no flow "pwh": see ihub status -n ward\n');
    });
  });

  describe('where it can not ask', () => {
    const wrong: [string, string[], RegExp][] = [
      ['a namespace without flows', ['-n', 'default'], /no IntegrationFlow in default: name another with -n/],
      ['a flow that is not there', ['pwh', '-n', ns], /the namespace ward has no flow "pwh"/],
      ['a context that is not there', ['--context', 'nowhere'], /no context "nowhere": it has /],
      ['a flow of all namespaces', ['phw', '-A'], /name it with -n/],
    ];
    for (const [what, args, sentence] of wrong) {
      it(`answers ${what} with a sentence and exit code 2`, async () => {
        const { code, stdout, stderr } = await ihub('status', ...args);
        expect([code, stdout]).to.deep.equal([2, '']);
        expect(stderr)
          .to.match(sentence)
          .and.match(/^ihub: .*\n$/);
      });
    }

    it('says so of a cluster that is away, without a kubeconfig, and without the CRDs', async function () {
      const nothing = new IhubProcess(['status'], { env: { KUBECONFIG: '', HOME: folder } });
      expect(await nothing.ended()).to.equal(2);
      expect(nothing.stderr).to.match(/^ihub: no cluster is known: set KUBECONFIG/);
      const away = join(folder, 'away.kubeconfig');
      const context = { cluster: 'c', user: 'u' };
      await writeFile(
        away,
        JSON.stringify({
          ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
          clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
          users: [{ name: 'u', user: {} }],
          contexts: [{ name: 'c', context }],
        }),
      );
      const refused = start('status', '--kubeconfig', away);
      expect(await refused.ended()).to.equal(2);
      expect(refused.stderr).to.match(/^ihub: the cluster can't be asked: the API server can't be reached: /);
      if (cluster.api === undefined) this.skip();
      await cluster.kubectl('delete', 'crd', 'hubs.integrationhub.dev', '--wait=false');
      const isGone = async (): Promise<boolean> =>
        /knows no IntegrationFlows: install the CRDs/.test((await ihub('status', '-n', ns)).stderr);
      await until('the CRD is gone', isGone, 60_000);
    });
  });
});
