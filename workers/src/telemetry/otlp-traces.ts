/** Traces by OpenTelemetry's SDK. */
import {
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind as Kind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type Sampler,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import {
  UnrecordedSpan,
  untracedParent,
  type SpanAttributes,
  type SpanKind,
  type StageSpan,
  type Traces,
} from './traces.js';

/** Spans that wait to be sent, at most: some 8 MB. What comes meanwhile is dropped. */
const mostWaiting = 4_096;
const mostInRequest = 512;
const everyMs = 1_000;
/** No sender chooses how much memory its MSH-10 takes here. */
const longestText = 256;
/** As many as a transaction of the transformer has messages. */
const mostLinks = 512;

const kinds: Readonly<Record<SpanKind, Kind>> = {
  internal: Kind.INTERNAL,
  server: Kind.SERVER,
  client: Kind.CLIENT,
  producer: Kind.PRODUCER,
  consumer: Kind.CONSUMER,
};

export interface OtlpTracesOptions {
  readonly resource: Resource;
  readonly exporter: SpanExporter;
  /** Share of messages that are traced, from 0 to 1. */
  readonly sampleRatio: number;
  /** Is told of each span that did not even get to wait. */
  readonly onDropped: () => void;
}

/** Gives the next trace the id that it is told, and other traces any. */
class CorrelatedIds extends RandomIdGenerator {
  next: string | undefined;

  override generateTraceId(): string {
    return this.next ?? super.generateTraceId();
  }
}

/** Takes that share of messages, and what is done for many where one of them is taken. */
function rootSampler(share: TraceIdRatioBasedSampler): Sampler {
  return {
    shouldSample: (context, traceId, _name, _kind, _attributes, links) =>
      links.length > 0
        ? { decision: SamplingDecision.RECORD_AND_SAMPLED }
        : share.shouldSample(context, traceId),
    toString: () => `OfMessages{${share.toString()}}`,
  };
}

export class OtlpTraces implements Traces {
  readonly provider: TracerProvider;
  readonly #tracer: Tracer;
  readonly #ids = new CorrelatedIds();
  readonly #share: TraceIdRatioBasedSampler;

  constructor({ resource, exporter, sampleRatio, onDropped }: OtlpTracesOptions) {
    this.#share = new TraceIdRatioBasedSampler(sampleRatio);
    this.provider = new TracerProvider({
      resource,
      idGenerator: this.#ids,
      sampler: new ParentBasedSampler({ root: rootSampler(this.#share) }),
      spanLimits: { attributeValueLengthLimit: longestText, linkCountLimit: mostLinks },
      spanProcessors: [boundedProcessor(exporter, onDropped)],
    });
    this.#tracer = this.provider.getTracer('integration-hub');
  }

  begin(correlationId: string, name: string, kind: SpanKind): StageSpan {
    const traceId = correlationId.replaceAll('-', '');
    // Asked here too, for most messages need no more of the SDK then.
    if (this.#share.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.NOT_RECORD) {
      return new UnrecordedSpan(untracedParent(correlationId));
    }
    this.#ids.next = traceId;
    const span = this.#tracer.startSpan(name, { kind: kinds[kind], root: true }, ROOT_CONTEXT);
    this.#ids.next = undefined;
    return new RecordedSpan(this.#tracer, span);
  }

  goOn(traceparent: Buffer | undefined, name: string, kind: SpanKind): StageSpan {
    const text = traceparent?.toString() ?? '';
    const parent = readTraceparent(text);
    if (parent === undefined || (parent.traceFlags & TraceFlags.SAMPLED) === 0) {
      return new UnrecordedSpan(text);
    }
    const context = trace.setSpanContext(ROOT_CONTEXT, parent);
    return new RecordedSpan(this.#tracer, this.#tracer.startSpan(name, { kind: kinds[kind] }, context));
  }

  ofMany(spans: readonly StageSpan[], name: string, kind: SpanKind): StageSpan {
    const links = spans.flatMap((one) => (one instanceof RecordedSpan ? [{ context: one.context }] : []));
    if (links.length === 0) return new UnrecordedSpan('');
    const span = this.#tracer.startSpan(name, { kind: kinds[kind], links, root: true }, ROOT_CONTEXT);
    return new RecordedSpan(this.#tracer, span);
  }
}

class RecordedSpan implements StageSpan {
  readonly isRecorded = true;
  readonly context: SpanContext;
  readonly #tracer: Tracer;
  readonly #span: Span;
  #asParent: Context | undefined;

  constructor(tracer: Tracer, span: Span) {
    this.#tracer = tracer;
    this.#span = span;
    this.context = span.spanContext();
  }

  get traceparent(): string {
    return `00-${this.context.traceId}-${this.context.spanId}-01`;
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributes);
  }

  part(name: string, kind: SpanKind): StageSpan {
    this.#asParent ??= trace.setSpan(ROOT_CONTEXT, this.#span);
    return new RecordedSpan(
      this.#tracer,
      this.#tracer.startSpan(name, { kind: kinds[kind] }, this.#asParent),
    );
  }

  end(failure?: { readonly code: string; readonly reason?: string }): void {
    if (failure !== undefined) {
      const { code, reason } = failure;
      this.#span.setAttribute('error.type', code);
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: reason ?? code });
    }
    this.#span.end();
  }
}

/** Hands spans on in batches; counts those for which there is no room, which the SDK's own processor would only log. */
function boundedProcessor(exporter: SpanExporter, onDropped: () => void): SpanProcessor {
  let waiting = 0;
  const batches = new BatchSpanProcessor({
    maxQueueSize: mostWaiting,
    maxExportBatchSize: mostInRequest,
    scheduledDelayMillis: everyMs,
    exporter: {
      export: (spans, done) => {
        exporter.export(spans, (result) => {
          waiting -= spans.length;
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
    },
  });
  return {
    onStart: () => undefined,
    onEnd: (span) => {
      if (waiting >= mostWaiting) {
        onDropped();
        return;
      }
      waiting += 1;
      batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  };
}

/** @returns undefined where it is none: then nothing is known of a trace */
function readTraceparent(text: string): SpanContext | undefined {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text);
  if (match === null) return undefined;
  const context = {
    traceId: match[1]!,
    spanId: match[2]!,
    traceFlags: parseInt(match[3]!, 16),
    isRemote: true,
  };
  return isSpanContextValid(context) ? context : undefined;
}
