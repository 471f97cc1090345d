/**
 * The API server's answer was an error, or there was none (status 0). The text is the server's own sentence: it names
 * objects and fields of Kubernetes.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  /**
   * @param status HTTP status; 0 where there was no answer
   * @param code Kubernetes' reason such as Conflict or TooManyRequests, or Unreachable
   * @param retryAfterMs how long the server asks to wait, in milliseconds
   */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterMs = 0,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Whether an error says that the object is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}
