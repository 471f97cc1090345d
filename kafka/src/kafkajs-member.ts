import type { Consumer, EachBatchPayload } from 'kafkajs';
import { type Client, openClient, retryFor } from './client.js';
import { fetchCommitted } from './committed-offsets.js';
import type {
  CommittedOffset,
  FetchedBatch,
  GroupMember,
  MemberEvents,
  MemberSettings,
} from './kafka-client.js';
import { readRecord } from './read-record.js';
import type { Rebalancing } from './repaired-kafkajs.js';

const BEATS_PER_SESSION = 10;

/** Takes part in a group by kafkajs. */
export class KafkajsMember implements GroupMember {
  readonly #settings: MemberSettings;
  readonly #events: MemberEvents;
  readonly #client: Client;
  readonly #consumer: Consumer;
  /** What makes each of our ears deaf. */
  readonly #listeners: (() => void)[];
  #heartbeat: (() => Promise<void>) | undefined;

  constructor(settings: MemberSettings, events: MemberEvents) {
    const { connection, log, groupId, maxBytesPerPartition, sessionTimeoutMs } = settings;
    this.#settings = settings;
    this.#events = events;
    const retry = retryFor(10_000);
    this.#client = openClient({ connection, log, retry });
    this.#consumer = this.#client.kafka.consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: sessionTimeoutMs / BEATS_PER_SESSION,
      maxBytesPerPartition,
      // A stop waits for the fetch under way.
      maxWaitTimeInMs: 100,
      allowAutoTopicCreation: false,
      rackId: connection.rackId ?? '',
      retry: { ...retry, restartOnFailure: () => Promise.resolve(!this.#client.isDiscarded) },
    });
    this.#listeners = this.#listen();
  }

  get isDiscarded(): boolean {
    return this.#client.isDiscarded;
  }

  async connect(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.#settings.topics], fromBeginning: true });
  }

  async run(): Promise<void> {
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.#settings.partitionsConsumedConcurrently,
      eachBatch: async (payload) => {
        if (this.#client.isDiscarded) return;
        this.#heartbeat = () => payload.heartbeat();
        await this.#events.batch(this.#batch(payload));
      },
    });
  }

  // kafkajs sends heartbeats between batches only.
  async beat(): Promise<void> {
    await this.#heartbeat?.();
  }

  committed(topic: string, deadlineMs: number): Promise<CommittedOffset[]> {
    return fetchCommitted(this.#client.kafka, this.#settings.groupId, topic, deadlineMs);
  }

  async leave(): Promise<void> {
    await this.#consumer.disconnect();
  }

  discard(): void {
    for (const remove of this.#listeners) remove();
    this.#client.discard();
    // Ends what kafkajs still retries.
    void this.#consumer.disconnect().catch(() => undefined);
  }

  #listen(): (() => void)[] {
    const consumer = this.#consumer;
    const { events } = consumer;
    const activities = [events.FETCH, events.START_BATCH_PROCESS, events.END_BATCH_PROCESS] as const;
    return [
      consumer.on(events.GROUP_JOIN, ({ payload }) => this.#events.joined(payload.memberAssignment)),
      consumer.on(events.REBALANCING, ({ payload }) => {
        const { memberId, waitFor } = payload as Rebalancing;
        const ending = this.#events.rebalancing(waitFor === undefined ? null : memberId);
        if (ending !== undefined) waitFor?.(ending);
      }),
      consumer.on(events.HEARTBEAT, () => this.#events.heard()),
      ...activities.map((event) => consumer.on(event, () => this.#events.active())),
      consumer.on(events.CRASH, ({ payload: { error, restart } }) => this.#events.crashed(error, restart)),
    ];
  }

  #batch(payload: EachBatchPayload): FetchedBatch {
    const { topic, partition, messages } = payload.batch;
    return {
      topic,
      partition,
      records: messages.map((message) => readRecord(topic, partition, message)),
      fetchedFrom: BigInt((payload.batch as unknown as { fetchedOffset: string }).fetchedOffset),
      resolve: (offset) => payload.resolveOffset(offset.toString()),
      commit: (nextOffset, note) => {
        const offset = { partition, offset: nextOffset.toString(), metadata: note };
        // Not the consumer's own commitOffsets: that does nothing, without a word, once a stop has begun.
        return payload.commitOffsetsIfNecessary({ topics: [{ topic, partitions: [offset] }] });
      },
      seek: (offset) => this.#consumer.seek({ topic, partition, offset: offset.toString() }),
    };
  }
}
