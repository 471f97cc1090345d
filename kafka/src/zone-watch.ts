/** Watches the brokers of one Kafka by zone, and keeps `min.insync.replicas` as a lost zone wants it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { BrokerLines } from './broker-lines.js';
import type { KafkaConnection, KafkaLog } from './connection.js';
import type { TopicAdmin, TopicChange } from './topic-admin.js';
import {
  applyZoneRedundancy,
  decideZoneRedundancy,
  type LostZone,
  observeTopics,
  type TopicRedundancy,
  withUnseenBrokers,
  type ZoneObservation,
} from './zone-redundancy.js';
import { wakeWaitingCommits } from './waiting-commits.js';

/** Kafka's own topics, without which no group reads and no transaction ends. */
const offsetsTopic = '__consumer_offsets';
const ownTopics = [offsetsTopic, '__transaction_state'];
/** For so long after a change topics are looked at each time: one that was given up may still be made. */
const doubtfulMs = 60_000;

export interface ZonesState {
  /** The zones that brokers have named. */
  readonly zones: readonly string[];
  /** The zone of which no broker is there. */
  readonly lost: { readonly name: string; readonly since: string; readonly isLowered: boolean } | undefined;
}

/** What was found, and done about it. */
export interface ZoneLook {
  /** How many brokers are there. */
  readonly brokers: number;
  readonly changes: readonly TopicChange[];
  /** Whether every copy of the topics is in sync, and as many are asked for as should be; as last seen. */
  readonly isWhole: boolean;
}

export interface ZoneWatchOptions {
  readonly connection: KafkaConnection;
  readonly log?: KafkaLog;
  /** What each topic's `min.insync.replicas` is to be while no zone is lost, and the zones there should be, if known. */
  readonly wanted: () => { readonly topics: ReadonlyMap<string, number>; readonly zones: readonly string[] };
  /** For how long a zone must be lost before topics are lowered, in milliseconds; undefined: a person does that. */
  readonly lowerAfterMs: number | undefined;
  /** How often the brokers are looked at, in milliseconds. */
  readonly everyMs: number;
  /** How often topics are looked at where all is well, in milliseconds. */
  readonly recheckMs: number;
  readonly onLook: (look: ZoneLook) => void;
}

/**
 * Looks again and again, and asks each broker on a connection of its own: so neither a broker that has vanished nor
 * whatever else is asked of Kafka holds it up.
 */
export class ZoneWatch {
  readonly #options: ZoneWatchOptions;
  readonly #lines: BrokerLines;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #zones: ReadonlyMap<number, string> = new Map();
  #alive = '';
  #named: ReadonlyMap<string, number> = new Map();
  #lost: LostZone | undefined;
  #lostAt = '';
  #lookedAt = -Infinity;
  #changedAt = -Infinity;
  #isWhole = false;

  constructor(options: ZoneWatchOptions) {
    this.#options = options;
    this.#lines = new BrokerLines(options.connection);
  }

