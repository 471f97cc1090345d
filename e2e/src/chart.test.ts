/** The Helm chart, with the real helm against a real API server. Pods do not run there. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { KubeConfig, loadAllYaml, loadYaml } from '@kubernetes/client-node';
import { fetchKafka, freePorts, TopicAdmin } from '@integration-hub/kafka';
import { expect } from 'chai';
import { startApiServer, type ApiServer } from './cluster/api-server.js';
import { tool } from './cluster/tools.js';
import { until } from './hub-under-test.js';

const project = fileURLToPath(new URL('../..', import.meta.url));
const chart = join(project, 'charts/integration-hub');
const namespace = 'integration-hub';
const crds = ['hubs', 'destinations', 'integrationflows', 'messagereplays'];
const hubApi = 'integrationhub.dev/v1alpha1/Hub';

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}
interface Rendered {
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string> };
  rules?: Rule[];
  spec?: unknown;
  data?: Record<string, string>;
}
interface Container {
  command: string[];
  args: string[];
  env: { name: string; value?: string }[];
}
interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** What people would set, from nothing to everything. */
const valueSets: Record<string, object> = {
  nothing: {},
  'two zones and a Hub': {
    zones: ['zone-a', 'zone-b'],
    hub: {
      enabled: true,
      kafka: { bootstrapServers: ['kafka-1:9092', 'kafka-2:9092'], retention: '7d' },
      alerts: { backlogAge: { above: '10m' } },
    },
  },
  'one namespace without cluster roles': {
    watchNamespace: 'watched',
    readNodes: false,
    rbac: { aggregate: false },
    crds: { install: false },
  },
  'development, with all that can be had': {
    fullnameOverride: 'hub-operator',
    watchNamespace: 'watched',
    zones: ['zone-a'],
    image: { digest: `sha256:${'0123456789abcdef'.repeat(4)}`, pullSecrets: [{ name: 'registry' }] },
    operator: {
      replicas: 1,
      logLevel: 'debug',
      otlpEndpoint: 'http://collector:4318',
      nodeSelector: { disk: 'fast' },
      tolerations: [{ key: 'dedicated', operator: 'Exists' }],
      priorityClassName: 'system-cluster-critical',
      podAnnotations: { team: 'integration' },
    },
    serviceAccount: { name: 'own', annotations: { a: 'b' } },
    crds: { keep: false },
    metrics: { annotations: { 'prometheus.io/scrape': 'true' } },
    networkPolicy: { egressPorts: [443] },
    hub: {
      enabled: true,
      kafka: { replicationFactor: 1, minInsyncReplicas: 1 },
      workers: { logLevel: 'debug' },
    },
    mockReceiver: { enabled: true, reply: 'AE', delay: 100 },
    kafka: { enabled: true, storageSize: '' },
  },
};

