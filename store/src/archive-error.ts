/** What went wrong with the archive; stable, for programs to tell apart. */
export type ArchiveErrorCode =
  | 'BAD_KEY'
  | 'UNKNOWN_KEY'
  | 'ALTERED_CONTENT'
  | 'NO_POSTGRES'
  | 'POSTGRES_NOT_STARTED'
  | 'BAD_SEARCH'
  | 'NO_REPLAY'
  | 'REPLAY_OVER'
  | 'NOTHING_TO_REPLAY'
  | 'TOO_MUCH_TO_REPLAY'
  | 'DATABASE_AWAY'
  | 'DATABASE_REFUSES';

/** Something went wrong with the archive; the message says what to do, and holds nothing of a message or a patient. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';

  constructor(
    readonly code: ArchiveErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
