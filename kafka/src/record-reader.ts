import { randomUUID } from 'node:crypto';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { type Client, openClient } from './client.js';
import type { KafkaConnection, KafkaLog } from './connection.js';
import { KafkaError, unreachable } from './kafka-error.js';
import { readRecord } from './read-record.js';
import type { IncomingRecord } from './record.js';
import { TopicAdmin } from './topic-admin.js';

export interface RecordReaderOptions {
  connection: KafkaConnection;
  topic: string;
  log?: KafkaLog;
  /** How long Kafka may take until the next record comes, in milliseconds; default 60,000. */
  timeoutMs?: number;
}

/**
 * Reads committed records of one topic by their offsets. What is far apart is not read through. It is a group of its
 * own that commits nothing. After an error it is of no more use: open another.
 */
export class RecordReader {
  readonly #options: RecordReaderOptions;
  readonly #admin: TopicAdmin;
  readonly #client: Client;
  readonly #consumer: Consumer;
  /** Offsets that are still to be found, ascending, by partition. */
  readonly #wanted = new Map<number, bigint[]>();
  #found: IncomingRecord[] = [];
  /** Told when something has been found, or nothing can be any more. */
  #tell: () => void = () => undefined;
  #failure: Error | undefined;

  private constructor(options: RecordReaderOptions, admin: TopicAdmin) {
    this.#options = options;
    this.#admin = admin;
    this.#client = openClient(options);
    this.#consumer = this.#client.kafka.consumer({
      groupId: `ihub-read-${randomUUID()}`,
      maxWaitTimeInMs: 100,
      allowAutoTopicCreation: false,
    });
  }

  /** @throws KafkaError UNREACHABLE, UNKNOWN_TOPIC */
  static async open(options: RecordReaderOptions): Promise<RecordReader> {
    const { connection, topic } = options;
    const reader = new RecordReader(options, await TopicAdmin.connect(options));
    try {
      await reader.#start();
      return reader;
    } catch (error) {
      await reader.close();
      throw (error as { type?: unknown }).type === 'UNKNOWN_TOPIC_OR_PARTITION'
        ? new KafkaError('UNKNOWN_TOPIC', `The topic ${topic} does not exist in Kafka.`, { cause: error })
        : unreachable(connection, error);
    }
  }

  /**
   * @param wanted offsets by partition, ascending
   * @returns those that are there, each partition's in order; what retention has taken is not
   * @throws KafkaError READ_TIMED_OUT, CONSUMER_CRASHED
   */
  async read(wanted: ReadonlyMap<number, readonly bigint[]>): Promise<IncomingRecord[]> {
    const { topic, timeoutMs = 60_000 } = this.#options;
    const [starts, ends] = [await this.#admin.startOffsets(topic), await this.#admin.endOffsets(topic)];
    this.#found = [];
    for (const [partition, offsets] of wanted) {
      const [start, end] = [starts.get(partition) ?? 0n, ends.get(partition) ?? 0n];
      const within = offsets.filter((offset) => offset >= start && offset < end);
      if (within.length === 0) continue;
      this.#wanted.set(partition, within);
      this.#consumer.seek({ topic, partition, offset: within[0]!.toString() });
      this.#consumer.resume([{ topic, partitions: [partition] }]);
    }
    while (this.#wanted.size > 0) {
      const isTold = await this.#isTold(timeoutMs);
      if (this.#failure !== undefined) throw this.#failure;
      if (isTold) continue;
      const sentence = `Records of the topic ${topic} could not be read within ${timeoutMs} ms; is a broker away?`;
      throw new KafkaError('READ_TIMED_OUT', sentence);
    }
    return this.#found;
  }

  async close(): Promise<void> {
    // Cut first: a fetch under way is waited for otherwise.
    this.#client.discard();
    await Promise.all([this.#consumer.disconnect().catch(() => undefined), this.#admin.close()]);
  }

  async #start(): Promise<void> {
    const { topic } = this.#options;
    const consumer = this.#consumer;
    const { CRASH, GROUP_JOIN } = consumer.events;
    consumer.on(CRASH, ({ payload: { error, restart } }) => {
      if (restart) return;
      const sentence = `The topic ${topic} can't be read any more: ${error.message}`;
      this.#failure = new KafkaError('CONSUMER_CRASHED', sentence, { cause: error });
      this.#tell();
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const joined = new Promise<void>((resolve) => consumer.on(GROUP_JOIN, () => resolve()));
    await consumer.run({ autoCommit: false, eachBatch: (payload) => this.#take(payload) });
    await joined;
  }

  /** @returns false where nothing came for so long */
  async #isTold(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<boolean>((resolve) => {
        this.#tell = () => resolve(true);
        timer = setTimeout(() => resolve(false), timeoutMs);
        if (this.#wanted.size === 0 || this.#failure !== undefined) resolve(true);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  #take({ batch: { partition, messages, ...batch } }: EachBatchPayload): Promise<void> {
    const { topic } = this.#options;
    const wanted = this.#wanted.get(partition) ?? [];
    const last = BigInt(messages.at(-1)?.offset ?? '-1');
    const first = BigInt((batch as unknown as { fetchedOffset: string }).fetchedOffset);
    // It may be from before a seek.
    const within = new Set(wanted.filter((offset) => offset >= first && offset <= last));
    for (const message of messages) {
      if (within.has(BigInt(message.offset))) this.#found.push(readRecord(topic, partition, message));
    }
    const left = wanted.filter((offset) => !within.has(offset));
    if (left.length > 0) {
      this.#wanted.set(partition, left);
      if (left[0] !== last + 1n) this.#consumer.seek({ topic, partition, offset: left[0]!.toString() });
    } else {
      this.#wanted.delete(partition);
      this.#consumer.pause([{ topic, partitions: [partition] }]);
    }
    this.#tell();
    return Promise.resolve();
  }
}
