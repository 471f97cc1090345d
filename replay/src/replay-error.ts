/** Why something can't be sent again; stable, for programs to tell apart. */
export type ReplayErrorCode = 'BAD_SELECTION' | 'NO_TARGET' | 'NO_REASON';

/** A replay can't be made as it is asked for; the message says what to change, and holds nothing of a message. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError';

  constructor(
    readonly code: ReplayErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
