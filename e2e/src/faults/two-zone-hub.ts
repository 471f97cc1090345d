import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { plan, problemText, readResources, type Role, type Stage } from '@integration-hub/api';
import { MockReceiver } from '@integration-hub/cli';
import { Message } from '@integration-hub/hl7';
import {
  applyZoneRedundancy,
  decideZoneRedundancy,
  type LostZone,
  observeZones,
  type TopicAdmin,
} from '@integration-hub/kafka';
import { flows, phwAsDelivered, samples } from '../flows.js';
import { KafkaCluster } from './kafka-cluster.js';
import { Ledger } from './ledger.js';
import { LoadSender, type Misbehaviour } from './load.js';
import { Random } from './random.js';
import { ZONE_NAMES, ZoneNetwork } from './zone-network.js';
import { ZoneWorker } from './zone-worker.js';

/** Kafka's own topics, which groups and transactions need, in the same number of copies as all others. */
const INTERNAL_TOPICS = ['__consumer_offsets', '__transaction_state'];
const WANTED_IN_SYNC = 3;
/** For how long a zone must have been lost before the operator lowers what must be in sync; its brokers' own time to be taken for gone comes before. */
const LOWER_AFTER = 1_000;
const LOOK_EVERY = 500;

export interface TwoZoneHubOptions {
  /** Sending systems for each of the two flows. */
  readonly sendersPerFlow: number;
  /** Of each sender, between an acknowledgement and the next message, in milliseconds. */
  readonly paceMs: number;
  readonly seed: number;
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
  /** Where each flow's listeners are, by the flow's port. */
  readonly listeners: ReadonlyMap<number, readonly { readonly host: string; readonly port: number }[]>;
  readonly #directory: string;
  readonly #redundancy: RedundancyKeeper;
  #sending: Promise<unknown> = Promise.resolve();

  private constructor(
    directory: string,
    network: ZoneNetwork,
    kafka: KafkaCluster,
    stages: readonly Stage[],
    topics: readonly string[],
    options: TwoZoneHubOptions,
  ) {
    this.#directory = directory;
    this.network = network;
    this.kafka = kafka;
    this.workers = stages.flatMap((stage) =>
      ZONE_NAMES.map(
        (zone) => new ZoneWorker(stage, zone, network, directory, options.programs?.[stage.role]),
      ),
    );
    this.ledger = new Ledger();
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
    const wanted = new Map([...topics, ...INTERNAL_TOPICS].map((topic) => [topic, WANTED_IN_SYNC]));
    this.#redundancy = new RedundancyKeeper(kafka, wanted, options.onProgress);
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
      const { topics, stages } = planOf(kafka, network);
      const admin = await kafka.admin();
      await admin.ensureTopics(topics);
      await admin.close();
      const names = topics.map(({ name }) => name);
      hub = new TwoZoneHub(directory, network, kafka, stages, names, options);
      await hub.receiver.start();
      await Promise.all(hub.workers.map((worker) => worker.start()));
      await hub.allRunning();
      options.onProgress(`${hub.workers.length} workers run, ${hub.workers.length / 2} in each zone`);
      hub.#redundancy.start();
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
  }

  /** Ends the load: every message begun is acknowledged then. */
  async stopLoad(): Promise<void> {
    for (const sender of this.senders) sender.stop();
    await this.#sending;
  }

  async allRunning(): Promise<void> {
    await until('every worker runs', () => this.workers.every(({ running }) => running), 120_000);
  }

