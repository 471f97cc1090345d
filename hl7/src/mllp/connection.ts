import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { encodeFrame, FrameDecoder, type FrameSink } from './frame-decoder.js';
import { MllpError, type MllpErrorCode } from './mllp-error.js';
import { type ClientTls, startTls, type TlsFailure, tlsFailure, tlsFailureText } from './tls.js';

/** An acknowledgement is a few hundred bytes; this only bounds what a mad peer can make us hold. */
const MAX_REPLY_BYTES = 1_048_576;
const MORE_THAN_A_REPLY = 'more came behind the reply';
/** Well below the few minutes after which load balancers and firewalls forget an idle connection. */
const KEEP_ALIVE_DELAY_MS = 30_000;

export interface MllpConnectionOptions {
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** How long the connection may take, a TLS handshake included. */
  readonly connectTimeoutMs: number;
  /** Whether TCP probes the peer while the connection is idle; yes unless said otherwise. */
  readonly keepAlive?: boolean;
  /** Absent: plain TCP. */
  readonly tls?: ClientTls | undefined;
}

/**
 * The sending side of one MLLP connection: a message goes out, its acknowledgement comes back, and only then
 * may the next one go.
 *
 * After any error but CANNOT_FRAME and BUSY the connection is destroyed, so that an acknowledgement that comes
 * late can never be taken for the next message's. Whoever uses it opens another.
 */
export class MllpConnection {
  readonly #socket: Socket;
  readonly #peer: string;
  #exchange: Exchange | undefined;
  #endedBy: MllpError | undefined;

  /**
   * Connects, and begins TLS where asked.
   *
   * @throws MllpError CONNECT_FAILED, CONNECT_TIMEOUT or, once connected, TLS_FAILED
   */
  static open(options: MllpConnectionOptions): Promise<MllpConnection> {
    const { host, port, connectTimeoutMs, keepAlive = true, tls } = options;
    const peer = `${host}:${port}`;
    return new Promise((resolve, reject) => {
      const socket = connect({
        host,
        port,
        keepAlive,
        keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
        noDelay: true,
      });
      let connected = false;
      const fail = (error: MllpError): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      const done = (ready: Socket): void => {
        clearTimeout(timer);
        ready.off('error', failed);
        resolve(new MllpConnection(ready, peer));
      };
      const timer = setTimeout(() => {
        if (connected) {
          fail(tlsError(peer, 'TIMEOUT'));
          return;
        }
        const message = `${peer} did not take a connection within ${connectTimeoutMs} ms: check the address and the firewalls on the way`;
        fail(new MllpError('CONNECT_TIMEOUT', message));
      }, connectTimeoutMs);
      const failed = (cause: NodeJS.ErrnoException): void => {
        if (connected) {
          fail(tlsError(peer, tlsFailure(cause.code), cause));
          return;
        }
        const message = `Cannot connect to ${peer} (${cause.code ?? 'no reason given'}): check the address, and that the receiver runs`;
        fail(new MllpError('CONNECT_FAILED', message, false, { cause }));
      };
      socket.on('error', failed);
      socket.once('connect', () => {
        if (tls === undefined) {
          done(socket);
          return;
        }
        connected = true;
        try {
          const secure = startTls(socket, host, tls);
          secure.on('error', failed);
          secure.once('secureConnect', () => done(secure));
        } catch (cause) {
          fail(tlsError(peer, 'BAD_FILES', cause as Error));
        }
      });
    });
  }

