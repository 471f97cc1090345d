import { setTimeout as delay } from 'node:timers/promises';
import { initProducerIdV4, type MessageRecord, NumericMap, produceV9 } from '@platformatic/kafka';
import { again } from '../again.js';
import type { RecordWriter, WriterSettings } from '../kafka-client.js';
import { PartitionedRecords, type PartitionRecords } from '../partitioned-records.js';
import type { OutgoingRecord } from '../record.js';
import { askAgain, Cluster } from './cluster.js';
import { KafkaRefusal, refusalOf, throwIfRefused } from './kafka-refusal.js';

/** As whom records are written. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly transactionalId?: string;
}

/** Records of one partition on their way. */
interface Waiting {
  readonly topic: string;
  readonly partition: number;
  readonly messages: MessageRecord[];
  readonly done: () => void;
  readonly failed: (error: KafkaRefusal) => void;
  readonly deadline: number;
}

export interface SenderSettings {
  requestTimeoutMs: number;
  /** How long one write is tried for, in milliseconds. */
  retryForMs: number;
}

type ProduceAnswer = ReturnType<typeof produceV9.parseResponse>;

/** The codes of a partition that says it has the batch already: DUPLICATE_SEQUENCE_NUMBER. */
const ALREADY_STORED = 46;
/** Kafka's UNKNOWN_SERVER_ERROR: a partition that a broker says nothing of is not stored. */
const UNKNOWN = -1;

/**
 * Sends batches with sequence numbers. The library's own producer is not used: it tries again what it can't know the
 * fate of under a new producer id where the broker has lost its state, and then stores a record twice; and it takes
 * one request to one broker at a time. Here a batch keeps its numbers however often it is tried, and those of
 * partitions that lead elsewhere go at the same time.
 */
export class SequencedSender {
  readonly #cluster: Cluster;
  readonly #settings: SenderSettings;
  /** The next number of each partition, by `topic:partition` as the library wants it. */
  readonly #sequences = new NumericMap();
  #waiting: Waiting[] = [];

  constructor(cluster: Cluster, settings: SenderSettings) {
    this.#cluster = cluster;
    this.#settings = settings;
  }

  /**
   * Stores records of one partition; what is handed over in one go to partitions of one broker is one request.
   *
   * @throws KafkaRefusal
   */
  send(
    identity: ProducerIdentity,
    topic: string,
    partition: number,
    records: readonly OutgoingRecord[],
  ): Promise<void> {
    const messages = records.map((record) => messageOf(record, partition));
    const deadline = performance.now() + this.#settings.retryForMs;
    return new Promise((done, failed) => {
      if (this.#waiting.push({ topic, partition, messages, done, failed, deadline }) > 1) return;
      process.nextTick(() => {
        const together = this.#waiting;
        this.#waiting = [];
        void this.#sendTogether(identity, together);
      });
    });
  }

  async #sendTogether(identity: ProducerIdentity, together: readonly Waiting[]): Promise<void> {
    const byLeader = new Map<number, Waiting[]>();
    for (const waiting of together) {
      const { topic, partition } = waiting;
      try {
        const leader = await this.#cluster.leader(topic, partition);
        const known = byLeader.get(leader);
        if (known === undefined) byLeader.set(leader, [waiting]);
        else known.push(waiting);
      } catch (error) {
        void this.#failed(identity, waiting, error as KafkaRefusal);
      }
    }
    for (const [leader, all] of byLeader) void this.#sendTo(identity, leader, all);
  }

