/**
 * Spans of messages. They are ours and not the SDK's for what they cost: the SDK's live until they are sent, some
 * thousands at a time, and to move them about took the garbage collector longer than a listener needs for its messages
 * (docs/telemetry.md). These live as long as a message is in the stage, and are bytes from then on.
 *
 * Every message has them, chosen or not, so that what fails can still be seen whole, as far as its stage goes.
 */
import { randomBytes, randomFillSync } from 'node:crypto';
import type { SpanBatches } from './span-batches.js';
import type { SpanData, SpanLink } from './span-encoder.js';
import {
  UnrecordedSpan,
  untracedParent,
  type SpanAttributes,
  type SpanFailure,
  type SpanKind,
  type StageSpan,
  type Traces,
} from './traces.js';

/** What the last 12 digits of a correlation id, a random UUID, can be. */
const drawn = 2 ** 48;

export interface MessageTracesOptions {
  /** Takes what has ended and is to be seen. */
  readonly batches: Pick<SpanBatches, 'add'>;
  /** Share of messages that are traced, from 0 to 1. */
  readonly sampleRatio: number;
}

export class MessageTraces implements Traces {
  readonly #batches: Pick<SpanBatches, 'add'>;
  readonly #chosenBelow: number;

  constructor({ batches, sampleRatio }: MessageTracesOptions) {
    this.#batches = batches;
    this.#chosenBelow = sampleRatio * drawn;
  }

  begin(correlationId: string, name: string, kind: SpanKind): StageSpan {
    const isChosen = parseInt(correlationId.slice(-12), 16) < this.#chosenBelow;
    return new MessageSpan(new Stage(this.#batches, correlationId, undefined, isChosen), name, kind);
  }

  goOn(traceparent: Buffer | undefined, name: string, kind: SpanKind): StageSpan {
    const text = traceparent?.toString('latin1') ?? '';
    const former = readTraceparent(text);
    if (former === undefined) return new UnrecordedSpan(text);
    const stage = new Stage(this.#batches, former.traceId, former, former.isChosen);
    return new MessageSpan(stage, name, kind);
  }

  ofMany(spans: readonly StageSpan[], name: string, kind: SpanKind): StageSpan {
    const links = spans.flatMap((one) =>
      one instanceof MessageSpan && one.isRecorded ? [{ traceId: one.traceId, spanId: one.spanId }] : [],
    );
    if (links.length === 0) return new UnrecordedSpan('');
    const stage = new Stage(this.#batches, randomBytes(16).toString('hex'), undefined, true);
    return new MessageSpan(stage, name, kind, undefined, links);
  }
}

/** What the stage before has left. */
interface Former {
  readonly traceparent: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly isChosen: boolean;
}

/** @returns undefined where it is none: then nothing is known of a trace */
function readTraceparent(traceparent: string): Former | undefined {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent);
  if (match === null || /^0*$/.test(match[1]!) || /^0*$/.test(match[2]!)) return undefined;
  const isChosen = (parseInt(match[3]!, 16) & 1) === 1;
  return { traceparent, traceId: match[1]!, spanId: match[2]!, isChosen };
}

/** What the spans of one message in one stage have in common. */
class Stage {
  isRecorded: boolean;
  /** Milliseconds of 1970 at which `performance.now` was 0: one for all, so that their times fit together. */
  readonly clock = Date.now() - performance.now();
  readonly former: Former | undefined;
  readonly #batches: Pick<SpanBatches, 'add'>;
  readonly #correlationId: string;
  readonly #ended: MessageSpan[] = [];
  #isOver = false;
  #traceId: string | undefined;

  constructor(
    batches: Pick<SpanBatches, 'add'>,
    correlationId: string,
    former: Former | undefined,
    isChosen: boolean,
  ) {
    this.#batches = batches;
    this.#correlationId = correlationId;
    this.former = former;
    this.isRecorded = isChosen;
  }

  get traceId(): string {
    return (this.#traceId ??= this.#correlationId.replaceAll('-', ''));
  }

  /** What is written into records while nothing is recorded. */
  get unrecorded(): string {
    return this.former?.traceparent ?? untracedParent(this.#correlationId);
  }

  /** @param isOver whether all others were parts of it */
  ended(span: MessageSpan, isOver: boolean): void {
    this.#ended.push(span);
    this.#isOver ||= isOver;
    if (!this.#isOver) return;
    if (this.isRecorded) for (const one of this.#ended) this.#batches.add(one);
    this.#ended.length = 0;
  }
}

class MessageSpan implements StageSpan, SpanData {
  readonly name: string;
  readonly kind: SpanKind;
  readonly links: readonly SpanLink[];
  failure: SpanFailure | undefined;
  readonly #stage: Stage;
  readonly #whole: MessageSpan | undefined;
  readonly #began = performance.now();
  #ended = 0;
  #spanId: string | undefined;
  #attributes: (() => SpanAttributes) | undefined;

  /** @param whole what it is a part of; absent: the first of its stage */
  constructor(
    stage: Stage,
    name: string,
    kind: SpanKind,
    whole?: MessageSpan,
    links: readonly SpanLink[] = noLinks,
  ) {
    this.#stage = stage;
    this.name = name;
    this.kind = kind;
    this.#whole = whole;
    this.links = links;
  }

  get traceId(): string {
    return this.#stage.traceId;
  }
  get spanId(): string {
    return (this.#spanId ??= randomSpanId());
  }
  get parentSpanId(): string {
    if (this.#whole !== undefined) return this.#whole.spanId;
    // The span that an unchosen message names as its parent is none that anybody has recorded.
    return this.#stage.former?.isChosen === true ? this.#stage.former.spanId : '';
  }
  get isOfFormerStage(): boolean {
    return this.#whole === undefined && this.#stage.former !== undefined;
  }
  get began(): number {
    return this.#stage.clock + this.#began;
  }
  get ended(): number {
    return this.#stage.clock + this.#ended;
  }
  get attributes(): SpanAttributes {
    return this.#attributes?.() ?? noAttributes;
  }

  get isRecorded(): boolean {
    return this.#stage.isRecorded;
  }
  get traceparent(): string {
    return this.isRecorded ? `00-${this.traceId}-${this.spanId}-01` : this.#stage.unrecorded;
  }

  set(attributes: () => SpanAttributes): void {
    const former = this.#attributes;
    this.#attributes = former === undefined ? attributes : () => ({ ...former(), ...attributes() });
  }

  part(name: string, kind: SpanKind): StageSpan {
    return new MessageSpan(this.#stage, name, kind, this);
  }

  keep(): void {
    this.#stage.isRecorded = true;
  }

  fail(failure: SpanFailure): void {
    this.keep();
    this.failure = failure;
  }

  end(failure?: SpanFailure): void {
    if (failure !== undefined) this.fail(failure);
    this.#ended = performance.now();
    this.#stage.ended(this, this.#whole === undefined);
  }

  interrupt(code: string): void {
    this.failure = { code };
    this.end();
  }
}

const noAttributes: SpanAttributes = {};
const noLinks: readonly SpanLink[] = [];

/** Random bytes are drawn for many at once; one at a time they would be the dearest part of a span. */
const random = Buffer.alloc(8 * 512);
let nextRandom = random.length;

function randomSpanId(): string {
  if (nextRandom === random.length) {
    randomFillSync(random);
    nextRandom = 0;
  }
  nextRandom += 8;
  return random.toString('hex', nextRandom - 8, nextRandom);
}
