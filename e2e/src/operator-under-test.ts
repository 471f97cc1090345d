/**
 * The operator program against a real API server and a real Kafka. Nothing runs pods there: a test that needs them
 * says that they are ready, or runs their workers itself.
 *
 * With IHUB_E2E_KUBECONFIG the suite takes a cluster that is there, and leaves out what needs one of its own.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Cluster, KubeConfig, KubernetesObjectApi } from '@kubernetes/client-node';
import { EmbeddedBroker } from '@integration-hub/kafka';
import { startApiServer, type ApiServer } from './cluster/api-server.js';
import { kubectl } from './cluster/kubectl.js';
import { until } from './hub-under-test.js';

const project = fileURLToPath(new URL('../..', import.meta.url));
const program = join(project, 'operator/bin/ihub-operator.js');
export const operatorNamespace = 'integration-hub';
const apiVersion = 'integrationhub.dev/v1alpha1';

export interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

/** An object of the cluster, as far as tests look at it. */
export interface Seen {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    resourceVersion: string;
    finalizers?: string[];
    deletionTimestamp?: unknown;
  };
  spec: Record<string, unknown>;
  data?: Record<string, string>;
  status?: { conditions?: Condition[]; zones?: string; counts?: Record<string, number>; flows?: unknown };
}

/** One request that the API server has served. */
export interface Audited {
  verb: string;
  user: { username: string };
  objectRef?: {
    resource: string;
    subresource?: string;
    apiGroup?: string;
    name?: string;
    namespace?: string;
  };
  responseStatus?: { code: number; message?: string };
  requestReceivedTimestamp: string;
  userAgent?: string;
}

const versions: Readonly<Record<string, string>> = {
  Deployment: 'apps/v1',
  Role: 'rbac.authorization.k8s.io/v1',
  RoleBinding: 'rbac.authorization.k8s.io/v1',
  PodDisruptionBudget: 'policy/v1',
  NetworkPolicy: 'networking.k8s.io/v1',
  Hub: apiVersion,
  IntegrationFlow: apiVersion,
  MessageReplay: apiVersion,
  Destination: apiVersion,
  PrometheusRule: 'monitoring.coreos.com/v1',
};

export class ClusterUnderTest {
  /** Absent where the cluster isn't the test's own. */
  readonly api: ApiServer | undefined;
  readonly broker: EmbeddedBroker;
  readonly kubeconfig: string;
  readonly directory: string;
  readonly #objects: KubernetesObjectApi;
  readonly #operators: OperatorUnderTest[] = [];
  #kubeconfigs = 0;

  private constructor(
    api: ApiServer | undefined,
    broker: EmbeddedBroker,
    kubeconfig: string,
    directory: string,
  ) {
    this.api = api;
    this.broker = broker;
    this.kubeconfig = kubeconfig;
    this.directory = directory;
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    this.#objects = KubernetesObjectApi.makeApiClient(config);
  }

