import {
  MultipleErrors,
  type ProtocolError,
  protocolErrors,
  protocolErrorsCodesById,
  ResponseError,
} from '@platformatic/kafka';
import type { Refusal } from '../kafka-client.js';

/** What Kafka has answered in place of doing what it was asked, or that it has not answered. */
export class KafkaRefusal extends Error implements Refusal {
  override readonly name = 'KafkaRefusal';

  /**
   * @param type Kafka's name of the error; CONNECTION where there was no answer
   * @param retriable whether the same may succeed a moment later
   */
  constructor(
    readonly type: string,
    message: string,
    readonly retriable: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * @param code the error code of an answer, other than 0
 * @param cause the error that has the answer
 */
export function refusalOf(code: number, cause?: ResponseError): KafkaRefusal {
  const known = protocolErrors[protocolErrorsCodesById[code] ?? ''];
  return known === undefined
    ? new KafkaRefusal(`ERROR_${code}`, `Kafka has answered with error ${code}`, false, { cause })
    : new KafkaRefusal(known.id, known.message, known.canRetry, { cause });
}

/** Throws the refusal of an error code; does nothing for 0. */
export function throwIfRefused(code: number): void {
  if (code !== 0) throw refusalOf(code);
}

/**
 * Whatever the library has thrown, as a refusal.
 *
 * @param ended why the connection that was asked on has ended, where it has: the library says only that it has
 */
export function asRefusal(error: Error, ended?: Error): KafkaRefusal {
  if (error instanceof KafkaRefusal) return error;
  if (error instanceof ResponseError) {
    const { apiCode } = error.errors[0] as ProtocolError;
    return refusalOf(Number(apiCode), error);
  }
  const cause = error instanceof MultipleErrors ? (error.errors[0] as Error) : error;
  return new KafkaRefusal('CONNECTION', withCause(cause), true, { cause: ended ?? error });
}

/** The library's errors of connections say only in their cause why. */
function withCause({ message, cause }: Error): string {
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}
