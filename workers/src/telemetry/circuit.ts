/**
 * Sends spans to whoever takes them in, and while that is away keeps them in a file: nothing waits for it, and it is
 * asked again every few seconds.
 */
import type { Log } from '../log.js';
import type { OtlpEndpoint } from './otlp-endpoint.js';
import type { SpanBatch } from './span-batches.js';
import type { SpanFile } from './span-file.js';

/** What became of a span. */
export type SpanOutcome = 'exported' | 'kept' | 'dropped';

export interface CircuitOptions {
  readonly endpoint: OtlpEndpoint;
  /** What stands before a batch of so many bytes in a request. */
  readonly head: (bytes: number) => Buffer;
  readonly file: SpanFile;
  readonly log: Log;
  readonly count: (outcome: SpanOutcome, spans: number) => void;
  /** How long to wait until it is asked again, in milliseconds. */
  readonly againMs?: number;
}

export class Circuit {
  readonly #options: CircuitOptions;
  readonly #againMs: number;
  /** When it is asked again, by the clock of `performance.now`; undefined while it takes spans in. */
  #againAt: number | undefined;

  constructor(options: CircuitOptions) {
    this.#options = options;
    this.#againMs = options.againMs ?? 5_000;
  }

  /** Never rejects. */
  async send({ bytes, spans }: SpanBatch): Promise<void> {
    const { endpoint, head, file, count } = this.#options;
    const request = [head(bytes.length), bytes];
    const isAsked = this.#againAt === undefined || performance.now() >= this.#againAt;
    if (isAsked && (await this.#isTakenIn(endpoint, request))) count('exported', spans);
    else count((await file.keep(Buffer.concat(request))) ? 'kept' : 'dropped', spans);
  }

  async #isTakenIn(endpoint: OtlpEndpoint, request: readonly Buffer[]): Promise<boolean> {
    const { log, file } = this.#options;
    try {
      await endpoint.post('/v1/traces', request);
    } catch (error) {
      if (this.#againAt === undefined) {
        const text =
          'telemetry is not taken in; spans are kept in a file meanwhile, messages are not concerned';
        const { code: status } = error as { code?: unknown };
        const fields = { reasonCode: 'TELEMETRY_AWAY', endpoint: endpoint.url, file: file.file, status };
        log.warn(text, fields);
      }
      this.#againAt = performance.now() + this.#againMs;
      return false;
    }
    if (this.#againAt !== undefined) log.info('telemetry is taken in again', { endpoint: endpoint.url });
    this.#againAt = undefined;
    return true;
  }
}
