/** How long to wait before the next try. */

/**
 * Exponential back-off with jitter: the wait doubles with each failure up to the longest, and is then shortened
 * by a random part of at most a quarter, so that many senders don't come back at the same moment.
 * @param failures how many tries have failed in a row, from 1
 * @param random in [0, 1)
 * @returns milliseconds
 */
export function backOff(
  failures: number,
  limits: { readonly initialMs: number; readonly maxMs: number },
  random: number = Math.random(),
): number {
  const wait = Math.min(limits.maxMs, limits.initialMs * 2 ** Math.min(failures - 1, 40));
  return Math.round(wait * (1 - random / 4));
}