  static async start(): Promise<ClusterUnderTest> {
    const directory = await mkdtemp(join(tmpdir(), 'ihub-operator-'));
    const policy = join(directory, 'audit-policy.json');
    const rules = [{ level: 'Metadata', omitStages: ['RequestReceived', 'ResponseStarted'] }];
    await writeFile(policy, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }));
    const given = process.env.IHUB_E2E_KUBECONFIG;
    const audit = [`--audit-policy-file=${policy}`, `--audit-log-path=${join(directory, 'audit.log')}`];
    const [api, broker] = await Promise.all([
      given === undefined ? startApiServer({ arguments: audit }) : undefined,
      EmbeddedBroker.start({
        dataDirectory: join(directory, 'kafka'),
        logFile: join(directory, 'kafka.log'),
      }),
    ]);
    const cluster = new ClusterUnderTest(api, broker, given ?? api!.kubeconfig, directory);
    try {
      await cluster.#prepare();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** The resource definitions, and what the operator may do. */
  async #prepare(): Promise<void> {
    await this.kubectl('apply', '-k', join(project, 'crds'));
    // kubectl gives up at once on a CRD that has no status yet.
    const wait = ['wait', '--for=condition=Established', '--timeout=5s', 'crd', '--all'];
    const isEstablished = (): Promise<boolean> =>
      this.kubectl(...wait).then(
        () => true,
        () => false,
      );
    await until('the CRDs are established', isEstablished, 30_000);
    await this.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: operatorNamespace } });
    await this.kubectl('apply', '-f', join(project, 'operator/rbac.yaml'));
    await this.rolesAreHeeded();
  }

  /** The API server takes a moment to heed roles that are new, and all of them after its own start. */
  async rolesAreHeeded(): Promise<void> {
    const account = `--as=system:serviceaccount:${operatorNamespace}:integration-hub-operator`;
    // The role of the Lease is the last that is applied.
    const questions = [
      ['list', 'hubs.integrationhub.dev', '-A'],
      ['create', 'leases.coordination.k8s.io', '-n', operatorNamespace],
    ];
    const areHeeded = (): Promise<boolean> =>
      Promise.all(questions.map((question) => this.kubectl('auth', 'can-i', ...question, account))).then(
        () => true,
        () => false,
      );
    await until('the roles are heeded', areHeeded, 60_000);
  }

  async stop(): Promise<void> {
    for (const operator of this.#operators) await operator.kill();
    await this.broker.stop();
    await this.api?.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** @throws Error with what kubectl said */
  async kubectl(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await kubectl(this.kubeconfig, args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const { code, stderr } = await kubectl(this.kubeconfig, ['apply', '--server-side', '-f', '-'], list);
    if (code !== 0) throw new Error(stderr);
  }

  async get(kind: string, namespace: string, name: string): Promise<Seen | undefined> {
    const metadata = { name, namespace };
    try {
      return (await this.#objects.read({
        apiVersion: versions[kind] ?? 'v1',
        kind,
        metadata,
      })) as unknown as Seen;
    } catch (error) {
      if ((error as { code?: number }).code === 404) return undefined;
      throw error;
    }
  }

  async condition(
    kind: string,
    namespace: string,
    name: string,
    type: string,
  ): Promise<Condition | undefined> {
    return (await this.get(kind, namespace, name))?.status?.conditions?.find((one) => one.type === type);
  }

  /** Waits for a condition to have this reason, and gives it. */
  async awaitReason(
    [kind, namespace, name]: readonly [string, string, string],
    type: string,
    reason: string,
    withinMs = 20_000,
  ): Promise<Condition> {
    let last: Condition | undefined;
    const is = async (): Promise<boolean> => {
      last = await this.condition(kind, namespace, name, type);
      return last?.reason === reason;
    };
    await until(`${kind}/${name} is ${type} for ${reason}`, is, withinMs).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}; it is ${JSON.stringify(last)}`);
    });
    return last!;
  }

  /** Makes a namespace with a Hub of one copy. @param tls as its spec.kafka.tls; absent: without */
  async hub(
    namespace: string,
    bootstrapServers: readonly string[] = this.broker.bootstrapServers,
    tls?: object,
  ): Promise<void> {
    const kafka = { bootstrapServers, tls, replicationFactor: 1, minInsyncReplicas: 1 };
    await this.apply(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      {
        apiVersion,
        kind: 'Hub',
        metadata: { name: 'hub', namespace },
        spec: { kafka, zones: ['zone-a', 'zone-b'] },
      },
    );
  }

  /**
   * A kubeconfig with a token of a ServiceAccount.
   *
   * @param server another address of the API server
   */
  async accountKubeconfig(namespace: string, account: string, server?: string): Promise<string> {
    const token = await this.kubectl('create', 'token', account, '-n', namespace);
    const own = this.#server();
    const cluster =
      server === undefined
        ? { server: own.server, 'certificate-authority-data': own.caData }
        : { server, 'insecure-skip-tls-verify': true };
    const file = join(this.directory, `${namespace}-${account}-${++this.#kubeconfigs}.kubeconfig`);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'hub', cluster }],
      users: [{ name: 'hub', user: { token: token.trim() } }],
      contexts: [{ name: 'hub', context: { cluster: 'hub', user: 'hub' } }],
      'current-context': 'hub',
    };
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  /** What a program knows the API server by in a pod of a ServiceAccount. */
  async accountEnvironment(namespace: string, account: string): Promise<NodeJS.ProcessEnv> {
    const folder = await mkdtemp(join(this.directory, `${namespace}-${account}-`));
    const { server, caData } = this.#server();
    await writeFile(join(folder, 'ca.crt'), Buffer.from(caData!, 'base64'));
    const token = await this.kubectl('create', 'token', account, '-n', namespace);
    await writeFile(join(folder, 'token'), token, { mode: 0o600 });
    const { hostname, port } = new URL(server);
    return {
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port || '443',
      IHUB_SERVICE_ACCOUNT: folder,
    };
  }

  #server(): Cluster {
    const admin = new KubeConfig();
    admin.loadFromFile(this.kubeconfig);
    return admin.getCurrentCluster()!;
  }

  /**
   * Starts the operator with the roles that are shipped.
   *
   * @param server another address of the API server, such as a proxy's
   * @param environment variables beside those of this process
   */
  async operator(
    args: readonly string[] = [],
    server?: string,
    environment: NodeJS.ProcessEnv = {},
  ): Promise<OperatorUnderTest> {
    const kubeconfig = await this.accountKubeconfig(operatorNamespace, 'integration-hub-operator', server);
    const operator = new OperatorUnderTest(kubeconfig, args, environment);
    this.#operators.push(operator);
    await operator.started();
    return operator;
  }

  /** What the API server has served to the operator, leases aside. */
  async audited(since = new Date(0)): Promise<Audited[]> {
    const text = await readFile(join(this.directory, 'audit.log'), 'utf8');
    return text
      .split('\n')
      .filter((line) => line.includes('integration-hub-operator'))
      .map((line) => JSON.parse(line) as Audited)
      .filter(
        ({ user, requestReceivedTimestamp, objectRef }) =>
          user.username === `system:serviceaccount:${operatorNamespace}:integration-hub-operator` &&
          objectRef?.resource !== 'leases' &&
          Date.parse(requestReceivedTimestamp) >= since.getTime(),
      );
  }

  async writes(since: Date): Promise<string[]> {
    return (await this.audited(since))
      .filter(({ verb }) => !['get', 'list', 'watch'].includes(verb))
      .map(({ verb, objectRef }) => `${verb} ${objectRef?.resource ?? ''}/${objectRef?.name ?? ''}`);
  }

  /** Waits until the operator has written nothing for two seconds. */
  async atRest(): Promise<void> {
    const quiet = async (): Promise<boolean> =>
      (await this.writes(new Date(Date.now() - 2_000))).length === 0;
    await until('the operator is at rest', quiet, 40_000);
  }

  /** Says of a stage that a worker of it is ready in a zone, as a kubelet would. */
  async readyPod(namespace: string, stage: string, zone: string): Promise<string> {
    const deployment = await this.get('Deployment', namespace, stage);
    const { template } = deployment!.spec as { template: { metadata: object; spec: object } };
    const name = `${stage}-${zone}`;
    await this.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...template.metadata, name, namespace },
      spec: { ...template.spec, nodeName: `node-of-${zone}` },
    });
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }];
    await this.kubectl(
      ...['patch', 'pod', name, '-n', namespace, '--subresource=status', '--type=merge'],
      ...['-p', JSON.stringify({ status: { phase: 'Running', conditions } })],
    );
    return name;
  }
}

