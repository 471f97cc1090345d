/** Writes records for a produce request, in place of kafkajs, which takes a buffer of 512 bytes for every header. */

type Text = Buffer | string | null | undefined;

/** A record as kafkajs hands it to its encoder. */
export interface RecordParts {
  /** Since the first record of the batch. */
  readonly offsetDelta?: number;
  /** Milliseconds since the first record of the batch. */
  readonly timestampDelta?: number;
  readonly key?: Text;
  readonly value?: Text;
  readonly headers?: Readonly<Record<string, Text | readonly Text[]>>;
}

/** What kafkajs copies into a batch. */
export interface EncodedRecord {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

/** One record of a batch (Kafka protocol guide, record batch v2). Strings are written as UTF-8. */
export function encodeRecord(record: RecordParts): EncodedRecord {
  const { offsetDelta = 0, timestampDelta = 0, key, value, headers = {} } = record;
  const texts: Text[] = [];
  for (const name of Object.keys(headers)) {
    const header = headers[name];
    if (!isList(header)) texts.push(name, header);
    else for (const one of header) texts.push(name, one);
  }
  const sizes = texts.map(sizeOf);
  const [keySize, valueSize, count] = [sizeOf(key), sizeOf(value), texts.length / 2];
  let body = 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + varintSize(count);
  body += varintSize(keySize) + Math.max(keySize, 0) + varintSize(valueSize) + Math.max(valueSize, 0);
  for (const size of sizes) body += varintSize(size) + Math.max(size, 0);

  const buf = Buffer.allocUnsafe(varintSize(body) + body);
  let at = writeVarint(buf, body, 0);
  buf[at] = 0; // Attributes: none.
  at = writeVarint(buf, timestampDelta, at + 1);
  at = writeVarint(buf, offsetDelta, at);
  at = writeText(buf, key, keySize, at);
  at = writeText(buf, value, valueSize, at);
  at = writeVarint(buf, count, at);
  for (let index = 0; index < texts.length; index += 1) {
    at = writeText(buf, texts[index], sizes[index]!, at);
  }
  return { buf, buffer: buf };
}

function isList(header: Text | readonly Text[]): header is readonly Text[] {
  return Array.isArray(header);
}

/** In bytes; -1 of what is not there. */
function sizeOf(text: Text): number {
  if (text === null || text === undefined) return -1;
  return typeof text === 'string' ? Buffer.byteLength(text) : text.length;
}

function writeText(buf: Buffer, text: Text, size: number, at: number): number {
  const start = writeVarint(buf, size, at);
  if (typeof text === 'string') buf.write(text, start);
  else text?.copy(buf, start);
  return start + Math.max(size, 0);
}

/** Zigzag, as in Protocol Buffers: small numbers, negative ones too, are short. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = zigzag(value); rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

function writeVarint(buf: Buffer, value: number, at: number): number {
  let rest = zigzag(value);
  let next = at;
  for (; rest >= 128; rest = Math.floor(rest / 128)) buf[next++] = (rest % 128) | 128;
  buf[next] = rest;
  return next + 1;
}
