import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { plan, problemText, readResources, type Role, type Stage } from '@integration-hub/api';
import { MockReceiver } from '@integration-hub/cli';
import { Message } from '@integration-hub/hl7';
import type { KafkaClientName } from '@integration-hub/kafka';
import { flows, phwAsDelivered, samples } from '../flows.js';
import { KafkaCluster } from './kafka-cluster.js';
import { Ledger } from './ledger.js';
import { LoadSender, type Misbehaviour } from './load.js';
import { KeptProcess } from './kept-process.js';
import { Random } from './random.js';
import type { WatchedKafka, WatchReport } from './watch-zones.js';
import { ZONE_NAMES, ZoneNetwork } from './zone-network.js';
import { ZoneWorker } from './zone-worker.js';

const WANTED_IN_SYNC = 3;
/** For how long a zone must have been lost before what must be in sync is lowered; its brokers' own time to be taken for gone comes before. */
const LOWER_AFTER = 1_000;
const LOOK_EVERY = 500;
/**
 * Of all messages, those of the flow in one order: one after another, each waits for its delivery and its commit. With
 * this many a second, or fewer, two cores keep up.
 */
const SHARE_IN_ONE_ORDER = 0.1;
const MOST_IN_ONE_ORDER = 15;
/** The load goes on while what it has sent in so many seconds has yet to arrive. */
const SECONDS_AWAITED = 12;

export interface TwoZoneHubOptions {
  /** Sending systems for each of the two flows. */
  readonly sendersPerFlow: number;
  /** Messages a second of all senders together, as long as nothing holds them up. */
  readonly rate: number;
  readonly seed: number;
  /** The library that workers speak to Kafka with; default: that of hubs. */
  readonly client?: KafkaClientName | undefined;
  /** How long the hub may take to be as before a fault; default 180,000 ms. */
  readonly patienceMs?: number;
  /** Other programs than ours for roles, to show the machine something that is wrong. */
  readonly programs?: Partial<Record<Role, string>>;
  readonly onProgress: (sentence: string) => void;
}

/**
 * The whole hub over two zones with its senders and its receiver: the PHW flow, which is transformed and in one order,
 * and the Paris flow, which is not, and is ordered by patient. Everything is a process; zones are network namespaces.
 */
export class TwoZoneHub {
  readonly network: ZoneNetwork;
  readonly kafka: KafkaCluster;
  readonly workers: readonly ZoneWorker[];
  readonly receiver: MockReceiver;
  readonly ledger: Ledger;
  readonly senders: readonly LoadSender[];
  readonly misbehaviour: Misbehaviour;
  readonly patienceMs: number;
  /** Where each flow's listeners are, by the flow's port. */
  readonly listeners: ReadonlyMap<number, readonly { readonly host: string; readonly port: number }[]>;
  readonly #directory: string;
  /** What the operator does in a cluster: lowers what must be in sync when a zone is lost, and raises it again. */
  readonly zoneWatch: KeptProcess;
  #lastLook: WatchReport | undefined;
  #lost: string | undefined;
  #sending: Promise<unknown> = Promise.resolve();
  #failLoad: (error: Error) => void = () => undefined;
  /** Fails when a sender of the load does; never ends otherwise. */
  readonly loadFailure: Promise<never>;

