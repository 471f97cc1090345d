import { setTimeout as delay } from 'node:timers/promises';
import type { Refusal } from './kafka-client.js';

/**
 * Does what Kafka has refused for the moment until it succeeds: a coordinator that is moving, for example, of which
 * kafkajs asks only the one that it had found.
 *
 * @param isPassing which errors pass; default: those that Kafka calls retriable
 * @throws what the work throws, where that does not pass or has not passed within so many milliseconds
 */
export async function again<T>(
  milliseconds: number,
  work: () => Promise<T>,
  isPassing: (error: Refusal) => boolean = ({ retriable }) => retriable === true,
): Promise<T> {
  const deadline = performance.now() + milliseconds;
  for (let pauseMs = 1; ; pauseMs = Math.min(100, pauseMs * 2)) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error as Refusal) || performance.now() > deadline) throw error;
      await delay(pauseMs);
    }
  }
}
