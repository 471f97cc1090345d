/**
 * Spans in OTLP's protobuf encoding (https://github.com/open-telemetry/opentelemetry-proto, trace/v1/trace.proto), one
 * behind the other into one buffer. The numbers are those of the fields there.
 */
import type { SpanAttributes, SpanFailure, SpanKind } from './traces.js';

export interface SpanLink {
  /** Hexadecimal, as all ids here. */
  readonly traceId: string;
  readonly spanId: string;
}

/** A span that has ended. */
export interface SpanData {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: none. */
  readonly parentSpanId: string;
  /** Whether its parent is another process's. */
  readonly isOfFormerStage: boolean;
  readonly name: string;
  readonly kind: SpanKind;
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly ended: number;
  readonly attributes: SpanAttributes;
  readonly links: readonly SpanLink[];
  readonly failure: SpanFailure | undefined;
}

/** SpanKind. */
const kinds: Readonly<Record<SpanKind, number>> = {
  internal: 1,
  server: 2,
  client: 3,
  producer: 4,
  consumer: 5,
};
/** Status.StatusCode. */
const statusError = 2;
/** SpanFlags: sampled, and that bit 9 says whether the parent is remote. */
const [sampled, saysRemote, isRemote] = [0x01, 0x100, 0x200];

/** No sender chooses how much memory its MSH-10 takes here; in UTF-16 units. */
const longestText = 256;
/** As many as a transaction of the transformer has messages. */
const mostLinks = 512;
const mostAttributes = 64;
/** More than any span takes with these limits. */
export const largestSpan = 160 * 1_024;

const varint = 0;
const fixed64 = 1;
const delimited = 2;
const fixed32 = 5;
const tag = (field: number, type: number): number => (field << 3) | type;

/** An attribute's key, and its value where that was the same twice: most are the same for all messages of a flow. */
interface Known {
  /** Field 1 of KeyValue. */
  readonly key: Buffer;
  value: string | undefined;
  /** All of KeyValue. */
  bytes: Buffer | undefined;
}

export class SpanEncoder {
  readonly #known = new Map<string, Known>();
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;

  /**
   * Writes a span as one of ScopeSpans.spans.
   *
   * @param at where to; there must be room for `largestSpan`
   * @returns where it ends
   */
  write(span: SpanData, buffer: Buffer, at: number): number {
    this.#buffer = buffer;
    this.#at = at;
    const spans = this.#open(2);
    this.#hex(1, span.traceId);
    this.#hex(2, span.spanId);
    if (span.parentSpanId !== '') this.#hex(4, span.parentSpanId);
    this.#text(5, span.name);
    this.#byte(tag(6, varint));
    this.#byte(kinds[span.kind]);
    this.#time(7, span.began);
    this.#time(8, span.ended);
    const attributes = span.attributes;
    let count = 0;
    for (const key in attributes) {
      if (count === mostAttributes) break;
      count += 1;
      this.#attribute(9, key, attributes[key]!);
    }
    const { failure } = span;
    if (failure !== undefined) this.#attribute(9, 'error.type', failure.code);
    for (const link of span.links.slice(0, mostLinks)) {
      const links = this.#open(13);
      this.#hex(1, link.traceId);
      this.#hex(2, link.spanId);
      this.#flags(6, sampled | saysRemote);
      this.#close(links);
    }
    if (failure !== undefined) {
      const status = this.#open(15);
      this.#text(2, failure.reason ?? failure.code);
      this.#byte(tag(3, varint));
      this.#byte(statusError);
      this.#close(status);
    }
    this.#flags(16, sampled | saysRemote | (span.isOfFormerStage ? isRemote : 0));
    this.#close(spans);
    return this.#at;
  }

