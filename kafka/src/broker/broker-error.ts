/** Why an embedded broker could not be had; stable, for programs to tell apart. */
export type BrokerErrorCode =
  | 'JAVA_MISSING'
  | 'JAVA_TOO_OLD'
  | 'MAVEN_MISSING'
  | 'FETCH_FAILED'
  | 'CHECKSUM_MISMATCH'
  | 'BROKER_NOT_STARTED'
  | 'BROKER_NOT_STOPPED';

/** The embedded broker could not be fetched, started or stopped; the message says what to do. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';

  constructor(
    readonly code: BrokerErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
