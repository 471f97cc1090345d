/** Builds the records in which a stage keeps what it can't process. */
import { deadLetterHeaders, type MessageDescription } from '@integration-hub/api';
import type { OutgoingRecord } from '@integration-hub/kafka';

export interface Failure {
  /** Stable code, such as BAD_DATE_TIME. */
  readonly code: string;
  /** A sentence without patient data. */
  readonly reason: string;
  readonly attempts?: number;
  /** topic/partition/offset that it was read from; absent where it never was in a topic. */
  readonly origin?: string;
  readonly truncated?: boolean;
}

/**
 * @param topic the stage's dead-letter topic
 * @param stage such as phw-to-mpi-listener
 * @param bytes the message as it came, or the beginning of it where `failure.truncated`
 */
export function deadLetter(
  topic: string,
  stage: string,
  description: MessageDescription,
  bytes: Buffer,
  key: Buffer | null,
  failure: Failure,
): OutgoingRecord {
  const headers = deadLetterHeaders(description, {
    code: failure.code,
    reason: failure.reason,
    stage,
    attempts: failure.attempts ?? 1,
    failedTime: new Date().toISOString(),
    origin: failure.origin ?? '',
    truncated: failure.truncated ?? false,
  });
  return { topic, key, value: bytes, headers };
}
