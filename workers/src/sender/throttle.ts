/** The pace of a destination: messages a minute, over all flows that share it. */

/**
 * Spaces turns evenly, so that in no minute more than the limit are taken. Turns are given in the order in which
 * they were asked for.
 */
export class Throttle {
  readonly #intervalMs: number;
  readonly #now: () => number;
  #nextTurn = 0;

  /**
   * @param messagesPerMinute null: no limit
   * @param now a monotonic clock in milliseconds
   */
  constructor(messagesPerMinute: number | null, now: () => number = () => performance.now()) {
    this.#intervalMs = messagesPerMinute === null ? 0 : 60_000 / messagesPerMinute;
    this.#now = now;
  }

  /**
   * Takes the next turn.
   * @returns how long to wait for it, in milliseconds
   */
  takeTurn(): number {
    const now = this.#now();
    const turn = Math.max(now, this.#nextTurn);
    this.#nextTurn = turn + this.#intervalMs;
    return turn - now;
  }
}
