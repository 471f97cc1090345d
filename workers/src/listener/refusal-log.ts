import type { Log } from '../log.js';

/** Of each reason so many lines are written in a window of so many milliseconds. */
const [mostLines, windowMs] = [100, 10_000];

interface Window {
  lines: number;
  more: number;
}

/**
 * The log of what a listener refuses: a line each, with the reason, as long as there are few. A sender that is broken,
 * or wants to do harm, must not fill the disk: of what is more of a reason, the number is told at the window's end.
 */
export class RefusalLog {
  readonly #log: Log;
  readonly #windows = new Map<string, Window>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param reasonCode stable; a handful of them, never anything that a sender chooses */
  refused(reasonCode: string, text: string, fields: Readonly<Record<string, unknown>>): void {
    this.#timer ??= setTimeout(() => this.flush(), windowMs).unref();
    let window = this.#windows.get(reasonCode);
    if (window === undefined) this.#windows.set(reasonCode, (window = { lines: 0, more: 0 }));
    if (window.lines < mostLines) {
      window.lines += 1;
      this.#log.warn(text, { reasonCode, ...fields });
    } else window.more += 1;
  }

  /** Ends the window: tells how many lines were left out. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [reasonCode, { more }] of this.#windows) {
      if (more > 0) this.#log.warn('refused as well, without a line each', { reasonCode, more });
    }
    this.#windows.clear();
  }
}