  /**
   * Resolves once the hub is as before a fault: every worker runs, every broker is there with every copy in sync and
   * three of them asked for again, and little is under way.
   */
  async recovered(): Promise<void> {
    await this.allRunning();
    await until('every copy is in sync', () => this.#redundancy.isWhole(), 180_000);
    await until(
      'what was held up has arrived',
      () => this.ledger.awaited <= 2 * this.senders.length,
      120_000,
    );
  }

  /** Resolves when all that was acknowledged has arrived. */
  async delivered(withinMs: number): Promise<void> {
    await until('all that was acknowledged has arrived', () => this.ledger.awaited === 0, withinMs);
  }

  async stop({ keepLogs = false } = {}): Promise<void> {
    for (const sender of this.senders) sender.stop();
    await this.#redundancy.stop();
    await Promise.all(this.workers.map((worker) => worker.stop('SIGKILL')));
    await this.receiver.kill();
    await this.kafka.stop();
    await this.network.remove();
    if (!keepLogs) await rm(this.#directory, { recursive: true, force: true });
  }

  #sender(port: number, index: number, options: TwoZoneHubOptions): LoadSender {
    const isPhw = port === 2575;
    const name = `${isPhw ? 'phw' : 'paris'}${index}`;
    const template = isPhw
      ? samples.phw
      : Buffer.from(samples.paris.toString('latin1').replace('|550123^', `|${name}^`), 'latin1');
    const addresses = this.listeners.get(port)!;
    return new LoadSender({
      name,
      // Half of them have the other zone nearest.
      addresses: index % 2 === 0 ? addresses : [...addresses].reverse(),
      template,
      expected: isPhw ? phwAsDelivered : (sent) => sent,
      ledger: this.ledger,
      misbehaviour: this.misbehaviour,
      random: new Random(options.seed + port * 100 + index),
      paceMs: options.paceMs,
      ackTimeoutMs: 12_000,
    });
  }
}

/** What the operator does in a cluster: lowers what must be in sync when a zone is lost, and raises it again. */
class RedundancyKeeper {
  readonly #kafka: KafkaCluster;
  readonly #wanted: ReadonlyMap<string, number>;
  readonly #onProgress: (sentence: string) => void;
  #zones: ReadonlyMap<number, string> = new Map();
  #lost: LostZone | undefined;
  #admin: TopicAdmin | undefined;
  #whole = false;
  #stopped = false;
  #lastFailure = '';
  #looking = Promise.resolve();

  constructor(
    kafka: KafkaCluster,
    wanted: ReadonlyMap<string, number>,
    onProgress: (sentence: string) => void,
  ) {
    this.#kafka = kafka;
    this.#wanted = wanted;
    this.#onProgress = onProgress;
  }

  start(): void {
    this.#looking = (async () => {
      while (!this.#stopped) {
        await this.#look().catch(async (error: unknown) => {
          const sentence = `redundancy can't be looked after: ${(error as Error).message}`;
          if (sentence !== this.#lastFailure) this.#onProgress(sentence);
          this.#lastFailure = sentence;
          const failed = this.#admin;
          this.#admin = undefined;
          this.#whole = false;
          await failed?.close().catch(() => undefined);
        });
        await sleep(LOOK_EVERY);
      }
    })();
  }

  /** Whether at the last look, made since the call, every copy was in sync, and as many asked for as should be. */
  async isWhole(): Promise<boolean> {
    this.#whole = false;
    await sleep(2 * LOOK_EVERY);
    return this.#whole;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#looking;
    await this.#admin?.close().catch(() => undefined);
  }

  async #look(): Promise<void> {
    this.#admin ??= await this.#kafka.admin({ requestTimeoutMs: 2_000 });
    const observation = await observeZones(this.#admin, this.#wanted, this.#zones);
    this.#zones = observation.zones;
    const decision = decideZoneRedundancy(observation, this.#lost, performance.now(), LOWER_AFTER);
    if (this.#lost?.name !== decision.lostZone?.name) {
      this.#onProgress(decision.lostZone ? `${decision.lostZone.name} is lost` : 'both zones have brokers');
    }
    this.#lost = decision.lostZone;
    const changes = await applyZoneRedundancy(this.#admin, decision.changes);
    if (changes.length > 0) this.#onProgress(`${changes.length} topics: ${changes[0]!.detail}`);
    this.#whole =
      observation.alive.size === 4 &&
      observation.topics.every(
        ({ current, wanted, partitions }) =>
          current === wanted && partitions.every(({ replicas, inSync }) => replicas.length === inSync.length),
      );
  }
}

function planOf(kafka: KafkaCluster, network: ZoneNetwork): ReturnType<typeof plan> {
  const hub = `apiVersion: integrationhub.dev/v1alpha1
kind: Hub
metadata:
  name: two-zones
spec:
  zones: [${ZONE_NAMES.join(', ')}]
  kafka:
    bootstrapServers: [${kafka.bootstrapServers.map((server) => `'${server}'`).join(', ')}]
`;
  const resources = flows({
    orderBy: 'PID-3.1',
    connections: 4,
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
