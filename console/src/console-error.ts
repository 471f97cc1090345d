/** What the console answers in place of what was asked for. */
export type ConsoleErrorCode =
  | 'BAD_REQUEST'
  | 'NOT_LOGGED_IN'
  | 'NOT_ALLOWED'
  | 'WRONG_HOST'
  | 'WRONG_ORIGIN'
  | 'BAD_CSRF'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'TOO_MANY_REQUESTS'
  | 'NO_ARCHIVE'
  | 'ARCHIVE_AWAY'
  | 'KAFKA_AWAY'
  | 'LOGIN_FAILED'
  | 'PROVIDER_AWAY'
  | 'CLUSTER_AWAY'
  | 'CLUSTER_REFUSED'
  | 'INTERNAL';

const statuses: Readonly<Record<ConsoleErrorCode, number>> = {
  BAD_REQUEST: 400,
  NOT_LOGGED_IN: 401,
  NOT_ALLOWED: 403,
  WRONG_HOST: 403,
  WRONG_ORIGIN: 403,
  BAD_CSRF: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  TOO_MANY_REQUESTS: 429,
  NO_ARCHIVE: 503,
  ARCHIVE_AWAY: 503,
  KAFKA_AWAY: 503,
  LOGIN_FAILED: 403,
  PROVIDER_AWAY: 503,
  CLUSTER_AWAY: 503,
  CLUSTER_REFUSED: 503,
  INTERNAL: 500,
};

/** Its message is a sentence for the person at the page: what to do, and nothing of a patient. */
export class ConsoleError extends Error {
  readonly code: ConsoleErrorCode;

  constructor(code: ConsoleErrorCode, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = 'ConsoleError';
    this.code = code;
  }

  /** Of the HTTP answer. */
  get status(): number {
    return statuses[this.code];
  }
}
