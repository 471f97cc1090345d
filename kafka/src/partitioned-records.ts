import type { ICustomPartitioner, PartitionMetadata } from 'kafkajs';
import { KafkaError } from './kafka-error.js';
import type { OutgoingRecord } from './record.js';
import { kafkajs } from './repaired-kafkajs.js';

/** Records of one partition, in order. */
export interface PartitionRecords<Item> {
  topic: string;
  partition: number;
  items: Item[];
  /** Those of the items. */
  records: OutgoingRecord[];
}

/** What is known of a topic, as its partitions are chosen by. */
export interface TopicPartitions {
  readonly name: string;
  readonly partitions: readonly Pick<PartitionMetadata, 'partitionId' | 'leader'>[];
}

/**
 * Asks Kafka for the partitions of topics.
 *
 * @throws an error of type UNKNOWN_TOPIC_OR_PARTITION where there is no such topic
 */
export type LearnPartitions = (topics: string[]) => Promise<readonly TopicPartitions[]>;

/** How long a topic's number of partitions is taken for known, in milliseconds. */
const KNOWN_FOR = 300_000;

/**
 * Parts records by partition, before the library sees them, in the same way whichever that is. kafkajs is given one
 * partition at a time; what goes to one broker at the same time is joined behind its back (`gathered-produce.ts`).
 *
 * kafkajs must not be given records of several brokers at once (tulios/kafkajs #1303, #1798). When one broker fails
 * and others have answered, it tries again, and leaves out every partition whose present leader has answered once:
 * records that have moved to such a leader are lost, and the send succeeds. Those whose answer was still under way
 * are written twice. A send of one partition succeeds or fails as a whole.
 */
export class PartitionedRecords {
  readonly #ask: LearnPartitions;
  readonly #topics = new Map<string, { partitions: PartitionMetadata[]; knownUntil: number }>();
  readonly #choose = kafkajs.Partitioners.DefaultPartitioner();

  constructor(ask: LearnPartitions) {
    this.#ask = ask;
  }

  /**
   * @param items what holds the records, in the order in which they are to be stored
   * @throws KafkaError UNKNOWN_TOPIC
   */
  async part<Item>(
    items: readonly Item[],
    recordOf: (item: Item) => OutgoingRecord,
  ): Promise<PartitionRecords<Item>[]> {
    await this.#learn(new Set(items.map((item) => recordOf(item).topic)));
    const parts = new Map<string, PartitionRecords<Item>>();
    for (const item of items) {
      const record = recordOf(item);
      const { topic } = record;
      const { partitions } = this.#topics.get(topic)!;
      const { key, value } = record;
      const partition =
        record.partition ?? this.#choose({ topic, partitionMetadata: partitions, message: { key, value } });
      const name = `${topic}/${partition}`;
      let part = parts.get(name);
      if (part === undefined) {
        part = { topic, partition, items: [], records: [] };
        parts.set(name, part);
      }
      part.items.push(item);
      part.records.push(record);
    }
    return [...parts.values()];
  }

  async #learn(topics: ReadonlySet<string>): Promise<void> {
    const now = performance.now();
    const unknown = [...topics].filter((topic) => !((this.#topics.get(topic)?.knownUntil ?? 0) > now));
    if (unknown.length === 0) return;
    try {
      for (const { name, partitions } of await this.#ask(unknown)) {
        // The partitioner reads no more of them than that.
        this.#topics.set(name, {
          partitions: partitions as PartitionMetadata[],
          knownUntil: now + KNOWN_FOR,
        });
      }
    } catch (error) {
      if ((error as { type?: unknown }).type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
      throw new KafkaError(
        'UNKNOWN_TOPIC',
        `A topic among ${unknown.join(', ')} does not exist in Kafka, or this client may not see it; create it before the flow is started.`,
        { cause: error },
      );
    }
  }
}

/** The partitioner for producers whose messages have been parted already. */
export const alreadyParted: ICustomPartitioner =
  () =>
  ({ message }) =>
    message.partition!;
