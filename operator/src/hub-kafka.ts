/**
 * What the operator does with one Kafka, apart from the queue, so that a Kafka that doesn't answer holds up nothing
 * else: it sees to the topics that are wished for, measures backlogs, and tells whose state has changed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { replayIdOf, type MessageReplay, type Topic } from '@integration-hub/api';
import {
  minInsyncReplicas,
  StoreError,
  TopicAdmin,
  ZoneWatch,
  type KafkaConnection,
  type KafkaLog,
  type TopicChange,
  type ZoneLook,
  type ZonesState,
} from '@integration-hub/kafka';
import { askForReplay, ReplayRecords, type ReplayTold } from '@integration-hub/replay';
import type { KafkaCredentials } from './kafka-credentials.js';
import { OpenDeadLetters } from './open-dead-letters.js';
import { hashOf } from './render/names.js';

/** What is told of a replay, and why it can't be asked for. */
export interface ReplayFound extends ReplayTold {
  readonly failure?: string;
}

/** What one resource wants of Kafka. */
export interface Wish {
  /** Must exist as they are here. */
  readonly topics: readonly Topic[];
  /** Whose progress through which topic is of interest. */
  readonly backlogs: readonly { readonly group: string; readonly topic: string }[];
  /** Whose letters are to be counted with which nothing has been done yet. */
  readonly deadLetters?: string;
  /** A replay that is asked for, and whose state is of interest. */
  readonly replay?: MessageReplay;
  /** How often all this is measured, in milliseconds; less often where Kafka takes long to answer for everybody. */
  readonly everyMs: number;
  /** The zones that Kafka should have brokers in. */
  readonly zones?: readonly string[];
}

export type TopicsState =
  | { readonly state: 'pending' | 'ready' }
  | { readonly state: 'unreachable' | 'failed'; readonly message: string };

/** How far a group is behind the end of a topic. */
export interface Backlog {
  /** Offsets between what the group has committed and the end, markers of transactions among them. */
  readonly offsets: bigint;
  /** By partition: what follows the last record; and up to where the group has committed, -1 where nowhere. */
  readonly ends: ReadonlyMap<number, bigint>;
  readonly committed: ReadonlyMap<number, bigint>;
  /** Whether the group has taken every record, markers aside. */
  readonly empty: boolean;
  /** When it was measured, and since when the group has not moved though there is something to take; Date.now(). */
  readonly measuredAt: number;
  readonly stuckSince: number | undefined;
}

export interface HubKafkaOptions {
  readonly credentials: Pick<KafkaCredentials, 'connection' | 'renew'>;
  readonly log: KafkaLog;
  /** Is told of each owner of a wish for which something has changed. */
  readonly onChange: (owner: string) => void;
  /** Is told what was done to topics, with the owner of the wish that has them for its own. */
  readonly onTopicChange: (changes: readonly TopicChange[], owner: string | undefined) => void;
  /** Topics are looked at again after so long, in milliseconds. */
  readonly recheckMs?: number;
  /** After a zone has been lost for so long, topics ask for copies in the others only; undefined: never by itself. */
  readonly lowerAfterMs?: number | undefined;
}

const reconnectMs = 5_000;
/** As often as the kubelet brings changed Secrets to workers, at least. */
const renewEveryMs = 30_000;
const unreachableReason = 'KafkaUnreachable';
/** How often the brokers are looked at: while a zone is lost nothing is acknowledged until that has been seen. */
const brokersEveryMs = 2_000;
const topicsOfOneRequest = 100;
/** Wishes of a shorter interval are somebody's who waits. */
const urgentMs = 5_000;

