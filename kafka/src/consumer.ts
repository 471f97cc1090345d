import { setTimeout as delay } from 'node:timers/promises';
import { again } from './again.js';
import { openClient } from './client.js';
import type { KafkaConnection, KafkaLog } from './connection.js';
import { withinDeadline } from './deadline.js';
import type { Committed, IncomingBatch } from './incoming-batch.js';
import {
  type CommittedOffset,
  type FetchedBatch,
  type GroupMember,
  type KafkaClient,
  loadClient,
  type MemberEvents,
  type Refusal,
} from './kafka-client.js';
import { KafkaError, unreachable } from './kafka-error.js';
import { reasonIn, refusalIn } from './refusal.js';

export interface ConsumeOptions {
  connection: KafkaConnection;
  groupId: string;
  topics: readonly string[];
  /** The most bytes of a batch; default 1 MiB. A record that is larger comes all the same. */
  maxBytesPerPartition?: number;
  /** After so long without a sign of life Kafka gives this consumer's partitions to others; default 10,000 ms. */
  sessionTimeoutMs?: number;
  /** After so long without any exchange with Kafka the consumer is taken for hung; default 60,000 ms. */
  watchdogMs?: number;
  /** From how many partitions batches are worked on at the same time; default 1. */
  partitionsConsumedConcurrently?: number;
  log?: KafkaLog;
  /**
   * Works on a batch; resolves and commits what it has done of it. The group hears from this consumer however long
   * that takes. What it rejects with ends the consumer and goes to `onFatal`, other than BATCH_LOST.
   */
  onBatch: (batch: IncomingBatch) => Promise<void>;
  /** The consumer has ended by itself and does not come back: end the process, and let it be started anew. */
  onFatal: (error: unknown) => void;
}

export interface Consumer {
  /** Whether it is a member of its group at present. */
  readonly joined: boolean;
  /** How many partitions it has at present. */
  readonly assignedPartitions: number;
  /** Stops taking batches, waits for those in hand, and leaves the group, so that others go on at once. */
  stop(): Promise<void>;
}

/** How long a stop waits for Kafka once the batches in hand are done, in milliseconds. */
const LEAVE_DEADLINE = 3_000;
const BEATS_PER_SESSION = 10;
/** After so many without a word from the group the client is taken for hung: by then Kafka has taken it for gone. */
const MOST_SILENT_BEATS = 1.2 * BEATS_PER_SESSION;
const SILENCE = 'nothing heard from the group for long';
/** Kafka's errors that say that the group has moved on, or is about to. */
const GROUP_HAS_MOVED_ON = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'NOT_COORDINATOR_FOR_GROUP',
]);

/**
 * Joins a group and works on its batches, each partition's in order, committed transactions only, from the beginning
 * where the group has committed nothing yet.
 *
 * @throws KafkaError UNREACHABLE, UNKNOWN_TOPIC
 */
export async function consumeBatches(options: ConsumeOptions): Promise<Consumer> {
  const consumer = new GroupConsumer(options, await loadClient(options.connection));
  await consumer.start();
  return consumer;
}

/**
 * Where brokers vanish without a word, kafkajs goes on asking those it knows for minutes, and neither beats nor joins.
 * So when the group is not heard from for long, the member is discarded, and another one joins in its place.
 */
class GroupConsumer implements Consumer {
  readonly #options: ConsumeOptions;
  readonly #library: KafkaClient;
  readonly #sessionTimeoutMs: number;
  /** By topic and partition. */
  readonly #inHand = new Map<string, Promise<void>>();
  #member: GroupMember;
  #timers: NodeJS.Timeout[] = [];
  #assigned: Record<string, number[]> = {};
  #generation = 0;
  /** Aborted when the generation is over. */
  #lost = new AbortController();
  #lastHeard = 0;
  #silentBeats = 0;
  /** Asks to be taken into the group, or waits for those whose batches are in hand. */
  #isJoining = true;
  /** By topic; of the generation `committedAt`. */
  readonly #committedBy = new Map<string, Promise<CommittedOffset[]>>();
  #committedAt = 0;
  #isRebalancing = false;
  /** The last heartbeat was answered so late that the answer may be from before this process was suspended. */
  #isDoubtful = false;
  #isActive = true;
  /** When a commit was refused because the group has moved on, where none has succeeded since. */
  #disownedAt: number | undefined;
  #stopped: Promise<void> | undefined;
  joined = false;