  get state(): ZonesState {
    const zones = [...new Set(this.#zones.values())].filter((zone) => zone !== '').sort();
    if (this.#lost === undefined) return { zones, lost: undefined };
    const { lowerAfterMs } = this.#options;
    const { name, since } = this.#lost;
    const isLowered = lowerAfterMs !== undefined && this.#lookedAt - since >= lowerAfterMs;
    return { zones, lost: { name, since: this.#lostAt, isLowered } };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#lines.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { everyMs, onLook, log } = this.#options;
    const { signal } = this.#stop;
    let lastFailure = '';
    while (!signal.aborted) {
      try {
        onLook(await this.#look());
        lastFailure = '';
      } catch (error) {
        const { message } = error as Error;
        if (message !== lastFailure)
          log?.('warn', 'The zones of Kafka could not be looked at', { error: message });
        lastFailure = message;
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<ZoneLook> {
    const { recheckMs, lowerAfterMs, wanted } = this.#options;
    const now = performance.now();
    const brokers = await this.#lines.brokers();
    const present = brokers.map(({ id }) => id).sort((a, b) => a - b);
    const alive = present.join(' ');
    const { topics: named, zones } = wanted();
    const isQuiet =
      alive === this.#alive &&
      present.every((id) => this.#zones.has(id)) &&
      isDeepStrictEqual(named, this.#named) &&
      this.#lost === undefined &&
      this.#isWhole &&
      now - this.#lookedAt < recheckMs &&
      now - this.#changedAt > doubtfulMs;
    if (isQuiet) return { brokers: present.length, changes: [], isWhole: true };

    this.#zones = await this.#zonesOf(present);
    const most = Math.max(0, ...named.values());
    const all = lowerAfterMs === undefined ? named : new Map([...named, ...ownTopics.map((name) => [name, most] as const)]); // prettier-ignore
    const found = await this.#lines.ask((admin) => observeTopics(admin, all), all.size);
    // One that has fewer copies than our topics is not made to need more than half of them.
    const topics = found.map((topic) => {
      if (!ownTopics.includes(topic.name)) return topic;
      const copies = Math.min(...topic.partitions.map(({ replicas }) => replicas.length));
      return { ...topic, wanted: Math.min(topic.wanted, Math.floor(copies / 2) + 1) };
    });
    const seen: ZoneObservation = { zones: this.#zones, alive: new Set(present), topics };
    const decision = decideZoneRedundancy(
      withUnseenBrokers(seen, zones),
      this.#lost,
      now,
      lowerAfterMs ?? Infinity,
    );
    if (decision.lostZone?.name !== this.#lost?.name) this.#lostAt = new Date().toISOString();
    this.#lost = decision.lostZone;
    this.#alive = alive;
    this.#named = named;
    this.#isWhole = false;
    const changes = await this.#apply(decision.changes);
    this.#wake(topics, decision.changes);
    this.#lookedAt = now;
    this.#isWhole = topics.every(({ current, wanted: value, partitions }) => {
      const inSync = partitions.every(({ replicas, inSync: copies }) => replicas.length === copies.length);
      return inSync && current >= value;
    });
    return { brokers: present.length, changes, isWhole: this.#isWhole };
  }

  async #apply(changes: ReadonlyMap<string, number>): Promise<readonly TopicChange[]> {
    if (changes.size === 0) return [];
    this.#changedAt = performance.now();
    return this.#lines.ask((admin) => applyZoneRedundancy(admin, changes), changes.size);
  }

  /** Where what groups write needs fewer copies from here on, what they have written already does, too. */
  #wake(topics: readonly TopicRedundancy[], changes: ReadonlyMap<string, number>): void {
    const offsets = topics.find(({ name }) => name === offsetsTopic);
    const topic = topics.find(({ name }) => !ownTopics.includes(name))?.name;
    if (offsets === undefined || topic === undefined) return;
    if ((changes.get(offsetsTopic) ?? offsets.current) >= offsets.current) return;
    const { connection, log } = this.#options;
    const { signal } = this.#stop;
    const { length: partitions } = offsets.partitions;
    wakeWaitingCommits({ connection, partitions, topic, signal, log }).catch((error: unknown) => {
      const { message } = error as Error;
      log?.('warn', 'What groups wait for could not be written anew; some may wait longer', {
        error: message,
      });
    });
  }

  /** A broker tells its zone itself; one that has been seen need not be asked again, and may have gone meanwhile. */
  async #zonesOf(present: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const unknown = present.filter((id) => !this.#zones.has(id));
    if (unknown.length === 0) return this.#zones;
    const told = await Promise.allSettled(
      unknown.map((id) => this.#lines.askOf(id, (admin: TopicAdmin) => admin.brokerZones([id]))),
    );
    return new Map([
      ...this.#zones,
      ...told.flatMap((answer) => (answer.status === 'fulfilled' ? [...answer.value] : [])),
    ]);
  }
}
