import { IS_CONTROL, IS_TRANSACTIONAL, type RecordsBatch } from '@platformatic/kafka';
import type { IncomingRecord } from '../record.js';

/** What a broker has answered of one partition. */
export interface FetchedPartition {
  readonly abortedTransactions: readonly { producerId: bigint; firstOffset: bigint }[] | null;
  readonly records?: readonly RecordsBatch[] | null;
}

/** Bit 3 of a batch's attributes: its time is that of the broker, for all records. */
const HAS_LOG_APPEND_TIME = 1 << 3;
/** The type in the key of the control record that ends an aborted transaction. */
const ABORT = 0;

/**
 * The records of a fetched partition from an offset on, without those of aborted transactions and without markers.
 *
 * The library's own consumer is not used: it shows the records of an aborted transaction whose marker is not in the
 * same answer, and of one producer's aborted transactions hides the last in an answer only. A broker names every
 * aborted transaction that the answer has records of, in the order of their ends.
 *
 * @returns the records, and the offset after the last, whether it is shown or not
 */
export function committedRecords(
  topic: string,
  partition: number,
  from: bigint,
  { abortedTransactions, records: batches }: FetchedPartition,
): { records: IncomingRecord[]; next: bigint } {
  const begins = [...(abortedTransactions ?? [])].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const aborting = new Set<bigint>();
  const records: IncomingRecord[] = [];
  let next = from;
  let begun = 0;
  for (const batch of batches ?? []) {
    const { firstOffset, lastOffsetDelta, attributes, producerId } = batch;
    const last = firstOffset + BigInt(lastOffsetDelta);
    for (; begun < begins.length && begins[begun]!.firstOffset <= last; begun += 1) {
      aborting.add(begins[begun]!.producerId);
    }
    if (last >= next) next = last + 1n;
    if ((attributes & IS_CONTROL) !== 0) {
      if (batch.records[0]?.key?.readInt16BE(2) === ABORT) aborting.delete(producerId);
    } else if ((attributes & IS_TRANSACTIONAL) === 0 || !aborting.has(producerId)) {
      pushRecords(records, topic, partition, from, batch);
    }
  }
  return { records, next };
}

function pushRecords(
  records: IncomingRecord[],
  topic: string,
  partition: number,
  from: bigint,
  { firstOffset, firstTimestamp, maxTimestamp, attributes, records: all }: RecordsBatch,
): void {
  const hasAppendTime = (attributes & HAS_LOG_APPEND_TIME) !== 0;
  for (const { offsetDelta, timestampDelta, key, value, headers } of all) {
    const offset = firstOffset + BigInt(offsetDelta);
    // A broker gives whole batches.
    if (offset < from) continue;
    const named: Record<string, Buffer> = {};
    for (const [name, header] of headers) named[name!.toString()] = header ?? EMPTY;
    const timestamp = Number(hasAppendTime ? maxTimestamp : firstTimestamp + timestampDelta);
    records.push({ topic, partition, offset, timestamp, key, value: value ?? EMPTY, headers: named });
  }
}

const EMPTY = Buffer.alloc(0);