  /** Begins a message within a message, for whose length it leaves the two bytes that it takes as a rule. */
  #open(field: number): number {
    this.#varint(tag(field, delimited));
    this.#at += 2;
    return this.#at;
  }

  #close(from: number): void {
    const length = this.#at - from;
    const size = varintSize(length);
    if (size !== 2) this.#buffer.copyWithin(from - 2 + size, from, this.#at);
    this.#at = from - 2;
    this.#varint(length);
    this.#at += length;
  }

  #attribute(field: number, key: string, value: string | number | boolean): void {
    let known = this.#known.get(key);
    if (known === undefined) {
      known = { key: encodedKey(key), value: undefined, bytes: undefined };
      this.#known.set(key, known);
    }
    this.#varint(tag(field, delimited));
    if (typeof value !== 'string') {
      this.#number(known.key, value);
      return;
    }
    if (value === known.value && known.bytes !== undefined) {
      this.#buffer.set(known.bytes, this.#at);
      this.#at += known.bytes.length;
      return;
    }
    const from = this.#at;
    const text = value.length > longestText ? value.slice(0, longestText) : value;
    const length = Buffer.byteLength(text);
    const anyValue = 1 + varintSize(length) + length;
    this.#varint(known.key.length + 1 + varintSize(anyValue) + anyValue);
    this.#bytes(known.key);
    this.#byte(tag(2, delimited));
    this.#varint(anyValue);
    this.#byte(tag(1, delimited));
    this.#varint(length);
    this.#at += this.#buffer.write(text, this.#at);
    known.bytes = value === known.value ? Buffer.from(this.#buffer.subarray(from, this.#at)) : undefined;
    known.value = value;
  }

  /** KeyValue of a number or a truth. */
  #number(key: Buffer, value: number | boolean): void {
    const [field, size] =
      typeof value === 'boolean'
        ? [2, 1]
        : Number.isSafeInteger(value) && value >= 0
          ? [3, varintSize(value)]
          : [4, 8];
    this.#varint(key.length + 2 + 1 + size);
    this.#bytes(key);
    this.#byte(tag(2, delimited));
    this.#byte(1 + size);
    if (field === 4) {
      this.#byte(tag(4, fixed64));
      this.#at = this.#buffer.writeDoubleLE(Number(value), this.#at);
    } else {
      this.#byte(tag(field, varint));
      this.#varint(Number(value));
    }
  }

  #text(field: number, value: string): void {
    this.#varint(tag(field, delimited));
    const text = value.length > longestText ? value.slice(0, longestText) : value;
    this.#varint(Buffer.byteLength(text));
    this.#at += this.#buffer.write(text, this.#at);
  }

  #hex(field: number, digits: string): void {
    this.#byte(tag(field, delimited));
    this.#byte(digits.length / 2);
    this.#at += this.#buffer.write(digits, this.#at, 'hex');
  }

  /** Nanoseconds since 1970, as exactly as a number has them: to a quarter of a microsecond. */
  #time(field: number, milliseconds: number): void {
    this.#byte(tag(field, fixed64));
    const nanoseconds = Math.round(milliseconds * 1e6);
    const high = Math.floor(nanoseconds / 2 ** 32);
    this.#at = this.#buffer.writeUInt32LE(nanoseconds - high * 2 ** 32, this.#at);
    this.#at = this.#buffer.writeUInt32LE(high, this.#at);
  }

  #flags(field: number, flags: number): void {
    this.#varint(tag(field, fixed32));
    this.#at = this.#buffer.writeUInt32LE(flags, this.#at);
  }

  #bytes(bytes: Buffer): void {
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #byte(value: number): void {
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size += 1;
  return size;
}

/** Field 1 of KeyValue. */
function encodedKey(key: string): Buffer {
  const text = Buffer.from(key);
  return Buffer.concat([Buffer.from([tag(1, delimited), text.length]), text]);
}

/**
 * What stands before spans that `SpanEncoder` has written, to make a request of them: ExportTraceServiceRequest with
 * one ResourceSpans and in it one ScopeSpans.
 *
 * @param resource what the process is
 * @param scope what has made the spans
 */
export function requestHead(
  resource: Readonly<Record<string, string>>,
  scope: string,
): (spansLength: number) => Buffer {
  const attributes = Object.entries(resource).map(([key, value]) =>
    message(1, Buffer.concat([encodedKey(key), message(2, message(1, Buffer.from(value)))])),
  );
  const encodedResource = message(1, Buffer.concat(attributes));
  const encodedScope = message(1, message(1, Buffer.from(scope)));
  return (spansLength) => {
    const inScope = encodedScope.length + spansLength;
    const scopeSpans = Buffer.from([tag(2, delimited), ...varintBytes(inScope)]);
    const inResource = encodedResource.length + scopeSpans.length + inScope;
    const resourceSpans = Buffer.from([tag(1, delimited), ...varintBytes(inResource)]);
    return Buffer.concat([resourceSpans, encodedResource, scopeSpans, encodedScope]);
  };
}

function message(field: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag(field, delimited), ...varintBytes(content.length)]), content]);
}

function varintBytes(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}
