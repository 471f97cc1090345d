import type { KafkaConnection } from './connection.js';
import { refusalIn, type RefusalCode } from './refusal.js';

/** What went wrong with Kafka; stable, for programs to tell apart. */
export type KafkaErrorCode =
  | 'UNREACHABLE'
  | 'UNKNOWN_TOPIC'
  | 'CONSUMER_CRASHED'
  | 'BATCH_LOST'
  | 'NO_ACTIVITY'
  | 'TRANSACTION_FAILED'
  | 'READ_TIMED_OUT'
  | 'LOGIN_WITHOUT_TLS'
  | RefusalCode;

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

/**
 * That Kafka could not be connected to, for people, and why, where that is known.
 *
 * @param tried as {@link refusalIn} has it
 */
export function unreachable(connection: KafkaConnection, cause: unknown, tried?: string): KafkaError {
  if (cause instanceof KafkaError) return cause;
  const { bootstrapServers } = connection;
  const refusal = refusalIn(connection, cause, tried);
  if (refusal !== undefined) {
    const place = `Kafka at ${bootstrapServers.join(', ')}`;
    return new KafkaError(refusal.code, `${place} can't be worked with. ${refusal.text}`, { cause });
  }
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