  private constructor(socket: Socket, peer: string) {
    this.#socket = socket;
    this.#peer = peer;
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('end', () => this.#end('CLOSED', 'closed the connection'));
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EPROTO' || cause.code?.startsWith('ERR_SSL_')) {
        // In TLS 1.3 a receiver looks at our certificate when for us the handshake is over.
        const failure = tlsFailure(cause.code);
        this.#end('TLS_FAILED', `ended TLS: ${tlsFailureText(failure, cause.code)}`, cause, failure);
      } else {
        this.#end('CLOSED', `broke the connection (${cause.code ?? 'no reason given'})`, cause);
      }
    });
    socket.on('close', () => this.#end('CLOSED', 'closed the connection'));
  }

  /** Whether the connection can carry another exchange, as far as has been seen; `isUsable` looks again. */
  get usable(): boolean {
    return this.#endedBy === undefined;
  }

  /**
   * Whether the connection can carry another exchange. First lets the event loop read what the kernel has
   * already received: the peer's FIN or RST, or bytes that nobody asked for. To be called before each
   * exchange on a connection that has been idle.
   */
  async isUsable(): Promise<boolean> {
    // The turn of the event loop that we are in may be past its reading; the second is a whole one.
    await setImmediate();
    await setImmediate();
    return this.usable;
  }

  /**
   * Sends one message and waits for its reply.
   *
   * @param content the message's bytes, without framing
   * @param timeoutMs how long the reply may take, the sending of the message included
   * @returns the content of the reply's frame; whether it acknowledges this message is for the caller to check
   * @throws MllpError CLOSED, REPLY_TIMEOUT, BAD_REPLY (all with `sentAny`), or CANNOT_FRAME, or BUSY when the
   *   exchange before has not ended
   */
  exchange(content: Buffer, timeoutMs: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#endedBy !== undefined) {
        const message = `The connection to ${this.#peer} has ended: open another (${this.#endedBy.message})`;
        throw new MllpError('CLOSED', message, false, { cause: this.#endedBy });
      }
      if (this.#exchange !== undefined) {
        const message = `The connection to ${this.#peer} still waits for a reply: one message at a time`;
        throw new MllpError('BUSY', message);
      }
      const frame = encodeFrame(content);
      const timer = setTimeout(
        () => this.#end('REPLY_TIMEOUT', `did not reply within ${timeoutMs} ms`),
        timeoutMs,
      );
      this.#exchange = new Exchange(resolve, reject, timer);
      this.#socket.write(frame);
    });
  }

  /** Closes the connection; an exchange that still waits fails with CLOSED. Resolves when the socket is closed. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#socket.closed) resolve();
      else this.#socket.once('close', () => resolve());
    });
    this.#end('CLOSED', 'was left: this side closed the connection');
    await closed;
  }

  #read(chunk: Buffer): void {
    const exchange = this.#exchange;
    if (exchange === undefined) {
      this.#end('BAD_REPLY', 'sent bytes that no message asked for');
      return;
    }
    exchange.decoder.push(chunk, exchange);
    // Whatever came behind the reply, were it only a start block, must not be left for the next exchange.
    if (exchange.reply !== undefined) exchange.decoder.end(exchange);
    if (exchange.fault !== undefined) {
      this.#end('BAD_REPLY', `replied with something that is not one MLLP frame: ${exchange.fault}`);
    } else if (exchange.reply !== undefined) {
      this.#exchange = undefined;
      clearTimeout(exchange.timer);
      exchange.resolve(exchange.reply);
    }
  }

  #end(code: MllpErrorCode, what: string, cause?: Error, failure?: TlsFailure): void {
    if (this.#endedBy !== undefined) return;
    const exchange = this.#exchange;
    this.#exchange = undefined;
    const unanswered = exchange === undefined ? '' : '; the message was not acknowledged';
    const options = {
      ...(cause !== undefined && { cause }),
      ...(failure !== undefined && { tlsFailure: failure }),
    };
    this.#endedBy = new MllpError(
      code,
      `${this.#peer} ${what}${unanswered}`,
      exchange !== undefined,
      options,
    );
    if (exchange === undefined || this.#socket instanceof TLSSocket) this.#socket.destroy();
    // With a reset, for what the kernel still holds of the message must not arrive once a broken network is whole
    // again: the message has been sent elsewhere by then, and later ones with it.
    else this.#socket.resetAndDestroy();
    if (exchange === undefined) return;
    clearTimeout(exchange.timer);
    exchange.reject(this.#endedBy);
  }
}

function tlsError(peer: string, failure: TlsFailure, cause?: NodeJS.ErrnoException): MllpError {
  const message = `No TLS with ${peer}: ${tlsFailureText(failure, cause?.code)}`;
  return new MllpError('TLS_FAILED', message, false, { ...(cause && { cause }), tlsFailure: failure });
}

/** One message that waits for its reply. */
class Exchange implements FrameSink {
  readonly decoder = new FrameDecoder({ maxContentBytes: MAX_REPLY_BYTES });
  reply: Buffer | undefined;
  fault: string | undefined;

  constructor(
    readonly resolve: (reply: Buffer) => void,
    readonly reject: (error: MllpError) => void,
    readonly timer: NodeJS.Timeout,
  ) {}

  frame(content: Buffer): void {
    if (this.reply === undefined) this.reply = content;
    else this.fault ??= MORE_THAN_A_REPLY;
  }

  violation({ message }: { message: string }): void {
    this.fault ??= this.reply === undefined ? message : MORE_THAN_A_REPLY;
  }
}