describe('the chart', function () {
  // The first API server and the first helm on a machine are built.
  this.timeout(1_500_000);

  let api: ApiServer;
  let directory: string;
  let program: string;

  before(async () => {
    program = await tool('helm');
    directory = await mkdtemp(join(tmpdir(), 'ihub-chart-'));
    api = await startApiServer();
    // A pod that would not be let into a restricted namespace makes a warning, and warnings fail the tests.
    for (const name of [namespace, 'watched', 'elsewhere']) {
      await kubectl(['create', 'namespace', name]);
      await kubectl(['label', 'namespace', name, 'pod-security.kubernetes.io/warn=restricted']);
    }
  });
  after(async () => {
    await api.stop();
    await rm(directory, { recursive: true });
  });

  async function helm(args: string[], values?: object): Promise<Result> {
    const file = join(directory, 'values.json');
    await writeFile(file, JSON.stringify(values ?? {}));
    const all = [...args, '-n', namespace, ...(values === undefined ? [] : ['-f', file])];
    const env = {
      ...process.env,
      KUBECONFIG: api.kubeconfig,
      HELM_CACHE_HOME: join(directory, 'cache'),
      HELM_CONFIG_HOME: join(directory, 'config'),
      HELM_DATA_HOME: join(directory, 'data'),
    };
    return new Promise((resolve) => {
      execFile(program, all, { env, maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
        // Helm tells of each symbolic link that it follows: the definitions and roles stand elsewhere.
        const said = stderr.replace(/^.*found symbolic link in path.*\n/gm, '');
        resolve({ code: error === null ? 0 : 1, stdout, stderr: said });
      });
    });
  }

  async function succeed(args: string[], values?: object): Promise<string> {
    const { code, stdout, stderr } = await helm(args, values);
    expect(stderr, args.join(' ')).to.equal('');
    expect(code, args.join(' ')).to.equal(0);
    return stdout;
  }

  const template = (values?: object): Promise<string> =>
    succeed(
      ['template', 'integration-hub', chart, '--kube-version=1.34.0', `--api-versions=${hubApi}`],
      values,
    );
  const render = async (values?: object): Promise<Rendered[]> =>
    (loadAllYaml(await template(values)) as (Rendered | null)[]).filter((one) => one !== null);

  async function kubectl(args: string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await api.kubectl(args, input);
    expect(stderr, args.join(' ')).to.equal('');
    expect(code, args.join(' ')).to.equal(0);
    return stdout;
  }

  async function applyDefinitions(): Promise<void> {
    const files = crds.map((name) => `--filename=${join(project, `crds/${name}.yaml`)}`);
    await kubectl(['apply', '--server-side', '--force-conflicts', ...files]);
    await established();
  }

  /** kubectl's own wait fails where a definition has no status yet. */
  async function established(): Promise<void> {
    const wait = ['wait', '--for=condition=Established', '--timeout=5s', 'crd', '--all'];
    await until('the definitions are known', async () => (await api.kubectl(wait)).code === 0, 60_000);
  }

  const names = async (kind: string): Promise<string> =>
    (await kubectl(['get', kind, '-A', '-o', 'name'])).trim();

  describe('is installed', () => {
    const values = { hub: { enabled: true, kafka: { bootstrapServers: ['kafka:9092'] } } };
    const readyColumn = (): Promise<string> =>
      kubectl([
        ...['get', 'crd', 'hubs.integrationhub.dev', '-o'],
        'jsonpath={.spec.versions[0].additionalPrinterColumns[0].description}',
      ]);

    it('at once, but for the Hub, whose definition comes with it; the notes say so', async () => {
      const former = join(directory, 'former');
      await cp(chart, former, { recursive: true, dereference: true });
      const definition = await readFile(join(former, 'files/hubs.yaml'), 'utf8');
      const [first] = /(?<=description: )Whether.*/.exec(definition)!;
      await writeFile(join(former, 'files/hubs.yaml'), definition.replace(first, 'Former.'));

      const notes = await succeed(['install', 'integration-hub', former], values);
      expect(await readyColumn()).to.equal('Former.');
      expect(notes).to.contain('THE HUB IS NOT MADE YET').and.to.contain('works on all namespaces');
      expect(await names('hubs')).to.equal('');
      await established();
    });

    it('with the Hub when the command is given again, and with newer definitions', async () => {
      const notes = await succeed(['upgrade', '--install', 'integration-hub', chart], values);
      expect(notes)
        .to.contain(`kubectl -n ${namespace} wait --for=condition=Ready hub/hub`)
        .and.not.to.contain('NOT MADE');
      expect(await names('hubs')).to.equal('hub.integrationhub.dev/hub');
      expect(await readyColumn()).to.match(/^Whether/);
    });

    it('and uninstalled: flows and their definitions stay, unless crds.keep is off', async () => {
      const destination = {
        apiVersion: 'integrationhub.dev/v1alpha1',
        kind: 'Destination',
        metadata: { name: 'mpi', namespace },
        spec: { mllp: { host: 'mpi', port: 2576 } },
      };
      await kubectl(['apply', '-f', '-'], JSON.stringify(destination));
      await succeed(['uninstall', 'integration-hub']);
      expect(await names('destinations')).to.equal('destination.integrationhub.dev/mpi');
      expect(await names('deployments')).to.equal('');
      expect(await names('clusterroles')).not.to.contain('integration-hub');

      await succeed(['install', 'integration-hub', chart], { crds: { keep: false } });
      await succeed(['uninstall', 'integration-hub', '--wait']);
      expect(await names('crds')).to.equal('');
    });
  });

  describe('with values for', () => {
    before(applyDefinitions);

    for (const [about, values] of Object.entries(valueSets)) {
      it(`${about}: lint has nothing to say, and the API server takes every object`, async () => {
        const said = await succeed(['lint', '--strict', chart], values);
        expect(said)
          .to.contain('0 chart(s) failed')
          .and.not.to.match(/WARNING|ERROR/);
        const objects = await template(values);
        const done = await kubectl(
          ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict', '-f', '-'],
          objects,
        );
        const rendered = await render(values);
        expect(done.trim().split('\n'), done).to.have.length(rendered.length);
      });
    }
  });

  describe('refuses', () => {
    const wrong: [name: string, values: object, sentence: string][] = [
      ['a misspelt value', { oprator: {} }, "at '': additional properties 'oprator' not allowed"],
      [
        'a misspelt value further down',
        { hub: { kafka: { bootstrapServer: ['kafka:9092'] } } },
        "at '/hub/kafka': additional properties 'bootstrapServer' not allowed",
      ],
      [
        'a pull policy that there is not',
        { image: { pullPolicy: 'Sometimes' } },
        "at '/image/pullPolicy': value must be one of 'IfNotPresent', 'Always', 'Never'",
      ],
      ['no replicas', { operator: { replicas: 0 } }, "at '/operator/replicas': minimum: got 0, want 1"],
      [
        'a number in quotes',
        { operator: { replicas: '2' } },
        "at '/operator/replicas': got string, want integer",
      ],
      ['one zone that is no list', { zones: 'zone-a' }, "at '/zones': got string, want array"],
      ['a zone twice', { zones: ['a', 'a'] }, "at '/zones': items at 0 and 1 are equal"],
      [
        'a broker without a port',
        { hub: { kafka: { bootstrapServers: ['kafka'] } } },
        "at '/hub/kafka/bootstrapServers/0': 'kafka' does not match pattern",
      ],
      ['a port out of range', { mockReceiver: { port: 70_000 } }, "at '/mockReceiver/port': maximum: got"],
      [
        'a reply that there is not',
        { mockReceiver: { reply: 'OK' } },
        "at '/mockReceiver/reply': value must be one of 'AA', 'AE', 'AR', 'none', 'close'",
      ],
      [
        'a namespace in capitals',
        { watchNamespace: 'Prod' },
        "at '/watchNamespace': 'Prod' does not match pattern",
      ],
      [
        'a digest that is none',
        { image: { digest: 'latest' } },
        "at '/image/digest': 'latest' does not match",
      ],
      [
        'a Hub without a Kafka',
        { hub: { enabled: true } },
        'hub.enabled needs a Kafka: name its brokers in hub.kafka.bootstrapServers',
      ],
    ];
    for (const [name, values, sentence] of wrong) {
      it(name, async () => {
        const { code, stderr } = await helm(
          ['template', 'integration-hub', chart, '--kube-version=1.34.0', `--api-versions=${hubApi}`],
          values,
        );
        expect(code, 'it was accepted').to.equal(1);
        expect(stderr).to.contain(sentence);
      });
    }
  });

  describe('has', () => {
    it('the definitions of crds/, kept when the release goes', async () => {
      const rendered = await render();
      for (const name of crds) {
        const own = loadYaml<Rendered>(await readFile(join(project, `crds/${name}.yaml`), 'utf8'));
        own.metadata.annotations = { 'helm.sh/resource-policy': 'keep' };
        expect(rendered.find(({ metadata }) => metadata.name === own.metadata.name)).to.deep.equal(own);
      }
    });

    describe('the roles of operator/rbac.yaml', () => {
      const rulesOf = (objects: Rendered[], kind: string): Rule[] =>
        objects
          .filter((one) => one.kind === kind && !/-(view|edit)$/.test(one.metadata.name))
          .flatMap(({ rules }) => rules!);
      let own: Rendered[];

      before(async () => {
        own = loadAllYaml(await readFile(join(project, 'operator/rbac.yaml'), 'utf8')) as Rendered[];
      });

      it('for all namespaces', async () => {
        const objects = await render();
        for (const kind of ['ClusterRole', 'Role']) {
          expect(rulesOf(own, kind)).not.to.deep.equal([]);
          expect(rulesOf(objects, kind), kind).to.have.deep.members(rulesOf(own, kind));
        }
      });

      it('for one namespace', async () => {
        const objects = await render({ watchNamespace: 'watched', readNodes: false });
        expect(rulesOf(objects, 'ClusterRole')).to.deep.equal([]);
        const all = [...rulesOf(own, 'ClusterRole'), ...rulesOf(own, 'Role')];
        const [nodes] = all.filter(({ resources }) => resources.includes('nodes'));
        expect(rulesOf(objects, 'Role')).to.have.deep.members(all.filter((rule) => rule !== nodes));
        const readsNodes = await render({ watchNamespace: 'watched' });
        expect(rulesOf(readsNodes, 'ClusterRole')).to.deep.equal([nodes]);
      });
    });

    it('a Hub with what connects to Kafka, and a right of the operator to read its own Secrets of these', async () => {
      const tls = {
        caSecretName: 'kafka-ca',
        certificateSecretName: 'workers',
        operatorCertificateSecretName: 'own',
      };
      const sasl = { secretName: 'login', username: 'hub' };
      const kafka = { bootstrapServers: ['kafka:9093'], tls, sasl };
      const kafkaSecrets = [{ namespace: 'elsewhere', names: ['their-ca', 'their-login'] }];
      const objects = await render({ hub: { enabled: true, kafka }, kafkaSecrets });
      const hub = objects.find(({ kind }) => kind === 'Hub')!;
      expect(hub.spec).to.have.property('kafka').that.deep.includes({ tls, sasl });
      const rights = objects
        .filter(
          ({ kind, rules = [] }) => kind === 'Role' && rules.some((one) => one.resources.includes('secrets')),
        )
        .map(({ metadata, rules }) => ({ in: metadata.namespace, rules }));
      const rule = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] };
      expect(rights).to.have.deep.members([
        { in: namespace, rules: [{ ...rule, resourceNames: ['kafka-ca', 'own', 'login'] }] },
        { in: 'elsewhere', rules: [{ ...rule, resourceNames: ['their-ca', 'their-login'] }] },
      ]);
      const bound = objects.filter(
        ({ kind, metadata }) => kind === 'RoleBinding' && /-kafka$/.test(metadata.name),
      );
      expect(bound.map(({ metadata }) => metadata.namespace)).to.have.members([namespace, 'elsewhere']);
      const without = await render({ hub: { enabled: true, kafka: { bootstrapServers: ['kafka:9092'] } } });
      expect(
        without.filter(({ rules }) => rules?.some((one) => one.resources.includes('secrets'))),
      ).to.deep.equal([]);
      expect(without.find(({ kind }) => kind === 'Hub')!.spec)
        .to.have.property('kafka')
        .that.does.not.have.any.keys('tls', 'sasl');
    });

    it('dashboards for Grafana, and monitors where they are asked for', async () => {
      const ofKind = (objects: Rendered[], kind: string): Rendered[] =>
        objects.filter((one) => one.kind === kind);
      const dashboards = ofKind(await render(), 'ConfigMap').filter(
        ({ metadata }) => (metadata as { labels?: Record<string, string> }).labels?.grafana_dashboard === '1',
      );
      const data = dashboards.flatMap((one) => Object.entries(one.data!));
      expect(data.map(([name]) => name)).to.deep.equal([
        'integration-hub-flow.json',
        'integration-hub-overview.json',
      ]);
      for (const [name, text] of data) {
        const file = join(chart, 'files/dashboards', name.replace('integration-hub-', ''));
        expect(JSON.parse(text)).to.deep.equal(JSON.parse(await readFile(file, 'utf8')));
      }
      expect(ofKind(await render({ metrics: { dashboards: false } }), 'ConfigMap')).to.deep.equal([]);
      expect(ofKind(await render(), 'PodMonitor')).to.deep.equal([]);
      const monitored = await render({
        watchNamespace: 'watched',
        metrics: { monitors: true, monitorLabels: { release: 'monitoring' } },
      });
      const [ofWorkers] = ofKind(monitored, 'PodMonitor');
      const [ofOperator] = ofKind(monitored, 'ServiceMonitor');
      expect(ofWorkers).to.have.nested.property('metadata.labels.release', 'monitoring');
      expect(ofWorkers!.spec).to.deep.include({ namespaceSelector: { matchNames: ['watched'] } });
      const { matchLabels } = (ofOperator!.spec as { selector: { matchLabels: object } }).selector;
      const service = ofKind(monitored, 'Service').find(
        (one) => one.metadata.name === ofOperator!.metadata.name,
      );
      expect((service!.metadata as { labels?: object }).labels).to.include(matchLabels);
    });

    it('a comment, a place in the schema and a row in the README for every value', async () => {
      const text = await readFile(join(chart, 'values.yaml'), 'utf8');
      const schema = JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8')) as Schema;
      const readme = await readFile(join(chart, 'README.md'), 'utf8');
      const values = leaves(loadYaml(text), schema);
      expect(values).to.have.length.of.at.least(30);
      expect([...readme.matchAll(/^\| `([\w.]+)`/gm)].map(([, name]) => name)).to.deep.equal(values);
      const lines = text.split('\n');
      for (const value of values) {
        const indent = '  '.repeat(value.split('.').length - 1);
        const name = value.split('.').at(-1)!;
        const commented = lines.some(
          (line, at) => line.startsWith(`${indent}${name}:`) && lines[at - 1]?.startsWith(`${indent}# `),
        );
        expect(commented, `a comment above ${value}`).to.equal(true);
      }
    });
  });

  describe('runs', () => {
    const env = (container: Container): Record<string, string> =>
      Object.fromEntries(container.env.map(({ name, value }) => [name, value ?? 'of-the-pod']));
    const containerOf = (objects: Rendered[], name: string): Container => {
      const { spec } = objects.find((one) => one.metadata.name === name && one.kind === 'Deployment')!;
      return (spec as { template: { spec: { containers: [Container] } } }).template.spec.containers[0];
    };
    const inProject = (path: string): string => join(project, path.replace('/app/', ''));

    before(applyDefinitions);

    for (const [about, values, watched] of [
      ['all namespaces', { crds: { install: false } }, ''],
      ['one namespace', { crds: { install: false }, watchNamespace: 'watched', readNodes: false }, 'watched'],
    ] as const) {
      it(`the operator for ${about}, with the roles that it is given and no more`, async () => {
        const objects = await template(values);
        await kubectl(['apply', '--server-side', '-f', '-'], objects);
        const token = (
          await kubectl(['create', 'token', '-n', namespace, 'integration-hub-operator'])
        ).trim();
        const container = containerOf(await render(values), 'integration-hub-operator');
        expect(container.command[0]).to.equal('node');
        const child = spawn(process.execPath, [inProject(container.command[1]!)], {
          env: {
            PATH: process.env.PATH,
            ...env(container),
            POD_NAMESPACE: namespace,
            IHUB_HTTP_PORT: '0',
            KUBECONFIG: await kubeconfigOf(token),
          },
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const lines: { message?: string; httpPort?: number }[] = [];
        createInterface({ input: child.stdout }).on('line', (line) => {
          lines.push(JSON.parse(line) as (typeof lines)[number]);
        });
        const exited = once(child, 'exit');
        try {
          const said = (text: string): (typeof lines)[number] | undefined =>
            lines.find(({ message }) => message === text);
          await until('it leads', () => said('this process leads now') !== undefined, 60_000);
          const url = `http://127.0.0.1:${said('started')!.httpPort!}`;
          const isReady = async (): Promise<boolean> => (await fetch(`${url}/readyz`)).ok;
          await until('it is ready', isReady, 30_000);
          const metrics = await (await fetch(`${url}/metrics`)).text();
          expect(metrics).to.match(/api_calls_total\{verb="list",resource="pods",code="200"\}/);
          expect(metrics).not.to.match(/api_calls_total\{[^}]*code="403"\}/);
        } finally {
          child.kill();
          await exited;
        }
        const may = async (...question: string[]): Promise<string> => {
          const as = `--as=system:serviceaccount:${namespace}:integration-hub-operator`;
          return (await api.kubectl(['auth', 'can-i', as, ...question])).stdout.trim();
        };
        expect(await may('list', 'pods', '-n', 'watched')).to.equal('yes');
        expect(await may('list', 'pods', '-n', 'elsewhere')).to.equal(watched === '' ? 'yes' : 'no');
        expect(await may('get', 'secrets', '-n', 'watched')).to.equal('no');
        await kubectl(['delete', '-f', '-'], objects);
      });
    }

    it('the mock receiver', async () => {
      const [port] = await freePorts(1);
      const objects = await render({ mockReceiver: { enabled: true, port, reply: 'AE', delay: 5 } });
      const { command, args } = containerOf(objects, 'mock-mpi');
      const child = spawn(process.execPath, [inProject(command[1]!), ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      child.kill();
      expect(JSON.parse(line)).to.deep.include({ event: 'listening', port });
    });

    it('a Kafka with the development Kafka’s settings and commands', async () => {
      const [port, controller] = (await freePorts(2)).map(String);
      const objects = await render({ kafka: { enabled: true } });
      const ofKafka = (kind: string): Rendered =>
        objects.find((one) => one.kind === kind && one.metadata.name === 'kafka')!;
      const { spec } = ofKafka('StatefulSet') as {
        spec: { template: { spec: { containers: [{ command: string[] }] } } };
      };
      const script = spec.template.spec.containers[0].command.at(-1)!;
      const [, format] = /kafka-storage\.sh (format .*) -c /.exec(script)!;
      const properties = join(directory, 'server.properties');
      const settings = ofKafka('ConfigMap')
        .data!['server.properties']!.replaceAll('9093', controller!)
        .replaceAll('9092', port!)
        .replace(`kafka.${namespace}.svc`, '127.0.0.1')
        .replace('/var/lib/kafka/data', join(directory, 'kafka'));
      await writeFile(properties, settings);

      const java = process.env.JAVA_HOME === undefined ? 'java' : join(process.env.JAVA_HOME, 'bin/java');
      const onKafka = ['-Xmx384m', '-cp', join(await fetchKafka(), '*')];
      const storage = [...onKafka, 'kafka.tools.StorageTool', ...format!.split(' '), '-c', properties];
      // A pod that starts again finds its storage formatted.
      for (let start = 0; start < 2; start += 1) await promisify(execFile)(java, storage);
      const broker = spawn(java, [...onKafka, 'kafka.Kafka', properties], { stdio: 'ignore' });
      const ended = once(broker, 'exit');
      try {
        const connection = { bootstrapServers: [`127.0.0.1:${port!}`], clientId: 'test' };
        let admin: TopicAdmin | undefined;
        const connect = async (): Promise<boolean> => {
          admin = await TopicAdmin.connect({ connection }).catch(() => undefined);
          return admin !== undefined;
        };
        await until('Kafka answers', connect, 60_000);
        expect(await admin!.brokers()).to.have.length(1);
        await admin!.close();
      } finally {
        broker.kill('SIGKILL');
        await ended;
      }
    });
  });

  async function kubeconfigOf(token: string): Promise<string> {
    const admin = new KubeConfig();
    admin.loadFromFile(api.kubeconfig);
    const config = new KubeConfig();
    config.loadFromClusterAndUser(admin.getCurrentCluster()!, { name: 'operator', token });
    const file = join(directory, 'operator.kubeconfig');
    await writeFile(file, config.exportConfig(), { mode: 0o600 });
    return file;
  }
});

interface Schema {
  properties?: Record<string, Schema>;
}

/** The paths of the values that are set in the end, in their order; they are those for which the schema goes no deeper. */
function leaves(values: unknown, schema: Schema, path: string[] = []): string[] {
  if (schema.properties === undefined) return [path.join('.')];
  return Object.entries(values as object).flatMap(([name, value]) => {
    const property = schema.properties![name];
    expect(property, `the schema of ${[...path, name].join('.')}`).not.to.equal(undefined);
    return leaves(value, property!, [...path, name]);
  });
}
