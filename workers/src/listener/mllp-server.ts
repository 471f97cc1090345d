/**
 * The listener's socket, with or without TLS. Whom it hands on may send: with TLS that is a client whose handshake is
 * done and whose certificate is right. A client that fails is counted, and named in the log.
 */
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { constants } from 'node:crypto';
import type { ListenerConfiguration } from '@integration-hub/api';
import { tlsFailure, tlsFailureText, type TlsFailure } from '@integration-hub/hl7/messages';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { expiryOf, readTlsFiles, watchTlsFiles, type TlsMaterial } from '../tls-files.js';
import type { SecurityEvents } from './security-events.js';

export interface MllpServerParts {
  readonly flow: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly security: Pick<SecurityEvents, 'refused'>;
  /** Takes a connection that may send. */
  readonly admit: (socket: Socket) => void;
}

type ListenerTls = NonNullable<ListenerConfiguration['listen']['tls']>;

/** Handshakes that may be under way beside all connections that may send. */
const mostHandshakes = 256;
/** One line a minute for each peer and reason. */
const logIntervalMs = 60_000;
const mostLogged = 1_000;

/**
 * @returns a server that does not listen yet
 * @throws TlsFilesError where certificate, key or authorities can't be used
 */
export function createMllpServer(listen: ListenerConfiguration['listen'], parts: MllpServerParts): Server {
  const server = listen.tls === null ? plainServer(listen, parts) : tlsServer(listen, listen.tls, parts);
  server.on('drop', (dropped) => refuse(parts, dropped?.remoteAddress));
  return server;
}

function refuse({ log, security }: MllpServerParts, remoteAddress: string | undefined): void {
  const [code, reason] = ['TOO_MANY_CONNECTIONS', 'connection refused: too many connections'] as const;
  log.warn(reason, { code });
  security.refused(code, { code, reason, remoteAddress });
}

function plainServer(
  { maxConnections }: ListenerConfiguration['listen'],
  { admit }: MllpServerParts,
): Server {
  // A sender that ends its side first still gets the acknowledgements of what it sent.
  const server = createTcpServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, admit);
  server.maxConnections = maxConnections;
  return server;
}

function tlsServer(
  { maxConnections }: ListenerConfiguration['listen'],
  tls: ListenerTls,
  parts: MllpServerParts,
): Server {
  const { log, metrics, flow } = parts;
  const failures = new TlsFailures(parts);
  const inUse = (material: TlsMaterial): TlsMaterial => {
    metrics.tlsExpiry.set({ flow }, expiryOf(material)!);
    return material;
  };
  const contextOf = (material: TlsMaterial): object => ({
    ...material,
    minVersion: tls.minVersion,
    // Each connection proves itself anew: a resumed session would be asked for no certificate.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  });
  const material = inUse(readTlsFiles(tls));
  let admitted = 0;
  const server = createTlsServer(
    {
      ...contextOf(material),
      requestCert: tls.clientAuth !== 'None',
      // We look at the certificate ourselves: Node would close the socket before it could be said whose it was.
      rejectUnauthorized: false,
      handshakeTimeout: tls.handshakeTimeoutMs,
      noDelay: true,
      keepAlive: true,
    },
    (socket) => {
      const wrong = certificateFailure(socket, tls);
      if (wrong !== undefined) {
        failures.add(wrong.failure, wrong.code, socket);
        socket.on('error', () => undefined);
        socket.destroy();
      } else if (admitted >= maxConnections) {
        refuse(parts, socket.remoteAddress);
        socket.destroy();
      } else {
        admitted += 1;
        socket.once('close', () => (admitted -= 1));
        // As without TLS. Only from here on: a client that leaves during the handshake is to be let go.
        socket.allowHalfOpen = true;
        parts.admit(socket);
      }
    },
  );
  server.maxConnections = maxConnections + mostHandshakes;
  server.on('tlsClientError', ({ code }: NodeJS.ErrnoException, socket) => {
    failures.add(tlsFailure(code), code, socket);
    socket.destroy();
  });
  const stopWatching = watchTlsFiles(tls, material, {
    changed: (next) => {
      // Connections that are open stay as they are; those to come get the new certificate.
      server.setSecureContext(contextOf(inUse(next)));
      log.info('certificate files have changed: new connections use them', { expires: expiryOf(next) });
    },
    unusable: ({ code, message }) =>
      log.error(`changed certificate files can't be used, the former stay in use: ${message}`, {
        reasonCode: code,
      }),
  });
  server.on('close', stopWatching);
  return server;
}

/** What is wrong with a client's certificate, after its handshake. */
function certificateFailure(
  socket: TLSSocket,
  { clientAuth, allowedNames }: ListenerTls,
): { failure: TlsFailure; code?: string } | undefined {
  if (clientAuth === 'None') return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    return clientAuth === 'Require' ? { failure: 'NO_CERTIFICATE' } : undefined;
  }
  if (!socket.authorized) {
    // Declared as an Error, in truth the code.
    const code = String(socket.authorizationError);
    return { failure: tlsFailure(code), code };
  }
  const options = { subject: 'always', wildcards: false } as const;
  const named = allowedNames?.some((name) => certificate.checkHost(name, options) !== undefined) ?? true;
  return named ? undefined : { failure: 'WRONG_NAME' };
}

/** Counts clients that fail, and logs each at most once a minute. */
class TlsFailures {
  readonly #parts: MllpServerParts;
  #logged = new Set<string>();
  #since = 0;

  constructor(parts: MllpServerParts) {
    this.#parts = parts;
  }

  add(failure: TlsFailure, code: string | undefined, socket: TLSSocket): void {
    const { metrics, log, flow, security } = this.#parts;
    metrics.tlsFailures.inc({ flow, reason: failure });
    const peer = socket.remoteAddress;
    // A probe of a balancer connects and leaves.
    if (failure !== 'CLOSED') {
      const reason = tlsFailureText(failure, code);
      security.refused('TLS_FAILED', { code: failure, reason, remoteAddress: peer });
    }
    const key = `${failure} ${peer ?? ''}`;
    const now = performance.now();
    if (now - this.#since > logIntervalMs || this.#logged.size > mostLogged) {
      this.#logged = new Set();
      this.#since = now;
    }
    if (this.#logged.has(key)) return;
    this.#logged.add(key);
    // Behind a balancer the address is the balancer's; the certificate tells who it was.
    const subject = socket.destroyed ? undefined : socket.getPeerX509Certificate()?.subject.slice(0, 200);
    const level = failure === 'CLOSED' ? 'debug' : 'warn';
    const fields = { reasonCode: 'TLS_FAILED', reason: failure, peer, subject };
    log.log(level, `connection refused, TLS failed: ${tlsFailureText(failure, code)}`, fields);
  }
}
