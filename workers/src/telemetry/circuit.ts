/**
 * Sends spans to whoever takes them in, and while that is away keeps them in a file: nothing waits for it, and it is
 * asked again every few seconds.
 */
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Log } from '../log.js';
import type { SpanFile } from './span-file.js';

/** What became of a span. */
export type SpanOutcome = 'exported' | 'kept' | 'dropped';

export interface CircuitOptions {
  readonly exporter: SpanExporter;
  readonly file: SpanFile;
  readonly log: Log;
  /** Named in the log. */
  readonly endpoint: string;
  readonly count: (outcome: SpanOutcome, spans: number) => void;
  /** How long to wait until it is asked again, in milliseconds. */
  readonly againMs?: number;
}

export class Circuit implements SpanExporter {
  readonly #options: CircuitOptions;
  readonly #againMs: number;
  /** When it is asked again, by the clock of `performance.now`; undefined while it takes spans in. */
  #againAt: number | undefined;

  constructor(options: CircuitOptions) {
    this.#options = options;
    this.#againMs = options.againMs ?? 5_000;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    const { exporter, log, endpoint, count, file } = this.#options;
    // The SDK's processor would only report a failure where nobody reads it.
    const over = (): void => done({ code: ExportResultCode.SUCCESS });
    const keep = (): void => {
      void file.keep(spans).then((isKept) => {
        count(isKept ? 'kept' : 'dropped', spans.length);
        over();
      });
    };
    if (this.#againAt !== undefined && performance.now() < this.#againAt) {
      keep();
      return;
    }
    exporter.export(spans, ({ code, error }) => {
      if (code === ExportResultCode.SUCCESS) {
        if (this.#againAt !== undefined) log.info('telemetry is taken in again', { endpoint });
        this.#againAt = undefined;
        count('exported', spans.length);
        over();
        return;
      }
      if (this.#againAt === undefined) {
        const text =
          'telemetry is not taken in; spans are kept in a file meanwhile, messages are not concerned';
        log.warn(text, { reasonCode: 'TELEMETRY_AWAY', endpoint, file: file.file, status: statusOf(error) });
      }
      this.#againAt = performance.now() + this.#againMs;
      keep();
    });
  }

  async shutdown(): Promise<void> {
    await this.#options.exporter.shutdown();
    await this.#options.file.close();
  }
}

/** Status of HTTP, or the code of the connection's failure. */
function statusOf(error: Error | undefined): string | number | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' || typeof code === 'number' ? code : undefined;
}
