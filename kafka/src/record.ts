/** A record to be written. */
export interface OutgoingRecord {
  topic: string;
  /** Default: the one that Kafka's own clients choose for the key (murmur2); without a key, each in turn. */
  partition?: number;
  key: Buffer | null;
  value: Buffer;
  /** Strings are written as UTF-8. */
  headers: Record<string, string | Buffer>;
  /** Milliseconds since 1970; default: now. */
  timestamp?: number;
}

/** A record that was read. */
export interface IncomingRecord {
  topic: string;
  partition: number;
  offset: bigint;
  /** Milliseconds since 1970. */
  timestamp: number;
  key: Buffer | null;
  /** Empty where the record has none (a tombstone). */
  value: Buffer;
  /** Of a header that occurs more than once, the last. */
  headers: Record<string, Buffer>;
}

/** The most bytes that a record takes in a batch, its lengths and counters included. */
export function recordBytes({ key, value, headers }: OutgoingRecord): number {
  let bytes = 40 + (key?.length ?? 0) + value.length;
  for (const [name, header] of Object.entries(headers)) {
    bytes +=
      10 + Buffer.byteLength(name) + (typeof header === 'string' ? Buffer.byteLength(header) : header.length);
  }
  return bytes;
}

/**
 * The most bytes of records that are put into one batch of a partition: a topic accepts batches of 1,048,588 bytes
 * unless its `max.message.bytes` is set. A single record may be larger; then it goes alone.
 */
export const MOST_BATCH_BYTES = 1_048_000;

/** Records in batches that a topic accepts, in their order. */
export function* inBatches(records: readonly OutgoingRecord[]): Generator<OutgoingRecord[]> {
  for (let from = 0, to = 0; from < records.length; from = to) {
    let bytes = 0;
    do {
      bytes += recordBytes(records[to]!);
      to += 1;
    } while (to < records.length && bytes + recordBytes(records[to]!) <= MOST_BATCH_BYTES);
    yield records.slice(from, to);
  }
}
