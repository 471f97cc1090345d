import type { Kafka, Message, Producer, ProducerConfig } from 'kafkajs';
import { again } from './again.js';
import { type Client, openClient, retryFor } from './client.js';
import type { RecordWriter, WriterSettings } from './kafka-client.js';
import {
  alreadyParted,
  type LearnPartitions,
  PartitionedRecords,
  type PartitionRecords,
} from './partitioned-records.js';
import type { OutgoingRecord } from './record.js';

/** How long a broker is asked again that fails for the moment, in milliseconds. */
const ASK_FOR = 10_000;

/** A producer by kafkajs whose records have been parted already; with `own` settings, one of transactions. */
export function idempotentProducer(
  kafka: Kafka,
  own: Pick<ProducerConfig, 'transactionalId' | 'transactionTimeout'> = {},
): Producer {
  return kafka.producer({
    ...own,
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: alreadyParted,
  });
}

/**
 * Stores records by kafkajs. It counts the records of a partition only when they succeed; so after a batch that was
 * written although the send failed, its next one would have the same sequence numbers, and a broker would take it for
 * a repetition, drop it and report success. Hence the rule that a writer is thrown away after an error: a new one has
 * a new id. (After 2^31 records of a partition kafkajs counts wrong and is refused; that, too, is an error.)
 */
export class KafkajsWriter implements RecordWriter {
  readonly #client: Client;
  readonly #producer: Producer;
  readonly #parted: PartitionedRecords;
  readonly #requestTimeoutMs: number;

  constructor({ retryForMs, ...settings }: WriterSettings) {
    this.#requestTimeoutMs = settings.requestTimeoutMs;
    this.#client = openClient({ ...settings, retry: retryFor(retryForMs) });
    this.#producer = idempotentProducer(this.#client.kafka);
    this.#parted = new PartitionedRecords(kafkajsPartitions(this.#client.kafka));
  }

  get isDiscarded(): boolean {
    return this.#client.isDiscarded;
  }

  discard(): void {
    this.#client.discard();
  }

  connect(): Promise<void> {
    return this.#producer.connect();
  }

  disconnect(): Promise<void> {
    return this.#producer.disconnect();
  }

  part<Item>(
    items: readonly Item[],
    recordOf: (item: Item) => OutgoingRecord,
  ): Promise<PartitionRecords<Item>[]> {
    return this.#parted.part(items, recordOf);
  }

  async write({ topic, partition, records }: PartitionRecords<unknown>): Promise<void> {
    const messages = kafkajsMessages(partition, records);
    await this.#producer.send({ topic, messages, acks: -1, timeout: this.#requestTimeoutMs });
  }
}

/** Asks for the partitions of topics by kafkajs. */
export function kafkajsPartitions(kafka: Kafka): LearnPartitions {
  return async (topics) => {
    const admin = kafka.admin();
    try {
      await admin.connect();
      // Where the broker that it asks fails, kafkajs trips over having no answer.
      const metadata = await again(
        ASK_FOR,
        () => admin.fetchTopicMetadata({ topics }),
        (error) => error instanceof TypeError,
      );
      return metadata.topics;
    } finally {
      await admin.disconnect();
    }
  };
}

/** Records of one partition, as kafkajs takes them. */
export function kafkajsMessages(partition: number, records: readonly OutgoingRecord[]): Message[] {
  return records.map(({ key, value, headers, timestamp = Date.now() }) => ({
    key,
    value,
    headers,
    timestamp: String(timestamp),
    partition,
  }));
}
