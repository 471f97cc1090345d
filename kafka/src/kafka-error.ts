import type { KafkaConnection } from './connection.js';

/** What went wrong with Kafka; stable, for programs to tell apart. */
export type KafkaErrorCode =
  | 'UNREACHABLE'
  | 'UNKNOWN_TOPIC'
  | 'CONSUMER_CRASHED'
  | 'BATCH_LOST'
  | 'NO_ACTIVITY'
  | 'TRANSACTION_FAILED'
  | 'READ_TIMED_OUT'
  | 'LOGIN_WITHOUT_TLS';

/** Something went wrong with Kafka; the message says what to do, and holds nothing of a record. */
export class KafkaError extends Error {
  override readonly name = 'KafkaError';

  constructor(
    readonly code: KafkaErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** That Kafka could not be connected to, for people. */
export function unreachable({ bootstrapServers }: KafkaConnection, cause: unknown): KafkaError {
  const sentence = `Kafka can't be reached at ${bootstrapServers.join(', ')}: ${(cause as Error).message}. Is the address right, and does Kafka run?`;
  return new KafkaError('UNREACHABLE', sentence, { cause });
}

/** Why a record was not stored. */
export type StoreErrorCode = 'NOT_STORED' | 'TOO_LARGE' | 'ABORTED' | 'CLOSED';

/**
 * A record was not stored. NOT_STORED: Kafka has not confirmed it; it may be in the topic all the same, once.
 * TOO_LARGE: it is larger than the topic accepts, now and ever. ABORTED: its signal was aborted before it was sent.
 * CLOSED: the producer had been closed.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  constructor(
    readonly code: StoreErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