  constructor(options: ConsumeOptions, library: KafkaClient) {
    this.#options = options;
    this.#library = library;
    this.#sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000;
    this.#member = this.#openMember();
  }

  async start(): Promise<void> {
    const { connection, topics } = this.#options;
    const member = this.#member;
    try {
      await member.connect();
    } catch (error) {
      member.discard();
      const isUnknown = (error as { type?: unknown }).type === 'UNKNOWN_TOPIC_OR_PARTITION';
      throw isUnknown
        ? new KafkaError('UNKNOWN_TOPIC', `One of these topics does not exist in Kafka: ${topics.join(', ')}. Create it first.`, { cause: error }) // prettier-ignore
        : unreachable(connection, error, `reading ${topics.join(', ')}`);
    }
    this.#startTimers();
    await member.run();
  }

  get assignedPartitions(): number {
    return Object.values(this.#assigned).reduce((sum, partitions) => sum + partitions.length, 0);
  }

  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      const left = this.#member.leave().catch(() => undefined);
      await Promise.allSettled(this.#inHand.values());
      await Promise.race([left, delay(LEAVE_DEADLINE, undefined, { ref: false })]);
      for (const timer of this.#timers) clearInterval(timer);
      this.#member.discard();
      this.joined = false;
    })();
    return this.#stopped;
  }

  #openMember(): GroupMember {
    const { connection, log, groupId, topics, maxBytesPerPartition, partitionsConsumedConcurrently } =
      this.#options;
    const events: MemberEvents = {
      joined: (assigned) => {
        this.#beginGeneration(assigned);
        this.joined = true;
        this.#isJoining = false;
        this.#heard();
        this.#isDoubtful = false;
      },
      rebalancing: (memberId) => this.#giveUp(memberId),
      heard: () => this.#heard(),
      movedOn: () => this.#movedOn(),
      active: () => (this.#isActive = true),
      crashed: (error, restarts) => {
        this.joined = false;
        if (restarts) return;
        const tried = `reading ${topics.join(', ')} as the group ${groupId}`;
        const code = refusalIn(connection, error)?.code ?? 'CONSUMER_CRASHED';
        const sentence = `The consumer of the group ${groupId} has ended: ${reasonIn(connection, error, tried)}`;
        this.#fatal(new KafkaError(code, sentence, { cause: error }));
      },
      batch: (fetched) => this.#takeBatch(member, fetched),
    };
    const settings = {
      connection,
      log,
      groupId,
      topics,
      maxBytesPerPartition: maxBytesPerPartition ?? 1_048_576,
      sessionTimeoutMs: this.#sessionTimeoutMs,
      partitionsConsumedConcurrently: partitionsConsumedConcurrently ?? 1,
    };
    const member = this.#library.openMember(settings, events);
    return member;
  }

