import { SpanKind as Kind, SpanStatusCode, type HrTime, type Link } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import fc from 'fast-check';
import { readOtlpTraces, type OtlpTraces } from './otlp-messages.js';
import { largestSpan, requestHead, SpanEncoder, type SpanData } from './span-encoder.js';

const kinds = {
  internal: Kind.INTERNAL,
  server: Kind.SERVER,
  client: Kind.CLIENT,
  producer: Kind.PRODUCER,
  consumer: Kind.CONSUMER,
};
const resource = { 'service.name': 'phw-listener', 'service.namespace': 'hospital' };

/** The SDK puts together what has the same object. */
const origin = {
  resource: resourceFromAttributes(resource),
  instrumentationScope: { name: 'integration-hub' },
};

/** Hexadecimal, and not all 0, which is no id. */
const id = (bytes: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .filter((array) => array.some(Boolean))
    .map((array) => Buffer.from(array).toString('hex'));

const text = fc.string({ unit: 'grapheme', maxLength: 60 });
const span: fc.Arbitrary<SpanData> = fc
  .record({
    traceId: id(16),
    spanId: id(8),
    parentSpanId: fc.oneof(fc.constant(''), id(8)),
    isOfFormerStage: fc.boolean(),
    name: fc.constantFrom('receive', 'send'),
    kind: fc.constantFrom('internal', 'server', 'client', 'producer', 'consumer'),
    // Whole seconds, and halves: exact in either's arithmetic.
    began: fc.integer({ min: 1_000, max: 4e9 }).map((seconds) => seconds * 500),
    ended: fc.integer({ min: 1_000, max: 4e9 }).map((seconds) => seconds * 500),
    attributes: fc.dictionary(
      fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom('a', 'b', 'c', '.', '_') }),
      fc.oneof(
        text,
        fc.nat(),
        fc.integer({ min: 2 ** 31, max: 2 ** 53 - 1 }),
        fc.boolean(),
        fc.constant(0.25),
      ),
      { maxKeys: 12, noNullPrototype: true },
    ),
    links: fc.array(fc.record({ traceId: id(16), spanId: id(8) }), { maxLength: 20 }),
    failure: fc.option(fc.record({ code: fc.constantFrom('BAD_VERSION', 'UNEXPECTED'), reason: text }), {
      nil: undefined,
    }),
  })
  .filter(({ isOfFormerStage, parentSpanId }) => !isOfFormerStage || parentSpanId !== '');

/** The same span as the SDK would have it. */
function readable(one: SpanData): ReadableSpan {
  const time = (milliseconds: number): HrTime => [Math.floor(milliseconds / 1e3), (milliseconds % 1e3) * 1e6];
  const context = (
    traceId: string,
    spanId: string,
  ): { traceId: string; spanId: string; traceFlags: number } => ({
    traceId,
    spanId,
    traceFlags: 1,
  });
  const links: Link[] = one.links.map(({ traceId, spanId }) => ({ context: context(traceId, spanId) }));
  return {
    name: one.name,
    kind: kinds[one.kind],
    spanContext: () => context(one.traceId, one.spanId),
    parentSpanContext:
      one.parentSpanId === ''
        ? undefined
        : { ...context(one.traceId, one.parentSpanId), isRemote: one.isOfFormerStage },
    startTime: time(one.began),
    endTime: time(one.ended),
    status:
      one.failure === undefined
        ? { code: SpanStatusCode.UNSET }
        : { code: SpanStatusCode.ERROR, message: one.failure.reason ?? one.failure.code },
    attributes: { ...one.attributes, ...(one.failure && { 'error.type': one.failure.code }) },
    links,
    events: [],
    duration: [0, 0],
    ended: true,
    ...origin,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  } as unknown as ReadableSpan;
}

function request(spans: readonly SpanData[], encoder = new SpanEncoder()): Buffer {
  const buffer = Buffer.alloc(spans.length * largestSpan);
  const end = spans.reduce((at, one) => encoder.write(one, buffer, at), 0);
  return Buffer.concat([requestHead(resource, 'integration-hub')(end), buffer.subarray(0, end)]);
}

/** The SDK writes an empty status where there is none, which says the same. */
function withoutEmptyStatus(theirs: Uint8Array): OtlpTraces {
  const read = readOtlpTraces(theirs);
  for (const one of read.resourceSpans!.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans),
  )) {
    if (Object.keys(one.status ?? {}).length === 0) delete one.status;
  }
  return read;
}

describe('The encoder of spans', () => {
  it('writes what OpenTelemetry’s SDK writes', () => {
    const encoder = new SpanEncoder();
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 4 }), (spans) => {
        const theirs = ProtobufTraceSerializer.serializeRequest(spans.map(readable))!;
        expect(readOtlpTraces(request(spans, encoder))).to.deep.equal(withoutEmptyStatus(theirs));
      }),
      { numRuns: 300 },
    );
  });

  it('knows a value that comes again, and forgets it when another comes', () => {
    const one = (controlId: string): SpanData => ({
      traceId: '1'.repeat(32),
      spanId: '2'.repeat(16),
      parentSpanId: '',
      isOfFormerStage: false,
      name: 'receive',
      kind: 'server',
      began: 1,
      ended: 2,
      attributes: { 'ihub.flow': 'phw', 'hl7.control_id': controlId },
      links: [],
      failure: undefined,
    });
    const values = ['a', 'a', 'a', 'b', 'a', 'ä', 'ä', 'ä'];
    const { resourceSpans } = readOtlpTraces(request(values.map(one)));
    const spans = resourceSpans![0]!.scopeSpans[0]!.spans;
    expect(spans.map(({ attributes }) => attributes!.map(({ value }) => value.stringValue))).to.deep.equal(
      values.map((value) => ['phw', value]),
    );
  });

  it('has a bound for each span, however much it is told', () => {
    const long = '\u{20AC}'.repeat(10_000);
    const attributes = Object.fromEntries(Array.from({ length: 100 }, (_, number) => [`key${number}`, long]));
    const links = Array.from({ length: 1_000 }, () => ({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }));
    const huge: SpanData = {
      traceId: '1'.repeat(32),
      spanId: '2'.repeat(16),
      parentSpanId: '3'.repeat(16),
      isOfFormerStage: true,
      name: long,
      kind: 'server',
      began: 1,
      ended: 2,
      attributes,
      links,
      failure: { code: 'UNEXPECTED', reason: long },
    };
    const buffer = Buffer.alloc(2 * largestSpan);
    expect(new SpanEncoder().write(huge, buffer, 0)).to.be.below(largestSpan);
  });
});