/** A process of the operator, which is started anew when it ends by itself, as a kubelet does. */
export class OperatorUnderTest {
  /** What it has logged, and those before it. */
  readonly lines: Record<string, unknown>[] = [];
  /** The exit codes of those that have ended by themselves. */
  readonly ends: (number | null)[] = [];
  readonly #start: () => ChildProcess;
  #child!: ChildProcess;
  #exited!: Promise<unknown>;
  #isToEnd = false;
  /** Lines of those before it. */
  #formerLines = 0;
  httpPort = 0;

  constructor(kubeconfig: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const fixed = ['--worker-image', 'ihub:test', '--lease-namespace', operatorNamespace, '--http-port', '0'];
    this.#start = () =>
      spawn(process.execPath, [program, ...fixed, ...args], {
        env: { ...process.env, ...environment, KUBECONFIG: kubeconfig },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
    this.#run();
  }

  #run(): void {
    const child = this.#start();
    this.#child = child;
    this.#exited = once(child, 'exit');
    this.#formerLines = this.lines.length;
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      this.lines.push(entry);
      if (entry.message === 'started') this.httpPort = entry.httpPort as number;
    });
    child.once('exit', (code) => {
      if (this.#isToEnd) return;
      this.ends.push(code);
      setTimeout(() => {
        if (!this.#isToEnd) this.#run();
      }, 200);
    });
  }

  async started(): Promise<void> {
    await until('the operator has started', () => this.httpPort !== 0 || this.ends.length > 0, 60_000);
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  get leads(): boolean {
    return this.leadsSince !== undefined;
  }

  /** When it became the leader, as Date.now(). */
  get leadsSince(): number | undefined {
    const line = this.lines
      .slice(this.#formerLines)
      .find(({ message }) => message === 'this process leads now');
    return line && Date.parse(line.timestamp as string);
  }

  async get(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.httpPort}${path}`);
    return { status: response.status, text: await response.text() };
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<void> {
    this.#isToEnd = true;
    this.#child.kill('SIGTERM');
    await this.#exited;
  }

  async kill(): Promise<void> {
    this.#isToEnd = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

/** Stands between the operator and the API server, and makes trouble. */
export class TroublesomeProxy {
  /** Answers a request instead of the API server: a status, or undefined to let it through. */
  refuse: (request: IncomingMessage) => number | undefined = () => undefined;
  readonly #target: URL;
  readonly #ca: Buffer;
  readonly #server: Server;
  readonly #open = new Set<{ isSilent: boolean }>();

  constructor(target: string, ca: Buffer) {
    this.#target = new URL(target);
    this.#ca = ca;
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** From now on nothing more comes of what is being answered; nobody is told. */
  fallSilent(): void {
    for (const exchange of this.#open) exchange.isSilent = true;
  }

  /** Requests that are being answered, watches among them. */
  get openExchanges(): number {
    return this.#open.size;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const status = this.refuse(request);
    if (status !== undefined) {
      request.resume();
      const body = {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        code: status,
        message: 'made up by a test',
      };
      response.writeHead(status, {
        'content-type': 'application/json',
        ...(status === 429 && { 'retry-after': '1' }),
      });
      response.end(JSON.stringify(body));
      return;
    }
    const exchange = { isSilent: false };
    this.#open.add(exchange);
    const { hostname, port } = this.#target;
    const upstream = httpsRequest(
      { hostname, port, ca: this.#ca, path: request.url, method: request.method, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.on('data', (chunk: Buffer) => {
          if (!exchange.isSilent) response.write(chunk);
        });
        answer.on('end', () => {
          this.#open.delete(exchange);
          if (!exchange.isSilent) response.end();
        });
        answer.on('error', () => response.destroy());
      },
    );
    upstream.on('error', () => response.destroy());
    response.on('close', () => {
      this.#open.delete(exchange);
      upstream.destroy();
    });
    request.pipe(upstream);
  }
}
