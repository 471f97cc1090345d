/**
 * Work by key: a key that waits is there once, a key in hand is worked on again afterwards where it was added
 * meanwhile, never twice at a time; a key that fails waits longer each time, and holds up no other.
 */

export interface WorkQueueOptions {
  /** How many keys are worked on at the same time. */
  readonly concurrency: number;
  /** First and longest wait of a key that fails, in milliseconds; it doubles. */
  readonly backOffMs: readonly [first: number, longest: number];
  /** Works on a key. @returns after how many milliseconds it wants to be called again, or undefined */
  readonly handle: (key: string) => Promise<number | undefined>;
  /** Is told of what `handle` threw, and how long the key waits, in milliseconds. */
  readonly onError: (key: string, error: unknown, waitMs: number) => void;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #inHand = new Map<string, Promise<void>>();
  readonly #timers = new Map<string, { readonly dueAt: number; readonly timer: NodeJS.Timeout }>();
  readonly #failures = new Map<string, number>();
  #running = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that wait to be worked on now. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** Has a key worked on as soon as can be. */
  add(key: string): void {
    this.#waiting.add(key);
    this.#begin();
  }

  /** Has a key worked on after so many milliseconds, or sooner where it waits for less already. */
  addAfter(key: string, milliseconds: number): void {
    const dueAt = performance.now() + milliseconds;
    const present = this.#timers.get(key);
    if (present !== undefined && present.dueAt <= dueAt) return;
    clearTimeout(present?.timer);
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.add(key);
    }, milliseconds);
    this.#timers.set(key, { dueAt, timer });
  }

  /** Begins to work; what was added before has waited. */
  start(): void {
    this.#running = true;
    this.#begin();
  }

  /** Begins nothing new, and waits for what is in hand. */
  async stop(): Promise<void> {
    this.#running = false;
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await Promise.all(this.#inHand.values());
  }

  #begin(): void {
    if (!this.#running) return;
    for (const key of this.#waiting) {
      if (this.#inHand.size >= this.#options.concurrency) return;
      if (this.#inHand.has(key)) continue;
      this.#waiting.delete(key);
      // Later, so that it is known to be in hand before it begins.
      this.#inHand.set(
        key,
        Promise.resolve().then(() => this.#work(key)),
      );
    }
  }

  async #work(key: string): Promise<void> {
    // What is due later is due now; the handler says anew when it wants to be called again.
    clearTimeout(this.#timers.get(key)?.timer);
    this.#timers.delete(key);
    try {
      const againAfterMs = await this.#options.handle(key);
      this.#failures.delete(key);
      if (againAfterMs !== undefined && this.#running) this.addAfter(key, againAfterMs);
    } catch (error) {
      const waitMs = this.#backOff(key, error);
      this.#options.onError(key, error, waitMs);
      if (this.#running) this.addAfter(key, waitMs);
    }
    this.#inHand.delete(key);
    this.#begin();
  }

  #backOff(key: string, error: unknown): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const [first, longest] = this.#options.backOffMs;
    const wait = Math.min(longest, first * 2 ** (failures - 1));
    // Spread, so that keys that failed together don't come back together.
    const spread = wait * (0.8 + 0.4 * Math.random());
    // The API server may ask for more (429, 503).
    const asked = (error as { retryAfterMs?: unknown } | null)?.retryAfterMs;
    return Math.max(spread, typeof asked === 'number' ? asked : 0);
  }
}
