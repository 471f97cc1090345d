import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import {
  acceptance,
  encodeFrame,
  FrameDecoder,
  Message,
  rejection,
  tlsFailure,
  tlsFailureText,
} from '@integration-hub/hl7';

const MAX_MESSAGE_BYTES = 104_857_600;

/** What to do with a message: acknowledge it with a code, stay silent, or close the connection without a reply. */
export const MOCK_REPLIES = ['AA', 'AE', 'AR', 'none', 'close'] as const;
export type MockReply = (typeof MOCK_REPLIES)[number];

export interface MockReceiverOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
  reply: MockReply | ((message: Message) => MockReply);
  /** How long each reply is held back, in milliseconds. */
  delayMs: number;
  /** PEM texts. With `ca`, clients need a certificate that it has issued. Absent: plain TCP. */
  tls?: { cert: string; key: string; ca?: string } | undefined;
}

export interface ReceivedMessage {
  /** The content of the frame. */
  readonly bytes: Buffer;
  /** When its last byte was read. */
  readonly receivedAt: Date;
  /** The connection that it came on: 1 is the first since the receiver was made. */
  readonly connection: number;
}

export interface MockReceiverEvents {
  /** Called for each message in its turn; the reply waits until it has ended, and is left out if it fails. */
  message(received: ReceivedMessage): void | Promise<void>;
  /** What came can't be answered (framing, or not HL7), or `message` failed; the connection is closed. */
  problem?(reason: string, connection: number): void;
}

/**
 * A receiving system for tests, on a real socket: it takes messages over MLLP and answers as it is told. The messages
 * of one connection are answered one at a time, in order.
 *
 * It can be started again after `stop` or `kill`.
 */
export class MockReceiver {
  /**
   * `reply` and `delayMs` may be changed while it runs: they are read after the `message` event of each message, host,
   * port and TLS at the next start.
   */
  readonly options: MockReceiverOptions;
  readonly #events: MockReceiverEvents;
  readonly #turns = new Map<Socket, Promise<void>>();
  #server: Server | undefined;
  #closed = Promise.resolve();
  #connections = 0;

  constructor(options: MockReceiverOptions, events: MockReceiverEvents) {
    this.options = options;
    this.#events = events;
  }

  /** How many connections have been accepted. */
  get connections(): number {
    return this.#connections;
  }

  /**
   * Starts to listen.
   *
   * @returns the port
   * @throws the error of the socket, such as EADDRINUSE
   */
  async start(): Promise<number> {
    const { tls } = this.options;
    const accept = (socket: Socket): void => this.#accept(socket);
    const server =
      tls === undefined
        ? createServer({ noDelay: true, allowHalfOpen: true }, accept)
        : createTlsServer({ ...tls, requestCert: tls.ca !== undefined, noDelay: true }, accept);
    server.on('tlsClientError', ({ code }: NodeJS.ErrnoException) => {
      this.#events.problem?.(`No TLS: ${tlsFailureText(tlsFailure(code), code)}`, this.#connections + 1);
    });
    server.listen(this.options.port, this.options.host);
    await once(server, 'listening');
    this.#server = server;
    return (server.address() as AddressInfo).port;
  }

  /** Ends: answers the message in hand on each connection, takes no other, and closes. Not to be awaited in an event. */
  stop(): Promise<void> {
    this.#close();
    for (const [socket, turn] of this.#turns) {
      socket.pause();
      void turn.then(() => socket.destroySoon());
    }
    return this.#closed;
  }

  /** Ends like a crash: closes all connections at once, and what is in hand gets no reply. */
  kill(): Promise<void> {
    this.#close();
    for (const socket of this.#turns.keys()) socket.destroy();
    return this.#closed;
  }

  #close(): void {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#closed = new Promise((resolve) => server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    // For TLS it can't be said earlier.
    socket.allowHalfOpen = true;
    const connection = ++this.#connections;
    const decoder = new FrameDecoder({ maxContentBytes: MAX_MESSAGE_BYTES });
    const inTurn = (work: () => void | Promise<void>): void => {
      const turn = this.#turns.get(socket) ?? Promise.resolve();
      const next = turn.then(async () => {
        if (this.#server !== undefined && !socket.destroyed) await work();
      });
      const guarded = next.catch((error: unknown) => {
        this.#events.problem?.(error instanceof Error ? error.message : 'unknown failure', connection);
        socket.destroy();
      });
      this.#turns.set(socket, guarded);
    };
    const sink = {
      frame: (bytes: Buffer): void => {
        const received = { bytes, receivedAt: new Date(), connection };
        inTurn(() => this.#answer(socket, received));
      },
      violation: ({ message }: { message: string }): void => {
        inTurn(() => Promise.reject(new Error(message)));
      },
    };
    this.#turns.set(socket, Promise.resolve());
    socket.on('data', (chunk) => decoder.push(chunk, sink));
    socket.on('end', () => {
      decoder.end(sink);
      inTurn(() => void socket.end());
    });
    // A peer that resets the connection is told of by what it did not send.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#turns.delete(socket));
  }

  async #answer(socket: Socket, received: ReceivedMessage): Promise<void> {
    await this.#events.message(received);
    const { reply: choice, delayMs } = this.options;
    const reply = typeof choice === 'function' ? choice(Message.parse(received.bytes)) : choice;
    if (delayMs > 0) await delay(delayMs, undefined, { ref: false });
    if (reply === 'close') socket.destroy();
    else if (reply !== 'none' && socket.writable) socket.write(encodeFrame(replyTo(received.bytes, reply)));
  }
}

function replyTo(bytes: Buffer, code: 'AA' | 'AE' | 'AR'): Buffer {
  const message = Message.parse(bytes);
  if (code === 'AA') return acceptance(message, new Date());
  const errors = [{ code: '207', text: `This receiver is a mock that answers ${code}` }];
  return rejection(message, { code, errors }, new Date());
}