  /** About to join: of what is in hand nothing more is begun, and what is under way may end and be committed first. */
  #giveUp(memberId: string | null): Promise<unknown> | undefined {
    this.#isJoining = true;
    if (memberId === null) return undefined;
    this.#isRebalancing = true;
    const ended = Promise.allSettled(this.#inHand.values());
    return Promise.race([ended, delay(this.#sessionTimeoutMs, undefined, { ref: false })]);
  }

  /** The group has moved on, or is about to; the member joins anew once what is in hand has ended. */
  #movedOn(): void {
    this.#isRebalancing = true;
    this.#silentBeats = 0;
  }

  /**
   * A commit was refused because the group has moved on, and soon heartbeats will be. Where they go on being answered,
   * the member would fetch what it can't commit for ever, for nothing has it join anew.
   */
  #disowned(): void {
    this.#isRebalancing = true;
    const now = performance.now();
    this.#disownedAt ??= now;
    if (now - this.#disownedAt < this.#sessionTimeoutMs || this.#isJoining || this.#stopped !== undefined)
      return;
    this.#beginAnew('no commit has been taken for a session, though heartbeats are');
  }

  /** From here on the batches in hand are lost, and these partitions are this consumer's. */
  #beginGeneration(assigned: Record<string, number[]>): void {
    this.#generation += 1;
    this.#assigned = assigned;
    this.#disownedAt = undefined;
    this.#lost.abort();
    this.#lost = new AbortController();
  }

  /** Discards the member, and joins the group with a new one. */
  #beginAnew(reason: string): void {
    const { log, groupId } = this.#options;
    log?.('warn', `${reason}: the group is joined anew`, { groupId });
    const former = this.#member;
    this.#member = this.#openMember();
    this.joined = false;
    this.#isJoining = true;
    this.#beginGeneration({});
    former.discard();
    const member = this.#member;
    // Where that fails nothing is heard, and the next one has its turn.
    void member.connect().then(
      () => member.run(),
      () => undefined,
    );
  }

  /** Counts the time for which the group has not been heard from; in beats, so that one who was suspended is not taken for hung. */
  #countSilence(): void {
    this.#silentBeats += 1;
    if (this.#silentBeats < MOST_SILENT_BEATS || this.#stopped !== undefined) return;
    this.#silentBeats = 0;
    const member = this.#member;
    if (!this.#isJoining) this.#beginAnew(SILENCE);
    else {
      void this.#isGroupGathering().then((isGathering) => {
        if (!isGathering && this.#isJoining && member === this.#member && this.#stopped === undefined)
          this.#beginAnew(SILENCE);
      });
    }
  }

  /** Whether the group waits for members at present: one that joins is not answered until the last has ended its batch. */
  async #isGroupGathering(): Promise<boolean> {
    const { connection, groupId } = this.#options;
    const client = openClient({ connection });
    const admin = client.kafka.admin();
    const describe = async (): Promise<boolean> => {
      await admin.connect();
      const { groups } = await admin.describeGroups([groupId]);
      return groups[0]!.state.endsWith('Rebalance');
    };
    try {
      return await withinDeadline(this.#sessionTimeoutMs, describe());
    } catch {
      return false;
    } finally {
      client.discard();
    }
  }