  private constructor(
    directory: string,
    network: ZoneNetwork,
    kafka: KafkaCluster,
    stages: readonly Stage[],
    topics: readonly string[],
    options: TwoZoneHubOptions,
  ) {
    this.#directory = directory;
    this.patienceMs = options.patienceMs ?? 180_000;
    this.network = network;
    this.kafka = kafka;
    this.workers = stages.flatMap((stage) =>
      ZONE_NAMES.map(
        (zone) => new ZoneWorker(stage, zone, network, directory, options.programs?.[stage.role]),
      ),
    );
    this.ledger = new Ledger();
    this.loadFailure = new Promise((_, reject) => (this.#failLoad = reject));
    this.loadFailure.catch(() => undefined);
    this.receiver = new MockReceiver(
      { host: network.machine, port: 2576, reply: 'AA', delayMs: 0 },
      { message: ({ bytes }) => this.ledger.arrived(Message.parse(bytes).controlId, Buffer.from(bytes)) },
    );
    this.misbehaviour = { halfMessages: 0, unreadAcknowledgements: 0, repetitions: 0 };
    this.listeners = new Map(
      [2575, 2577].map((port) => [port, ZONE_NAMES.map((zone) => ({ host: network.address(zone), port }))]),
    );
    this.senders = [2575, 2577].flatMap((port) =>
      Array.from({ length: options.sendersPerFlow }, (_, index) => this.#sender(port, index, options)),
    );
    const watched: WatchedKafka = {
      bootstrapServers: kafka.bootstrapServers,
      topics,
      inSync: WANTED_IN_SYNC,
      zones: ZONE_NAMES,
      lowerAfterMs: LOWER_AFTER,
      everyMs: LOOK_EVERY,
    };
    const program = fileURLToPath(new URL('watch-zones.js', import.meta.url));
    this.zoneWatch = new KeptProcess(
      'zone watch',
      [process.execPath, program, JSON.stringify(watched)],
      join(directory, 'zone-watch.log'),
    );
    this.zoneWatch.onMessage = (report) => this.#looked(report as WatchReport, options.onProgress);
  }

  /** Starts everything but the load. */
  static async start(options: TwoZoneHubOptions): Promise<TwoZoneHub> {
    const directory = await mkdtemp(join(tmpdir(), 'ihub-faults-'));
    options.onProgress(`logs are in ${directory}`);
    const network = await ZoneNetwork.make();
    let kafka: KafkaCluster | undefined;
    let hub: TwoZoneHub | undefined;
    try {
      kafka = await KafkaCluster.start(network, join(directory, 'kafka'));
      options.onProgress('Kafka runs: 4 brokers and 3 controllers');
      const { topics, stages } = planOf(kafka, network, options.client);
      const admin = await kafka.admin();
      await admin.ensureTopics(topics);
      await admin.close();
      const names = topics.map(({ name }) => name);
      hub = new TwoZoneHub(directory, network, kafka, stages, names, options);
      await hub.receiver.start();
      await Promise.all([...hub.workers, hub.zoneWatch].map((each) => each.start()));
      await hub.allRunning();
      options.onProgress(`${hub.workers.length} workers run, ${hub.workers.length / 2} in each zone`);
      return hub;
    } catch (error) {
      if (hub) await hub.stop({ keepLogs: true });
      else {
        await kafka?.stop();
        await network.remove();
      }
      throw error;
    }
  }

  workersOf(role: Role): ZoneWorker[] {
    return this.workers.filter(({ stage }) => stage.role === role);
  }

  startLoad(): void {
    this.#sending = Promise.all(this.senders.map((sender) => sender.run()));
    this.#sending.catch(this.#failLoad);
  }

  /** Ends the load: every message begun is acknowledged then. */
  async stopLoad(): Promise<void> {
    for (const sender of this.senders) sender.stop();
    await this.#sending;
  }

  async allRunning(): Promise<void> {
    const all = [...this.workers, this.zoneWatch];
    await until('every worker runs', () => all.every(({ running }) => running), 120_000);
  }

  /**
   * Resolves once the hub is as before a fault: every worker runs, every broker is there with every copy in sync and
   * three of them asked for again, and what had been acknowledged by then has arrived.
   */
  async recovered(): Promise<void> {
    await this.allRunning();
    this.#lastLook = undefined;
    const isWhole = (): boolean => this.#lastLook?.isWhole === true && this.#lastLook.brokers === 4;
    await until('every copy is in sync', isWhole, this.patienceMs);
    const now = performance.now();
    await until('what was held up has arrived', () => this.ledger.hasArrived(now), this.patienceMs);
  }

  /** Resolves when all that was acknowledged has arrived. */
  async delivered(): Promise<void> {
    await until('all that was acknowledged has arrived', () => this.ledger.hasArrived(), this.patienceMs);
  }

  async stop({ keepLogs = false } = {}): Promise<void> {
    for (const sender of this.senders) sender.stop();
    await Promise.all([...this.workers, this.zoneWatch].map((each) => each.stop('SIGKILL')));
    await this.receiver.kill();
    await this.kafka.stop();
    await this.network.remove();
    if (keepLogs) await this.kafka.removeData();
    else await rm(this.#directory, { recursive: true, force: true });
  }

  #looked(look: WatchReport, onProgress: (sentence: string) => void): void {
    const { lost, changes } = look;
    if (lost?.name !== this.#lost) onProgress(lost ? `${lost.name} is lost` : 'both zones have brokers');
    this.#lost = lost?.name;
    if (changes.length > 0) onProgress(`${changes.length} topics: ${changes[0]!.detail}`);
    this.#lastLook = look;
  }

  #sender(port: number, index: number, options: TwoZoneHubOptions): LoadSender {
    const isPhw = port === 2575;
    const name = `${isPhw ? 'phw' : 'paris'}${index}`;
    const template = isPhw
      ? samples.phw
      : Buffer.from(samples.paris.toString('latin1').replace('|550123^', `|${name}^`), 'latin1');
    const addresses = this.listeners.get(port)!;
    const inOneOrder = Math.min(options.rate * SHARE_IN_ONE_ORDER, MOST_IN_ONE_ORDER);
    const rate = isPhw ? inOneOrder : options.rate - inOneOrder;
    return new LoadSender({
      name,
      // Half of them have the other zone nearest.
      addresses: index % 2 === 0 ? addresses : [...addresses].reverse(),
      template,
      expected: isPhw ? phwAsDelivered : (sent) => sent,
      ledger: this.ledger,
      misbehaviour: this.misbehaviour,
      random: new Random(options.seed + port * 100 + index),
      paceMs: (1_000 * options.sendersPerFlow) / rate,
      mostAwaited: options.rate * SECONDS_AWAITED,
      ackTimeoutMs: 12_000,
    });
  }
}

function planOf(
  kafka: KafkaCluster,
  network: ZoneNetwork,
  client: KafkaClientName | undefined,
): ReturnType<typeof plan> {
  const hub = `apiVersion: integrationhub.dev/v1alpha1
kind: Hub
metadata:
  name: two-zones
spec:
  zones: [${ZONE_NAMES.join(', ')}]
  kafka:${client === undefined ? '' : `\n    client: ${client}`}
    bootstrapServers: [${kafka.bootstrapServers.map((server) => `'${server}'`).join(', ')}]
`;
  const resources = flows({
    orderBy: 'PID-3.1',
    connections: 16,
    ackTimeout: '5s',
    retryInitial: '200ms',
    retryMax: '2s',
    onRefusal: 'Retry',
    // Shorter than the senders' patience: what a sender sends elsewhere must not be stored here any more.
    storeTimeout: '8s',
  }).replaceAll('host: 127.0.0.1', `host: ${network.machine}`);
  const read = readResources(`${hub}---\n${resources}`, 'faults');
  const planned = plan(read.hubs[0]!, read.flows, read.destinations);
  const problems = [...read.problems, ...planned.problems];
  if (problems.length > 0) throw new Error(problems.map(problemText).join('\n'));
  return planned;
}

/** Waits for something to become true; fails with its name when it doesn't in time. */
async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(50);
  }
}
