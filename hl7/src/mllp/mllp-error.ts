import type { TlsFailure } from './tls.js';

export type MllpErrorCode =
  | 'CONNECT_FAILED'
  | 'CONNECT_TIMEOUT'
  | 'TLS_FAILED'
  | 'CLOSED'
  | 'REPLY_TIMEOUT'
  | 'BAD_REPLY'
  | 'CANNOT_FRAME'
  | 'BUSY';

/**
 * What went wrong when sending over MLLP.
 *
 * `sentAny` is true when bytes of the message may have reached the peer, so that sending it again may
 * deliver it twice. The text names the peer, never anything of the message.
 */
export class MllpError extends Error {
  override readonly name = 'MllpError';
  /** Of TLS_FAILED: why. */
  readonly tlsFailure: TlsFailure | undefined;

  constructor(
    readonly code: MllpErrorCode,
    message: string,
    readonly sentAny = false,
    options?: ErrorOptions & { readonly tlsFailure?: TlsFailure },
  ) {
    super(message, options);
    this.tlsFailure = options?.tlsFailure;
  }
}
