export type MllpErrorCode =
  'CONNECT_FAILED' | 'CONNECT_TIMEOUT' | 'CLOSED' | 'REPLY_TIMEOUT' | 'BAD_REPLY' | 'CANNOT_FRAME' | 'BUSY';

/**
 * What went wrong when sending over MLLP.
 *
 * `sentAny` is true when bytes of the message may have reached the peer, so that sending it again may
 * deliver it twice. The text names the peer, never anything of the message.
 */
export class MllpError extends Error {
  override readonly name = 'MllpError';

  constructor(
    readonly code: MllpErrorCode,
    message: string,
    readonly sentAny = false,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
