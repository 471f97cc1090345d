/**
 * Traces of messages: a span for what each stage does with a message, joined over Kafka by W3C Trace Context
 * (https://www.w3.org/TR/trace-context/, section 3.2) in the records' `traceparent`. The trace id is the correlation
 * id without its hyphens. Stages know only what is here; nothing of OpenTelemetry is loaded where it isn't configured.
 */

/** What a span is about, as OpenTelemetry says it: https://opentelemetry.io/docs/specs/otel/trace/api/#spankind */
export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

/** Of a message's fields MSH-3, MSH-9 and MSH-10 only. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Why something did not succeed: a stable code, and a sentence without patient data. */
export interface SpanFailure {
  readonly code: string;
  readonly reason?: string;
}

/** What a stage does with a message, or with many. */
export interface StageSpan {
  /** For the header of the record that comes of it. */
  readonly traceparent: string;
  /** Whether it will be seen. What is not chosen may still come to be, until it has ended. */
  readonly isRecorded: boolean;
  /** @param attributes is asked once the span has ended, and only if it is seen */
  set(attributes: () => SpanAttributes): void;
  /** A part of it, that begins now. */
  part(name: string, kind: SpanKind): StageSpan;
  /** Has it and all of its stage be seen, chosen or not, and what later stages do as well. */
  keep(): void;
  /** Notes a failure of the message, which is always seen. */
  fail(failure: SpanFailure): void;
  /** @param failure as of `fail` */
  end(failure?: SpanFailure): void;
  /** Ends without an outcome, for it is done again; that is seen only where the message was chosen. */
  interrupt(code: string): void;
}

export interface Traces {
  /** Begins the trace of a message that has come. */
  begin(correlationId: string, name: string, kind: SpanKind): StageSpan;
  /** Goes on with the trace of a message that was read from a topic, at which the former stage has left its header. */
  goOn(traceparent: Buffer | undefined, name: string, kind: SpanKind): StageSpan;
  /** Begins a trace of its own of what is done for many messages at once, which it is linked to. */
  ofMany(spans: readonly StageSpan[], name: string, kind: SpanKind): StageSpan;
}

/** A span that nobody will see; it hands on whose message it was. */
export class UnrecordedSpan implements StageSpan {
  readonly isRecorded = false;
  constructor(readonly traceparent: string) {}
  set(): void {
    // Nobody sees it.
  }
  part(): StageSpan {
    return this;
  }
  keep(): void {
    // There is nowhere to.
  }
  fail(): void {
    // Nobody sees it.
  }
  end(): void {
    // Nobody sees it.
  }
  interrupt(): void {
    // Nobody sees it.
  }
}

/** The header of a message that is not traced: its flags are 0, so that later stages don't trace it either. */
export function untracedParent(correlationId: string): string {
  const traceId = correlationId.replaceAll('-', '');
  return `00-${traceId}-${traceId.slice(0, 16)}-00`;
}

/** Traces nothing. */
export const noTraces: Traces = {
  begin: (correlationId) => new UnrecordedSpan(untracedParent(correlationId)),
  goOn: (traceparent) => new UnrecordedSpan(traceparent?.toString() ?? ''),
  ofMany: () => new UnrecordedSpan(''),
};
