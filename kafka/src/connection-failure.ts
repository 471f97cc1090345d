/** Why connections fail: a library that tries again until its caller's time is over does not get to say so. */
import type { KafkaConnection } from './connection.js';

const failures = new WeakMap<object, unknown>();

/** Notes why a connection to a broker could not be opened, or was ended. */
export function noteFailure(connection: Pick<KafkaConnection, 'tls'>, error: unknown): void {
  failures.set(connection, error);
}

/** To be called when a broker has answered. */
export function forgetFailure(connection: Pick<KafkaConnection, 'tls'>): void {
  failures.delete(connection);
}

/** Why it failed last; undefined where a broker has answered since. */
export function lastFailure(connection: Pick<KafkaConnection, 'tls'>): unknown {
  return failures.get(connection);
}
