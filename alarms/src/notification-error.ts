/** Somebody could not be told. The text names the recipient's server, and no key or password. */
export class NotificationError extends Error {
  override readonly name = 'NotificationError';

  constructor(
    readonly code: 'NO_KEY' | 'WEBHOOK_REFUSES' | 'MAIL_REFUSED',
    message: string,
  ) {
    super(message);
  }
}
