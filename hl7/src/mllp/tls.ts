/** TLS under MLLP: our side of a connection that we open, and why a handshake fails, for both sides. */
import { isIP, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** TLS of a connection that we open. All of it is PEM. */
export interface ClientTls {
  /** The authorities that may have issued the peer's certificate; absent: the public ones. */
  readonly ca?: string | undefined;
  /** Our certificate, with those between it and its authority, and its key; absent: none is shown. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name that the peer's certificate must have; absent: the host. */
  readonly serverName?: string | undefined;
  readonly minVersion?: TlsVersion | undefined;
}

/** Why TLS failed, for programs; `tlsFailureText` has the words. */
export type TlsFailure =
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'UNKNOWN_AUTHORITY'
  | 'WRONG_NAME'
  | 'WRONG_PURPOSE'
  | 'NO_CERTIFICATE'
  | 'REFUSED_BY_PEER'
  | 'VERSION'
  | 'NOT_TLS'
  | 'TIMEOUT'
  | 'CLOSED'
  | 'BAD_FILES'
  | 'OTHER';

/** Begins TLS on a connected socket. @throws the error of OpenSSL when certificate, key or authorities can't be used */
export function startTls(socket: Socket, host: string, tls: ClientTls): TLSSocket {
  const { serverName = host, ca, cert, key, minVersion = 'TLSv1.2' } = tls;
  // SNI is for names only (RFC 6066, section 3); the certificate is compared with `host` then.
  const servername = isIP(serverName) === 0 ? serverName : '';
  return connect({
    socket,
    host: serverName,
    servername,
    ca,
    cert,
    key,
    minVersion,
    rejectUnauthorized: true,
  });
}

const byCode: Readonly<Record<string, TlsFailure>> = {
  CERT_HAS_EXPIRED: 'EXPIRED',
  CERT_NOT_YET_VALID: 'NOT_YET_VALID',
  UNABLE_TO_GET_ISSUER_CERT: 'UNKNOWN_AUTHORITY',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'UNKNOWN_AUTHORITY',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'UNKNOWN_AUTHORITY',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'UNKNOWN_AUTHORITY',
  SELF_SIGNED_CERT_IN_CHAIN: 'UNKNOWN_AUTHORITY',
  CERT_SIGNATURE_FAILURE: 'UNKNOWN_AUTHORITY',
  CERT_UNTRUSTED: 'UNKNOWN_AUTHORITY',
  INVALID_CA: 'UNKNOWN_AUTHORITY',
  INVALID_PURPOSE: 'WRONG_PURPOSE',
  ERR_TLS_CERT_ALTNAME_INVALID: 'WRONG_NAME',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'NO_CERTIFICATE',
  ERR_SSL_WRONG_VERSION_NUMBER: 'NOT_TLS',
  ERR_SSL_HTTP_REQUEST: 'NOT_TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'NOT_TLS',
  ERR_SSL_UNEXPECTED_MESSAGE: 'NOT_TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'VERSION',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'VERSION',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'TIMEOUT',
  ECONNRESET: 'CLOSED',
  EPIPE: 'CLOSED',
  // An alert that a write comes upon.
  EPROTO: 'REFUSED_BY_PEER',
};

/** @param code of Node's or OpenSSL's error */
export function tlsFailure(code: string | undefined): TlsFailure {
  const known = byCode[code ?? ''];
  if (known !== undefined) return known;
  return code?.startsWith('ERR_SSL_') && code.includes('ALERT') ? 'REFUSED_BY_PEER' : 'OTHER';
}

const texts: Readonly<Record<TlsFailure, string>> = {
  EXPIRED: 'its certificate has expired: it needs a new one',
  NOT_YET_VALID: 'its certificate is not valid yet: compare the clocks',
  UNKNOWN_AUTHORITY: 'its certificate was not issued by an authority that is trusted here: see ca.crt',
  WRONG_NAME: 'its certificate is for another name',
  WRONG_PURPOSE: 'its certificate is not for this purpose (extended key usage)',
  NO_CERTIFICATE: 'it showed no certificate, and must',
  REFUSED_BY_PEER: 'it refused the handshake: it may want another certificate, or one at all, from this side',
  VERSION: 'there is no version of TLS that both sides allow',
  NOT_TLS: 'it does not speak TLS',
  TIMEOUT: 'the handshake took too long: does it speak TLS?',
  CLOSED:
    'it closed the connection during the handshake: does it speak TLS, and accept this side’s certificate?',
  BAD_FILES: 'certificate, key or authorities of this side can’t be used',
  OTHER: 'the handshake failed',
};

/** What went wrong and what to do, said of the peer; `code` is shown where we have no words of our own for it. */
export function tlsFailureText(failure: TlsFailure, code: string | undefined): string {
  return failure === 'OTHER' || failure === 'REFUSED_BY_PEER'
    ? `${texts[failure]} (${code ?? 'no reason given'})`
    : texts[failure];
}
