/** Puts lines of many logs in the order of their times. Each log must be in order itself. */
import type { LogLine } from './logs-line.js';

interface Head {
  readonly lines: AsyncIterator<LogLine>;
  line: LogLine | undefined;
  /** Since when the next line is awaited, as performance.now(). */
  since: number;
}

export class LogMerge {
  readonly #patienceMs: number;
  readonly #heads = new Set<Head>();
  #wake: () => void = () => undefined;
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param patienceMs a log from which nothing has come for so long is not waited for; Infinity for logs that end
   */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** Takes in one more log, at any time until the last has ended. */
  add(lines: AsyncIterable<LogLine>): void {
    const head: Head = { lines: lines[Symbol.asyncIterator](), line: undefined, since: 0 };
    this.#heads.add(head);
    this.#pull(head);
  }

  /**
   * The lines of all logs, until every one has ended.
   *
   * @throws what one of the logs threw
   */
  async *lines(): AsyncGenerator<LogLine> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#heads.size === 0) return;
      const waitMs = this.#waitMs();
      if (waitMs > 0) {
        await this.#news(waitMs);
        continue;
      }
      const [first] = [...this.#heads]
        .filter(({ line }) => line !== undefined)
        .sort((one, other) => one.line!.time - other.line!.time);
      const line = first!.line!;
      this.#pull(first!);
      yield line;
    }
  }

  /** How long to wait for a line that may be earlier than those at hand; 0 for none. */
  #waitMs(): number {
    let [waitMs, isAny] = [0, false];
    const now = performance.now();
    for (const { line, since } of this.#heads) {
      if (line === undefined) waitMs = Math.max(waitMs, since + this.#patienceMs - now);
      else isAny = true;
    }
    return isAny ? waitMs : Infinity;
  }

  async #news(withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = Number.isFinite(withinMs) ? setTimeout(resolve, withinMs) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #pull(head: Head): void {
    head.line = undefined;
    head.since = performance.now();
    head.lines.next().then(
      ({ value, done }) => {
        if (done === true) this.#heads.delete(head);
        else head.line = value;
        this.#wake();
      },
      (error: unknown) => {
        this.#failure ??= { error };
        this.#wake();
      },
    );
  }
}