  async #sendTo(identity: ProducerIdentity, leader: number, all: readonly Waiting[]): Promise<void> {
    const messages = all.flatMap((waiting) => waiting.messages);
    const options = { ...identity, sequences: this.#sequences };
    let answer: ProduceAnswer;
    try {
      // With `acks` it is never the bare boolean.
      answer = (await this.#cluster.ask(leader, produceV9.api, [
        -1,
        this.#settings.requestTimeoutMs,
        messages,
        options,
      ])) as ProduceAnswer;
    } catch (error) {
      for (const waiting of all) void this.#failed(identity, waiting, error as KafkaRefusal);
      return;
    }
    for (const waiting of all) {
      const { topic, partition, done } = waiting;
      const responses = answer.responses.find(({ name }) => name === topic)?.partitionResponses;
      const code = responses?.find(({ index }) => index === partition)?.errorCode ?? UNKNOWN;
      if (code !== 0 && code !== ALREADY_STORED) {
        void this.#failed(identity, waiting, refusalOf(code));
        continue;
      }
      const name = `${topic}:${partition}`;
      // As Kafka counts: after 2^31 - 1 comes 0.
      const next = (this.#sequences.getWithDefault(name, 0) + waiting.messages.length) & 0x7fffffff;
      this.#sequences.set(name, next);
      done();
    }
  }

  /** Sends a batch again, with the numbers that it had, while there is time. */
  async #failed(identity: ProducerIdentity, waiting: Waiting, error: KafkaRefusal): Promise<void> {
    if (!error.retriable || performance.now() > waiting.deadline || this.#cluster.isDiscarded) {
      waiting.failed(error);
      return;
    }
    await delay(RETRY_AFTER);
    this.#cluster.forgetLeaders();
    await this.#sendTogether(identity, [waiting]);
  }
}

/** In milliseconds. */
const RETRY_AFTER = 100;

/** Header names come again and again. */
const names = new Map<string, Buffer>();

function bytesOf(name: string): Buffer {
  let bytes = names.get(name);
  if (bytes === undefined) {
    if (names.size > 1_000) names.clear();
    bytes = Buffer.from(name);
    names.set(name, bytes);
  }
  return bytes;
}

function messageOf(
  { topic, key, value, headers, timestamp = Date.now() }: OutgoingRecord,
  partition: number,
): MessageRecord {
  const named = new Map<Buffer, Buffer>();
  for (const [name, header] of Object.entries(headers)) {
    named.set(bytesOf(name), typeof header === 'string' ? Buffer.from(header) : header);
  }
  // The library's types know no null for a key; its encoder takes it for one.
  return { topic, partition, key: key as Buffer, value, headers: named, timestamp: BigInt(timestamp) };
}

/** Stores records under a producer id of its own. */
export class IdempotentWriter implements RecordWriter {
  readonly #cluster: Cluster;
  readonly #parted: PartitionedRecords;
  readonly #sender: SequencedSender;
  readonly #settings: WriterSettings;
  #identity: ProducerIdentity | undefined;

  constructor(settings: WriterSettings) {
    this.#settings = settings;
    this.#cluster = new Cluster(settings);
    this.#sender = new SequencedSender(this.#cluster, settings);
    this.#parted = new PartitionedRecords((topics) => learn(this.#cluster, topics, settings.retryForMs));
  }

  get isDiscarded(): boolean {
    return this.#cluster.isDiscarded;
  }

  discard(): void {
    this.#cluster.discard();
  }

  async connect(): Promise<void> {
    this.#identity = await askAgain(this.#cluster, this.#settings.retryForMs, async () => {
      const answer = await this.#cluster.askAny(initProducerIdV4.api, [null, 0, -1n, -1]);
      throwIfRefused(answer.errorCode);
      return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
    });
  }

  part<Item>(
    items: readonly Item[],
    recordOf: (item: Item) => OutgoingRecord,
  ): Promise<PartitionRecords<Item>[]> {
    return this.#parted.part(items, recordOf);
  }

  write({ topic, partition, records }: PartitionRecords<unknown>): Promise<void> {
    return this.#sender.send(this.#identity!, topic, partition, records);
  }

  disconnect(): Promise<void> {
    this.#cluster.discard();
    return Promise.resolve();
  }
}

/** Asks for the partitions of topics, again while that may pass. */
export function learn(
  cluster: Cluster,
  topics: readonly string[],
  milliseconds: number,
): ReturnType<Cluster['learn']> {
  return again(
    milliseconds,
    () => cluster.learn(topics),
    ({ type }) => type === 'CONNECTION' && !cluster.isDiscarded,
  );
}
