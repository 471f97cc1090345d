/**
 * Reads the records of a fetch response, in place of kafkajs, which copies all headers before it for each header and
 * reckons in big integers.
 */

/** kafkajs's decoder of one record's bytes, which it is done with afterwards. */
interface RecordBytes {
  readonly buffer: Buffer;
  offset: number;
}

/** What kafkajs knows of the batch that a record is in. */
export interface BatchContext {
  readonly firstOffset: string;
  /** Milliseconds since 1970, as the other. */
  readonly firstTimestamp: string;
  readonly maxTimestamp: string;
  /** 1: the broker's time, and so the same for all records; 0: the producer's. */
  readonly timestampType: number;
  readonly isControlBatch?: boolean;
  readonly magicByte?: number;
}

/** A record as kafkajs hands it on. Key, value and headers are views of the response. */
export interface DecodedRecord {
  readonly magicByte: number | undefined;
  readonly attributes: number;
  readonly timestamp: string;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** A name that occurs more than once has all its values. */
  readonly headers: Readonly<Record<string, Buffer | null | (Buffer | null)[]>>;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
}

const LOG_APPEND_TIME = 1;

/** One record of a batch, its length left out (Kafka protocol guide, record batch v2). */
export function decodeRecord(bytes: RecordBytes, batchContext: BatchContext): DecodedRecord {
  const { firstOffset, firstTimestamp, maxTimestamp, timestampType } = batchContext;
  const attributes = bytes.buffer[bytes.offset]!;
  bytes.offset += 1;
  const timestampDelta = readVarint(bytes);
  const offsetDelta = readVarint(bytes);
  const key = readBytes(bytes);
  const value = readBytes(bytes);
  return {
    magicByte: batchContext.magicByte,
    attributes,
    timestamp: timestampType === LOG_APPEND_TIME ? maxTimestamp : added(firstTimestamp, timestampDelta),
    offset: added(firstOffset, offsetDelta),
    key,
    value,
    headers: readHeaders(bytes),
    isControlRecord: batchContext.isControlBatch ?? false,
    batchContext,
  };
}

function readHeaders(bytes: RecordBytes): DecodedRecord['headers'] {
  const headers: Record<string, Buffer | null | (Buffer | null)[]> = {};
  for (let count = readVarint(bytes); count > 0; count -= 1) {
    const from = readVarint(bytes) + bytes.offset;
    const name = bytes.buffer.toString('utf8', bytes.offset, from);
    bytes.offset = from;
    const value = readBytes(bytes);
    const former = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (former === undefined) setHeader(headers, name, value);
    else if (Array.isArray(former)) former.push(value);
    else setHeader(headers, name, [former, value]);
  }
  return headers;
}

function setHeader(
  headers: Record<string, Buffer | null | (Buffer | null)[]>,
  name: string,
  value: Buffer | null | (Buffer | null)[],
): void {
  if (name !== '__proto__') headers[name] = value;
}

/** A length, and so many bytes; null where it is negative. */
function readBytes(bytes: RecordBytes): Buffer | null {
  const length = readVarint(bytes);
  if (length < 0) return null;
  const start = bytes.offset;
  bytes.offset += length;
  return bytes.buffer.subarray(start, bytes.offset);
}

/** Zigzag, as in Protocol Buffers; right up to 2^52, which is more than lengths and milliseconds come to. */
function readVarint(bytes: RecordBytes): number {
  const { buffer } = bytes;
  let at = bytes.offset;
  let byte = buffer[at++]!;
  let value = byte & 127;
  for (let scale = 128; byte >= 128; scale *= 128) {
    byte = buffer[at++]!;
    value += (byte & 127) * scale;
  }
  bytes.offset = at;
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function added(base: string, delta: number): string {
  const sum = Number(base) + delta;
  return Number.isSafeInteger(sum) ? String(sum) : String(BigInt(base) + BigInt(delta));
}
