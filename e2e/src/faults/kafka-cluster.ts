import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { fetchKafka, TopicAdmin } from '@integration-hub/kafka';
import type { Place, ZoneName, ZoneNetwork } from './zone-network.js';

/** A node of the cluster, which is a broker or a controller, never both: a lost zone is then mended by one restart. */
export interface KafkaNode {
  readonly id: number;
  readonly role: 'broker' | 'controller';
  readonly place: Place;
  readonly port: number;
}

/** Two brokers a zone; a controller in each zone, and one in a third place, so that no zone has the majority. */
export const KAFKA_NODES: readonly KafkaNode[] = [
  { id: 1, role: 'broker', place: 'zone-a', port: 9092 },
  { id: 2, role: 'broker', place: 'zone-a', port: 9093 },
  { id: 3, role: 'broker', place: 'zone-b', port: 9092 },
  { id: 4, role: 'broker', place: 'zone-b', port: 9093 },
  { id: 11, role: 'controller', place: 'zone-a', port: 9094 },
  { id: 12, role: 'controller', place: 'zone-b', port: 9094 },
  { id: 13, role: 'controller', place: 'witness', port: 9094 },
];

const START_DEADLINE = 120_000;
const brokerPackage = join(
  dirname(createRequire(import.meta.url).resolve('@integration-hub/kafka')),
  '..',
  'broker',
);

/** A real Kafka over two zones: 4 copies, 3 in sync for an acknowledgement, no unclean election. */
export class KafkaCluster {
  readonly #network: ZoneNetwork;
  readonly #directory: string;
  readonly #jars: string;
  readonly #processes = new Map<number, ChildProcess>();
  readonly #starting = new Map<number, Promise<void>>();
  #stopped = false;

  private constructor(network: ZoneNetwork, directory: string, jars: string) {
    this.#network = network;
    this.#directory = directory;
    this.#jars = jars;
  }

  /** Starts all nodes at once and resolves when all four brokers are there. */
  static async start(network: ZoneNetwork, directory: string): Promise<KafkaCluster> {
    const cluster = new KafkaCluster(network, directory, await fetchKafka());
    await cluster.#format();
    await Promise.all(KAFKA_NODES.map((node) => cluster.startNode(node.id)));
    await cluster.allBrokers();
    return cluster;
  }