export class HubKafka {
  readonly #options: HubKafkaOptions;
  readonly #recheckMs: number;
  readonly #wishes = new Map<string, Wish>();
  readonly #checked = new Map<
    string,
    { readonly hash: string; readonly at: number; readonly failure?: string }
  >();
  readonly #backlogs = new Map<string, Backlog>();
  readonly #counts = new Map<string, { readonly letters: OpenDeadLetters; at: number }>();
  /** By the id of the replay. */
  readonly #replays = new Map<string, ReplayFound & { readonly at: number }>();
  readonly #replayRecords = new Map<string, ReplayRecords>();
  /** How long the last measuring for everybody took, in milliseconds. */
  #passMs = 0;
  #brokers: number | undefined;
  /** Of brokers and zones, what was told last. */
  #seen = '';
  readonly #connection: KafkaConnection;
  readonly #zoneWatch: ZoneWatch;
  readonly #stop = new AbortController();
  #wake: () => void = () => undefined;
  #admin: TopicAdmin | undefined;
  #unreachable: string | undefined;
  #unreachableReason = unreachableReason;
  #renewing: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(options: HubKafkaOptions) {
    this.#options = options;
    this.#recheckMs = options.recheckMs ?? 300_000;
    const { credentials, log, lowerAfterMs } = options;
    this.#connection = credentials.connection('ihub-operator');
    this.#zoneWatch = new ZoneWatch({
      connection: this.#connection,
      log,
      wanted: () => this.#wantedInSync(),
      lowerAfterMs,
      everyMs: brokersEveryMs,
      recheckMs: this.#recheckMs,
      onLook: (look) => this.#looked(look),
    });
  }

  /** Why Kafka can't be reached; undefined while it can, or before it was tried. */
  get unreachable(): string | undefined {
    return this.#unreachable;
  }

  /** The reason of {@link unreachable} in one word, as a condition has it. */
  get unreachableReason(): string {
    return this.#unreachableReason;
  }

  /** Whether it has been reached and still can be, as far as is known. */
  get reached(): boolean {
    return this.#admin !== undefined && this.#unreachable === undefined;
  }

  /** Sets what a resource wants; what it wanted before is forgotten. */
  wish(owner: string, wish: Wish): void {
    const former = this.#wishes.get(owner);
    this.#wishes.set(owner, wish);
    this.#running ??= this.#run();
    this.#renewing ??= setInterval(() => void this.#renew(), renewEveryMs).unref();
    this.#zoneWatch.start();
    if (former === undefined || hashOf(former) !== hashOf(wish)) this.#wake();
  }

  /**
   * Deletes topics with what they hold.
   * @throws Error where Kafka can't be reached now
   */
  async deleteTopics(names: readonly string[]): Promise<void> {
    if (this.#admin === undefined) throw new Error(this.#unreachable ?? 'Kafka has not been reached yet');
    await this.#admin.deleteTopics(names);
    for (const name of names) this.#checked.delete(name);
  }

  forget(owner: string): void {
    const replay = this.#wishes.get(owner)?.replay;
    if (replay !== undefined) this.#replays.delete(replayIdOf(replay));
    this.#wishes.delete(owner);
  }

  /** Whether anybody wants anything. */
  get idle(): boolean {
    return this.#wishes.size === 0;
  }

  topics(topics: readonly Topic[]): TopicsState {
    const failure = topics.map((topic) => this.#checked.get(topic.name)?.failure).find(Boolean);
    if (failure !== undefined) return { state: 'failed', message: failure };
    if (this.#unreachable !== undefined) return { state: 'unreachable', message: this.#unreachable };
    return { state: topics.every((topic) => this.#isChecked(topic)) ? 'ready' : 'pending' };
  }

  /** Brokers that were there last; undefined before Kafka was reached. */
  get brokers(): number | undefined {
    return this.#brokers;
  }

  get zones(): ZonesState {
    return this.#zoneWatch.state;
  }

  /** Letters of a dead-letter topic with which nothing has been done yet; undefined before they were counted. */
  openDeadLetters(topic: string): number | undefined {
    return this.#counts.get(topic)?.letters.count;
  }

  /** The last measure, if any. */
  backlog(group: string, topic: string): Backlog | undefined {
    return this.#backlogs.get(`${group} ${topic}`);
  }

  /** What was last told of a replay, if it was looked for. */
  replay(id: string): ReplayFound | undefined {
    return this.#replays.get(id);
  }

  /** Stops all work, at the latest when an attempt to reach Kafka has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#renewing);
    this.#wake();
    await Promise.all([this.#running, this.#zoneWatch.stop()]);
    await this.#disconnect();
  }

  #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  #isChecked(topic: Topic): boolean {
    const checked = this.#checked.get(topic.name);
    return checked?.hash === hashOf(topic) && checked.failure === undefined;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!this.#isStopped()) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      let waitMs: number;
      try {
        await this.#connect();
        await this.#ensureTopics();
        await this.#measure();
        waitMs = this.#untilDueMs();
      } catch (error) {
        if (this.#isStopped()) return;
        this.#options.log('warn', 'Kafka could not be worked with', { error: (error as Error).message });
        await this.#disconnect();
        waitMs = reconnectMs;
      }
      // After an error even a new wish waits: Kafka is not knocked at by every flow.
      const waited = sleep(waitMs, undefined, { signal }).catch(() => undefined);
      await (this.#admin === undefined ? waited : Promise.race([woken, waited]));
    }
  }

  async #connect(): Promise<void> {
    if (this.#admin !== undefined) return;
    const { credentials, log } = this.#options;
    try {
      await credentials.renew();
      this.#admin = await TopicAdmin.connect({ connection: this.#connection, log });
    } catch (error) {
      const { code, message } = error as Error & { code?: unknown };
      const isNews = this.#unreachable !== message;
      this.#unreachable = message;
      this.#unreachableReason = reasonName(code);
      if (isNews) this.#tellAll();
      throw error;
    }
    if (this.#unreachable !== undefined) {
      this.#unreachable = undefined;
      this.#tellAll();
    }
  }

  /** New connections are made at any time, and then with what the Secrets have now. */
  async #renew(): Promise<void> {
    const { credentials, log } = this.#options;
    await credentials.renew().catch((error: unknown) => {
      const { message } = error as Error;
      log('warn', 'the Secrets for Kafka could not be read again; the former are used', { error: message });
    });
  }

  async #disconnect(): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    // Kafka may not answer; nothing waits for it.
    await Promise.race([admin?.close().catch(() => undefined), sleep(2_000, undefined, { ref: false })]);
  }

  #tellAll(): void {
    for (const owner of this.#wishes.keys()) this.#options.onChange(owner);
  }

  /** Sees to topics that are new, changed, or have not been looked at for long. */
  async #ensureTopics(): Promise<void> {
    const due = new Map<string, Topic>();
    for (const { topics } of this.#wishes.values()) {
      for (const topic of topics) {
        const checked = this.#checked.get(topic.name);
        const againMs = checked?.failure === undefined ? this.#recheckMs : reconnectMs;
        const isFresh = checked !== undefined && Date.now() - checked.at < againMs;
        if (!isFresh || checked.hash !== hashOf(topic)) due.set(topic.name, topic);
      }
    }
    const all = [...due.values()];
    for (let from = 0; from < all.length; from += topicsOfOneRequest) {
      await this.#ensure(all.slice(from, from + topicsOfOneRequest));
    }
  }

  async #ensure(topics: readonly Topic[]): Promise<void> {
    try {
      this.#tellTopicChanges(await this.#admin!.ensureTopics(await this.#withoutLowered(topics)));
      for (const topic of topics) this.#note(topic);
    } catch (error) {
      // One that can't be had fails all that were asked for with it.
      await this.#disconnect();
      await this.#connect();
      if (topics.length > 1) {
        for (const topic of topics) await this.#ensure([topic]);
      } else {
        this.#note(topics[0]!, `${topics[0]!.name}: ${reasonOf(error)}`);
      }
    }
  }

  /** Leaves out what a lost zone has lowered; the zone watch raises it when the copies are in sync again. */
  async #withoutLowered(topics: readonly Topic[]): Promise<Topic[]> {
    const admin = this.#admin!;
    const present = await admin.copies(topics.map(({ name }) => name));
    const current = await admin.setting([...present.keys()], minInsyncReplicas);
    return topics.map((topic) => {
      const { [minInsyncReplicas]: wanted, ...config } = topic.config;
      const isLowered = Number(current.get(topic.name) ?? wanted) < Number(wanted);
      return isLowered ? { ...topic, config } : topic;
    });
  }

  #note(topic: Topic, failure?: string): void {
    const former = this.#checked.get(topic.name);
    const hash = hashOf(topic);
    this.#checked.set(topic.name, { hash, at: Date.now(), ...(failure !== undefined && { failure }) });
    if (former?.hash === hash && former.failure === failure) return;
    for (const owner of this.#ownersOf(topic.name)) this.#options.onChange(owner);
  }

  #ownersOf(topic: string): string[] {
    return [...this.#wishes].flatMap(([owner, { topics }]) =>
      topics.some(({ name }) => name === topic) ? [owner] : [],
    );
  }

  /** What topics should ask for, and where brokers should be. */
  #wantedInSync(): { topics: Map<string, number>; zones: string[] } {
    const wanted = new Map<string, number>();
    for (const { topics } of this.#wishes.values()) {
      for (const { name, config } of topics) wanted.set(name, Number(config[minInsyncReplicas]));
    }
    const zones = [...this.#wishes.values()].flatMap((wish) => wish.zones ?? []);
    return { topics: wanted, zones: [...new Set(zones)] };
  }

  #looked({ brokers, changes }: ZoneLook): void {
    this.#tellTopicChanges(changes);
    const seen = JSON.stringify([brokers, this.zones]);
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#brokers = brokers;
    this.#tellAll();
  }

  #tellTopicChanges(changes: readonly TopicChange[]): void {
    const byOwner = Map.groupBy(changes, ({ topic }) => {
      const [owner] = this.#ownersOf(topic).filter((one) => this.#owns(one, topic));
      return owner;
    });
    for (const [owner, own] of byOwner) this.#options.onTopicChange(own, owner);
  }

  #owns(owner: string, topic: string): boolean {
    const found = this.#wishes.get(owner)?.topics.find(({ name }) => name === topic);
    return found !== undefined && owner.endsWith(`/${found.owner}`);
  }

  async #measure(): Promise<void> {
    const begunAt = Date.now();
    for (const [owner, wish] of [...this.#wishes]) {
      if (!wish.topics.every((topic) => this.#isChecked(topic))) continue;
      if (await this.#measureFor(wish)) this.#options.onChange(owner);
    }
    this.#passMs = Date.now() - begunAt;
  }

  /** @returns whether something is otherwise than before, or somebody waits for the measure itself */
  async #measureFor({ backlogs, deadLetters, replay, everyMs }: Wish): Promise<boolean> {
    const isDue = (measuredAt: number | undefined): boolean =>
      measuredAt === undefined || Date.now() - measuredAt >= this.#intervalMs(everyMs) * 0.9;
    let changed = false;
    for (const { group, topic } of backlogs) {
      const former = this.#backlogs.get(`${group} ${topic}`);
      if (!isDue(former?.measuredAt)) continue;
      const measured = await this.#measureOne(group, topic, former, everyMs <= urgentMs);
      this.#backlogs.set(`${group} ${topic}`, measured);
      const [now, before] = [measured, former].map((one) => one && { ...one, measuredAt: 0 });
      changed ||= !isDeepStrictEqual(now, before) || everyMs <= urgentMs;
    }
    if (deadLetters !== undefined && isDue(this.#counts.get(deadLetters)?.at)) {
      const { letters } = this.#counts.get(deadLetters) ?? { letters: new OpenDeadLetters(deadLetters) };
      const former = this.openDeadLetters(deadLetters);
      await letters.update(this.#admin!);
      this.#counts.set(deadLetters, { letters, at: Date.now() });
      changed ||= letters.count !== former;
    }
    if (replay !== undefined && isDue(this.#replays.get(replayIdOf(replay))?.at)) {
      const id = replayIdOf(replay);
      const former = this.#replays.get(id);
      const found = await this.#ask(replay, id);
      this.#replays.set(id, { ...found, at: Date.now() });
      changed ||= !isDeepStrictEqual({ ...former, at: 0 }, { ...found, at: 0 });
    }
    return changed;
  }

  /** Asks for a replay, where that was not done, and says what is told of it. */
  async #ask(replay: MessageReplay, id: string): Promise<ReplayFound> {
    const { log } = this.#options;
    const { namespace } = replay.metadata;
    const records = this.#replayRecords.get(namespace) ?? new ReplayRecords(namespace);
    this.#replayRecords.set(namespace, records);
    await records.update(this.#admin!);
    try {
      await askForReplay(records, this.#connection, replay, log);
      return records.told(id);
    } catch (error) {
      // Nothing else that is wanted of this Kafka is held up by it.
      if (!(error instanceof StoreError)) throw error;
      return { ...records.told(id), failure: error.message };
    }
  }

  #intervalMs(everyMs: number): number {
    return everyMs <= urgentMs ? everyMs : Math.max(everyMs, 4 * this.#passMs);
  }

  async #measureOne(
    group: string,
    topic: string,
    former: Backlog | undefined,
    isUrgent: boolean,
  ): Promise<Backlog> {
    const admin = this.#admin!;
    const measuredAt = Date.now();
    const { committed, ends, behind } = await admin.progress(group, topic);
    const hasMoved = former === undefined || !isDeepStrictEqual(committed, former.committed);
    const isSame = !hasMoved && isDeepStrictEqual(ends, former.ends);
    // Looking for records takes a while; a group that moves on has some, as far as anybody needs to know.
    let empty = behind === 0n;
    if (!empty && isSame) empty = former.empty || (await admin.remaining(group, topic, 1)) === 0;
    else if (!empty && (isUrgent || !hasMoved)) empty = (await admin.remaining(group, topic, 1)) === 0;
    const stuckSince = hasMoved || empty ? undefined : (former.stuckSince ?? former.measuredAt);
    return { offsets: behind, ends, committed, empty, measuredAt, stuckSince };
  }

  #untilDueMs(): number {
    const now = Date.now();
    let next = now + this.#recheckMs;
    for (const { topics, backlogs, deadLetters, replay, everyMs } of this.#wishes.values()) {
      for (const topic of topics) {
        const checked = this.#checked.get(topic.name);
        const againMs = checked?.failure === undefined ? this.#recheckMs : reconnectMs;
        next = Math.min(next, (checked?.at ?? now) + againMs);
      }
      const measured = [
        ...backlogs.map(({ group, topic }) => this.#backlogs.get(`${group} ${topic}`)?.measuredAt),
        ...(deadLetters === undefined ? [] : [this.#counts.get(deadLetters)?.at]),
        ...(replay === undefined ? [] : [this.#replays.get(replayIdOf(replay))?.at]),
      ];
      for (const at of measured) next = Math.min(next, (at ?? now) + this.#intervalMs(everyMs));
    }
    return Math.max(200, next - now);
  }
}

/** SECRET_MISSING: SecretMissing. */
function reasonName(code: unknown): string {
  if (typeof code !== 'string' || !/^[A-Z_]+$/.test(code) || code === 'UNREACHABLE') return unreachableReason;
  return code.replace(/([A-Z])([A-Z]*)_?/g, (_, first: string, rest: string) => first + rest.toLowerCase());
}

/** kafkajs gathers the brokers' errors of several topics in one. */
function reasonOf(error: unknown): string {
  const { errors } = error as { errors?: readonly Error[] };
  return (errors?.length ? errors : [error as Error]).map(({ message }) => message).join('; ');
}
