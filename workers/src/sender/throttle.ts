/** The pace of a destination: messages a minute, over all flows that share it and all replicas of its sender. */

/**
 * Spaces turns evenly, so that in no minute more than the limit are taken. Turns are given in the order in which
 * they were asked for.
 */
export class Throttle {
  readonly #intervalMs: number;
  readonly #share: () => number;
  readonly #now: () => number;
  #nextTurn = 0;

  /**
   * @param messagesPerMinute of all replicas together; null: no limit
   * @param share which part of that is this replica's, above 0 and up to 1; those of all replicas add up to 1 at most
   * @param now a monotonic clock in milliseconds
   */
  constructor(
    messagesPerMinute: number | null,
    share: () => number = () => 1,
    now: () => number = () => performance.now(),
  ) {
    this.#intervalMs = messagesPerMinute === null ? 0 : 60_000 / messagesPerMinute;
    this.#share = share;
    this.#now = now;
  }

  /**
   * Takes the next turn.
   * @returns how long to wait for it, in milliseconds
   */
  takeTurn(): number {
    if (this.#intervalMs === 0) return 0;
    const now = this.#now();
    const turn = Math.max(now, this.#nextTurn);
    this.#nextTurn = turn + this.#intervalMs / this.#share();
    return turn - now;
  }
}