  /** Kafka takes this consumer for a member of the present generation. */
  #heard(): void {
    const now = performance.now();
    this.#isRebalancing = false;
    // The next heartbeat is sent after this answer, so that its answer is of now.
    this.#isDoubtful = now - this.#lastHeard > this.#sessionTimeoutMs;
    this.#lastHeard = now;
    this.#silentBeats = 0;
    this.#isActive = true;
  }

  #startTimers(): void {
    const { watchdogMs = 60_000, groupId } = this.#options;
    // kafkajs sends heartbeats between batches only. And only during them may we: after kafkajs has crashed and
    // begun anew, ours would keep alive the member that it was before, and the group would wait for that one.
    const beat = async (): Promise<void> => {
      if (this.#inHand.size === 0) return;
      const generation = this.#generation;
      await this.#member.beat?.().catch((error: unknown) => {
        // kafkajs will be told so again, after the batches in hand, and join anew.
        if (generation === this.#generation && hasMovedOn(error)) this.#movedOn();
      });
    };
    let idleTicks = 0;
    // Ticks are counted, not time: a process that was suspended is not taken for hung when it wakes.
    const watch = (): void => {
      idleTicks = this.#isActive ? 0 : idleTicks + 1;
      this.#isActive = false;
      if (idleTicks < 4) return;
      const sentence = `The consumer of the group ${groupId} has had no exchange with Kafka for ${watchdogMs} ms; is Kafka away?`;
      this.#fatal(new KafkaError('NO_ACTIVITY', sentence));
    };
    this.#timers = [
      setInterval(() => {
        void beat();
        this.#countSilence();
      }, this.#sessionTimeoutMs / BEATS_PER_SESSION),
      setInterval(watch, watchdogMs / 4),
    ];
  }

  #fatal(error: unknown): void {
    if (this.#stopped !== undefined) return;
    void this.stop();
    this.#options.onFatal(error);
  }

  async #takeBatch(member: GroupMember, fetched: FetchedBatch): Promise<void> {
    if (this.#stopped !== undefined || member.isDiscarded) return;
    const name = `${fetched.topic}/${fetched.partition}`;
    const batch = this.#batch(fetched);
    const former = this.#inHand.get(name);
    const work = (async () => {
      // What a client that is discarded now has left in hand comes to its end first.
      await former;
      if (this.#stopped === undefined && !batch.lost.aborted) await this.#options.onBatch(batch);
    })().catch((error: unknown) => {
      if (!(error instanceof KafkaError && error.code === 'BATCH_LOST')) this.#fatal(error);
    });
    this.#inHand.set(name, work);
    await work;
    if (this.#inHand.get(name) === work) this.#inHand.delete(name);
  }

  async #committed(topic: string, partition: number): Promise<Committed> {
    const generation = this.#generation;
    if (this.#committedAt !== generation) {
      this.#committedAt = generation;
      this.#committedBy.clear();
    }
    let offsets = this.#committedBy.get(topic);
    if (offsets === undefined) {
      offsets = this.#member.committed(topic, this.#sessionTimeoutMs);
      this.#committedBy.set(topic, offsets);
    }
    try {
      const found = (await offsets).find((one) => one.partition === partition);
      return found ?? { offset: -1n, note: '' };
    } catch (error) {
      if (this.#committedBy.get(topic) === offsets) this.#committedBy.delete(topic);
      const sentence = `What is committed of ${topic} can't be found out: ${(error as Error).message}. It is asked for again with the next batch.`;
      throw new KafkaError('BATCH_LOST', sentence, { cause: error });
    }
  }

  #batch(fetched: FetchedBatch): IncomingBatch {
    const { topic, partition, records, fetchedFrom } = fetched;
    const generation = this.#generation;
    let isGivenUp = false;
    // kafkajs may have joined anew while another broker's records were being fetched; it does not drop these.
    const isOurs = (): boolean =>
      generation === this.#generation && this.#assigned[topic]?.includes(partition) === true;
    return {
      topic,
      partition,
      generation,
      records,
      fetchedFrom,
      lost: this.#lost.signal,
      isCurrent: () =>
        isOurs() &&
        !isGivenUp &&
        !this.#isRebalancing &&
        !this.#isDoubtful &&
        this.#stopped === undefined &&
        // Held up for longer than a session, for example suspended, this process can't know.
        performance.now() - this.#lastHeard < this.#sessionTimeoutMs,
      resolve: (offset) => {
        if (isOurs()) fetched.resolve(offset);
      },
      committed: () => this.#committed(topic, partition),
      commit: async (nextOffset, note = '') => {
        const commit = (): Promise<void> => {
          if (!isOurs()) throw new Error('the group has been joined anew');
          return fetched.commit(nextOffset, note);
        };
        const isPassing = (error: Refusal): boolean =>
          // A coordinator that moves takes its groups with it, and their generations.
          error.retriable === true && (error.type === 'NOT_COORDINATOR_FOR_GROUP' || !hasMovedOn(error));
        await again(this.#sessionTimeoutMs, commit, isPassing).catch((error: unknown) => {
          if (isOurs() && hasMovedOn(error)) this.#disowned();
          const sentence = `The offset ${nextOffset} of partition ${partition} of ${topic} can't be committed: ${(error as Error).message}. What follows the last commit is done again, here or elsewhere.`;
          throw new KafkaError('BATCH_LOST', sentence, { cause: error });
        });
        if (isOurs()) this.#disownedAt = undefined;
      },
      seek: (offset) => {
        isGivenUp = true;
        if (isOurs()) fetched.seek(offset);
      },
    };
  }
}

function hasMovedOn(error: unknown): boolean {
  return GROUP_HAS_MOVED_ON.has(String((error as { type?: unknown }).type));
}
