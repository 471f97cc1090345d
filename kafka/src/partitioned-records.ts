import type { ICustomPartitioner, Kafka, Message, PartitionMetadata } from 'kafkajs';
import { again } from './again.js';
import { KafkaError } from './kafka-error.js';
import type { OutgoingRecord } from './record.js';
import { kafkajs } from './repaired-kafkajs.js';

/** Records of one partition, in order. */
export interface PartitionRecords<Item> {
  topic: string;
  partition: number;
  items: Item[];
  /** The same, for kafkajs. */
  messages: Message[];
}

/** How long a topic's number of partitions is taken for known, in milliseconds. */
const KNOWN_FOR = 300_000;
/** How long a broker is asked again that fails for the moment, in milliseconds. */
const ASK_FOR = 10_000;

/**
 * Parts records by partition, before kafkajs sees them, so that it is given one partition at a time. What goes to one
 * broker at the same time is joined behind its back (`gathered-produce.ts`).
 *
 * kafkajs must not be given records of several brokers at once (tulios/kafkajs #1303, #1798). When one broker fails
 * and others have answered, it tries again, and leaves out every partition whose present leader has answered once:
 * records that have moved to such a leader are lost, and the send succeeds. Those whose answer was still under way
 * are written twice. A send of one partition succeeds or fails as a whole.
 */
export class PartitionedRecords {
  readonly #kafka: Kafka;
  readonly #topics = new Map<string, { partitions: PartitionMetadata[]; knownUntil: number }>();
  readonly #choose = kafkajs.Partitioners.DefaultPartitioner();

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
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
      const { topic, key, value, headers, timestamp = Date.now(), ...record } = recordOf(item);
      const message: Message = { key, value, headers, timestamp: String(timestamp) };
      const { partitions } = this.#topics.get(topic)!;
      const partition = record.partition ?? this.#choose({ topic, partitionMetadata: partitions, message });
      const name = `${topic}/${partition}`;
      let part = parts.get(name);
      if (part === undefined) {
        part = { topic, partition, items: [], messages: [] };
        parts.set(name, part);
      }
      part.items.push(item);
      part.messages.push({ ...message, partition });
    }
    return [...parts.values()];
  }

  async #learn(topics: ReadonlySet<string>): Promise<void> {
    const now = performance.now();
    const unknown = [...topics].filter((topic) => !((this.#topics.get(topic)?.knownUntil ?? 0) > now));
    if (unknown.length === 0) return;
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      // Where the broker that it asks fails, kafkajs trips over having no answer.
      const metadata = await again(
        ASK_FOR,
        () => admin.fetchTopicMetadata({ topics: unknown }),
        (error) => error instanceof TypeError,
      );
      for (const { name, partitions } of metadata.topics) {
        this.#topics.set(name, { partitions, knownUntil: now + KNOWN_FOR });
      }
    } catch (error) {
      if ((error as { type?: unknown }).type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
      throw new KafkaError(
        'UNKNOWN_TOPIC',
        `A topic among ${unknown.join(', ')} does not exist in Kafka, or this client may not see it; create it before the flow is started.`,
        { cause: error },
      );
    } finally {
      await admin.disconnect();
    }
  }
}

/** The partitioner for producers whose messages have been parted already. */
export const alreadyParted: ICustomPartitioner =
  () =>
  ({ message }) =>
    message.partition!;
