/** Counts the dead letters of a topic with which nobody has done anything yet. */
import { isDeepStrictEqual } from 'node:util';
import { readDeadLetterReason, readMark } from '@integration-hub/api';
import type { IncomingRecord, TopicAdmin } from '@integration-hub/kafka';

/** Records that are read at once, at most; the rest are read the next time. */
const MOST_AT_ONCE = 10_000;

/**
 * Only what came since the last count is read; everything anew once Kafka has deleted the oldest. Each letter has one
 * mark at most (`api/src/dead-letter-mark.ts`), so the two need only be counted.
 */
export class OpenDeadLetters {
  readonly #topic: string;
  #letters = 0;
  #marks = 0;
  /** By partition: what the topic still kept when counting began, and up to where it is counted. */
  #starts: ReadonlyMap<number, bigint> = new Map();
  #read = new Map<number, bigint>();

  constructor(topic: string) {
    this.#topic = topic;
  }

  /** How many there are; while a long topic is being read, of what is read. */
  get count(): number {
    return this.#letters - this.#marks;
  }

  /** Counts what has come since. @throws KafkaError READ_TIMED_OUT, and what kafkajs says where Kafka is away */
  async update(admin: TopicAdmin): Promise<void> {
    const [starts, ends] = [await admin.startOffsets(this.#topic), await admin.endOffsets(this.#topic)];
    if (!isDeepStrictEqual(starts, this.#starts)) {
      this.#starts = starts;
      this.#read = new Map(starts);
      [this.#letters, this.#marks] = [0, 0];
    }
    if (isDeepStrictEqual(ends, this.#read)) return;
    let count = 0;
    await admin.read(this.#topic, {
      from: this.#read,
      onRecord: (record) => {
        this.#add(record);
        this.#read.set(record.partition, record.offset + 1n);
        count += 1;
        return count < MOST_AT_ONCE;
      },
    });
    // What follows the last record are markers of transactions.
    if (count < MOST_AT_ONCE) this.#read = ends;
  }

  #add({ headers }: IncomingRecord): void {
    if (readDeadLetterReason(headers) !== undefined) this.#letters += 1;
    const mark = readMark(headers);
    if (mark === undefined) return;
    const [, partition, offset] = /^(\d+)\/(\d+)$/.exec(mark.letter) ?? [];
    // Of a letter that Kafka has deleted nothing is counted any more.
    if (offset !== undefined && BigInt(offset) >= (this.#starts.get(Number(partition)) ?? 0n))
      this.#marks += 1;
  }
}
