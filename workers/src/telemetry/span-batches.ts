/** Spans that wait to be sent: bytes in a few large buffers, which the garbage collector has no work with. */
import { largestSpan, SpanEncoder, type SpanData } from './span-encoder.js';

/** Spans as `SpanEncoder` writes them. */
export interface SpanBatch {
  readonly bytes: Buffer;
  readonly spans: number;
}

/** A request has no more than this. */
const batchBytes = 512 * 1_024;
const everyMs = 1_000;
/** What waits at most, that is on its way included. What comes meanwhile is dropped. */
const mostWaiting = 16;

export interface SpanBatchesOptions {
  /** Takes a batch in; never rejects. Has one at a time. */
  readonly send: (batch: SpanBatch) => Promise<void>;
  /** Is told of each span for which there is no room. */
  readonly onDropped: () => void;
}

export class SpanBatches {
  readonly #options: SpanBatchesOptions;
  readonly #encoder = new SpanEncoder();
  readonly #waiting: SpanBatch[] = [];
  #buffer: Buffer | undefined;
  #at = 0;
  #spans = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;

  constructor(options: SpanBatchesOptions) {
    this.#options = options;
  }

  add(span: SpanData): void {
    if (this.#spans === 0) {
      if (this.#waiting.length >= mostWaiting) {
        this.#options.onDropped();
        return;
      }
      this.#buffer ??= Buffer.allocUnsafeSlow(batchBytes);
      this.#timer ??= setTimeout(() => this.#seal(), everyMs).unref();
    }
    try {
      this.#at = this.#encoder.write(span, this.#buffer!, this.#at);
      this.#spans += 1;
    } catch {
      // Whatever can't be told of a message, the message goes on.
      this.#options.onDropped();
    }
    if (this.#at > batchBytes - largestSpan) this.#seal();
  }

  /** Sends what waits. */
  async flush(): Promise<void> {
    this.#seal();
    await this.#sending;
  }

  #seal(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#buffer === undefined || this.#spans === 0) return;
    const bytes = this.#buffer.subarray(0, this.#at);
    const isSmall = bytes.length < batchBytes / 4;
    // What waits must not hold more than it needs.
    this.#waiting.push({ bytes: isSmall ? Buffer.from(bytes) : bytes, spans: this.#spans });
    [this.#at, this.#spans] = [0, 0];
    if (!isSmall) this.#buffer = undefined;
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined));
  }

  async #send(): Promise<void> {
    for (let batch = this.#waiting[0]; batch !== undefined; batch = this.#waiting[0]) {
      await this.#options.send(batch);
      this.#waiting.shift();
    }
  }
}