  get bootstrapServers(): string[] {
    return KAFKA_NODES.filter(({ role }) => role === 'broker').map((node) => this.#addressOf(node));
  }

  /** Those of one zone, for who must not ask the other. */
  bootstrapServersOf(zone: ZoneName): string[] {
    return KAFKA_NODES.filter(({ role, place }) => role === 'broker' && place === zone).map((node) =>
      this.#addressOf(node),
    );
  }

  isRunning(id: number): boolean {
    const child = this.#processes.get(id);
    return child?.exitCode === null && child.signalCode === null;
  }

  /** SIGKILL, SIGSTOP, SIGCONT or SIGTERM for one node. */
  signal(id: number, signal: NodeJS.Signals): void {
    if (this.isRunning(id)) process.kill(this.#processes.get(id)!.pid!, signal);
  }

  /** Ends a node and waits until it has. */
  async end(id: number, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.signal(id, signal);
    const deadline = Date.now() + 30_000;
    while (this.isRunning(id)) {
      if (Date.now() > deadline) this.signal(id, 'SIGKILL');
      await sleep(20);
    }
  }

  /** From here on no file of a node may grow: its writes fail (setrlimit(2), EFBIG), as on a disk that is full. */
  async fillDisk(id: number): Promise<void> {
    if (!this.isRunning(id)) return;
    const { pid } = this.#processes.get(id)!;
    await promisify(execFile)('prlimit', ['--pid', String(pid), '--fsize=0']);
  }

  /**
   * Starts a node that does not run, on what it has on its disk; nothing where the cluster has been stopped. Of two
   * faults at a time both may want to, at the same moment.
   */
  async startNode(id: number): Promise<void> {
    const starting = this.#starting.get(id) ?? this.#startNode(id).finally(() => this.#starting.delete(id));
    this.#starting.set(id, starting);
    await starting;
  }

  async #startNode(id: number): Promise<void> {
    if (this.isRunning(id)) return;
    const { role, place } = KAFKA_NODES.find((node) => node.id === id)!;
    const log = await open(join(this.#directory, `${id}.log`), 'a');
    const [command, ...words] = this.#network.within(place);
    const archive = await this.#classArchive();
    // A fault that was left in the middle may still want the node.
    if (this.#stopped) {
      await log.close();
      return;
    }
    const child = spawn(
      command,
      [
        ...words,
        'java',
        `-Xmx${role === 'broker' ? 256 : 128}m`,
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-XX:+ExitOnOutOfMemoryError',
        ...archive,
        `-Dlog4j2.configurationFile=${join(brokerPackage, 'log4j2.xml')}`,
        '-cp',
        join(this.#jars, '*'),
        'kafka.Kafka',
        this.#propertiesFile(id),
      ],
      { stdio: ['ignore', log.fd, log.fd] },
    );
    await log.close();
    this.#processes.set(id, child);
    child.on('error', () => undefined);
  }

  /** Resolves when the cluster lists all brokers, and every copy of every partition is in sync. */
  async allBrokers(): Promise<void> {
    const deadline = Date.now() + START_DEADLINE;
    const brokers = KAFKA_NODES.filter(({ role }) => role === 'broker').length;
    for (;;) {
      const found = await this.#countBrokers().catch(() => 0);
      if (found === brokers) return;
      if (Date.now() > deadline) {
        throw new Error(
          `of ${brokers} brokers ${found} are there after ${START_DEADLINE} ms; see ${this.#directory}`,
        );
      }
      await sleep(300);
    }
  }

  async admin(options: { requestTimeoutMs?: number } = {}): Promise<TopicAdmin> {
    return TopicAdmin.connect({
      connection: { bootstrapServers: this.bootstrapServers, clientId: 'faults' },
      ...options,
    });
  }

  /** Kills all nodes: what they hold is not needed any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(KAFKA_NODES.map(({ id }) => this.end(id, 'SIGKILL')));
  }

  /** Leaves of all nodes, which must have ended, their logs only. */
  async removeData(): Promise<void> {
    for (const { id } of KAFKA_NODES) await rm(this.#dataDirectory(id), { recursive: true, force: true });
  }

  async #countBrokers(): Promise<number> {
    const admin = await this.admin();
    try {
      return (await admin.brokers()).length;
    } finally {
      await admin.close();
    }
  }

  #addressOf({ place, port }: KafkaNode): string {
    return `${this.#network.address(place)}:${port}`;
  }

  #propertiesFile(id: number): string {
    return join(this.#directory, `${id}.properties`);
  }

  #dataDirectory(id: number): string {
    return join(this.#directory, `data-${id}`);
  }

  async #classArchive(): Promise<string[]> {
    const { stderr } = await promisify(execFile)('java', ['-version']);
    const archive = `${this.#jars}-java-${/version "([^"]+)"/.exec(stderr)?.[1]}.jsa`;
    return existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`, '-Xshare:auto', '-Xlog:cds=off'] : [];
  }

  /** Formats one node's disk with Kafka's own tool, which takes seconds, and copies it for the others. */
  async #format(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    for (const node of KAFKA_NODES) await writeFile(this.#propertiesFile(node.id), this.#properties(node));
    const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
    const first = KAFKA_NODES[0]!.id;
    await promisify(execFile)('java', [
      '-XX:TieredStopAtLevel=1',
      '-cp',
      join(this.#jars, '*'),
      'kafka.tools.StorageTool',
      'format',
      '-t',
      clusterId,
      '-c',
      this.#propertiesFile(first),
    ]);
    const formatted = this.#dataDirectory(first);
    const meta = await readFile(join(formatted, 'meta.properties'), 'utf8');
    for (const { id } of KAFKA_NODES) {
      if (id === first) continue;
      await cp(formatted, this.#dataDirectory(id), { recursive: true });
      const own = meta
        .replace(/^node\.id=.*$/m, `node.id=${id}`)
        .replace(
          /^directory\.id=.*$/m,
          `directory.id=${randomBytes(16).toString('base64url').replace(/^-/, 'A')}`,
        );
      await writeFile(join(this.#dataDirectory(id), 'meta.properties'), own);
    }
  }

  #properties(node: KafkaNode): string {
    const voters = KAFKA_NODES.filter(({ role }) => role === 'controller')
      .map((controller) => `${controller.id}@${this.#addressOf(controller)}`)
      .join(',');
    const listener = node.role === 'broker' ? 'PLAINTEXT' : 'CONTROLLER';
    const properties: Record<string, string | number | boolean> = {
      'process.roles': node.role,
      'node.id': node.id,
      // Static voters: a site that has lost the majority can name the survivor as the only one (docs/two-zones.md).
      'controller.quorum.voters': voters,
      'controller.listener.names': 'CONTROLLER',
      listeners: `${listener}://${this.#addressOf(node)}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'log.dirs': this.#dataDirectory(node.id),
      'auto.create.topics.enable': false,
      'unclean.leader.election.enable': false,
      'message.max.bytes': 10 * 1024 * 1024,
      'default.replication.factor': 4,
      'min.insync.replicas': 3,
      'offsets.topic.replication.factor': 4,
      'offsets.topic.num.partitions': 4,
      'transaction.state.log.replication.factor': 4,
      'transaction.state.log.min.isr': 3,
      'transaction.state.log.num.partitions': 4,
      'transaction.max.timeout.ms': 60_000,
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': 2_000,
      'group.initial.rebalance.delay.ms': 0,
      // Who joins a group before min.insync.replicas is lowered is otherwise refused after 5 s, and begins anew.
      'offsets.commit.timeout.ms': 10_000,
      // A broker that is silent for so long is taken for gone, and one that lags for so long for out of sync.
      'broker.session.timeout.ms': 3_000,
      'broker.heartbeat.interval.ms': 500,
      'replica.lag.time.max.ms': 4_000,
      'replica.socket.timeout.ms': 4_000,
      // A broker goes on asking a controller that has vanished for 30 s, and one that leads a partition or coordinates
      // transactions for as long: until then no setting is changed and no transaction ends (docs/two-zones.md).
      'controller.socket.timeout.ms': 2_000,
      'request.timeout.ms': 4_000,
      'socket.connection.setup.timeout.ms': 1_000,
      'socket.connection.setup.timeout.max.ms': 2_000,
      'controller.quorum.fetch.timeout.ms': 2_000,
      'controller.quorum.election.timeout.ms': 1_000,
      'log.cleaner.dedupe.buffer.size': 2 * 1024 * 1024,
      'num.network.threads': 1,
      'num.io.threads': 2,
      // A long run is not to fill the disk; a partition never has so much that is yet to be read.
      'log.segment.bytes': 32 * 1024 * 1024,
      'log.retention.bytes': 192 * 1024 * 1024,
      'log.retention.check.interval.ms': 60_000,
    };
    if (node.role === 'broker') {
      properties['broker.rack'] = node.place;
      properties['advertised.listeners'] = `PLAINTEXT://${this.#addressOf(node)}`;
    }
    return Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
  }
}
