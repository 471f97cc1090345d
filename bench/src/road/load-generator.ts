/**
 * The senders of a benchmark, as a process of their own: each on a connection of its own, with one message in flight.
 * The parent sends a LoadOrder; the answer is a LoadResult.
 */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { encodeFrame, FrameDecoder } from '@integration-hub/hl7';
import { Template } from './numbered-message.js';
import { answerOrders } from './orders.js';

export interface LoadOrder {
  readonly port: number;
  /** Begins the names of the sources, and so the control ids; unique in a run. */
  readonly round: string;
  readonly connections: number;
  readonly seconds: number;
  /** Messages a second over all connections; absent: each as fast as it is acknowledged. */
  readonly perSecond?: number;
  readonly template: Uint8Array;
  /** Whether what comes back need not be an acknowledgement: from an echo. */
  readonly takesAnyReply?: boolean;
}

export interface LoadResult {
  /** By source: when each of its messages was due, in milliseconds since 1970; each of them was acknowledged. */
  readonly sent: ReadonlyMap<string, Float64Array>;
  /** From when a message was due to its acknowledgement, in milliseconds. */
  readonly acknowledgedAfter: Float64Array;
  /** In milliseconds since 1970. */
  readonly began: number;
  /** When the last acknowledgement came. */
  readonly ended: number;
}

/** A server that leaves a message without an answer for so long is not waited for any more. */
const ANSWER_WITHIN_MS = 60_000;

const now = (): number => performance.timeOrigin + performance.now();

/** One source: sends until the time is over, and ends with the last acknowledgement. */
class Source {
  readonly sent: number[] = [];
  readonly acknowledgedAfter: number[] = [];
  readonly #name: string;
  readonly #order: LoadOrder;
  readonly #template: Template;
  readonly #until: number;
  readonly #intervalMs: number;
  readonly #decoder = new FrameDecoder({ maxContentBytes: 16 * 1_048_576 });
  readonly #ended = Promise.withResolvers<undefined>();
  #socket!: Socket;
  #due: number;

  constructor(order: LoadOrder, template: Template, index: number, began: number) {
    this.#order = order;
    this.#template = template;
    this.#name = `${order.round}.${index}`;
    this.#until = began + order.seconds * 1_000;
    this.#intervalMs = order.perSecond === undefined ? 0 : (1_000 * order.connections) / order.perSecond;
    this.#due = began + (this.#intervalMs * index) / order.connections;
  }

  get name(): string {
    return this.#name;
  }

  async run(): Promise<void> {
    this.#socket = connect({ port: this.#order.port, host: '127.0.0.1', noDelay: true });
    await once(this.#socket, 'connect');
    this.#socket.on('data', (chunk) => this.#decoder.push(chunk, this));
    this.#socket.on('error', (error) => this.#ended.reject(error));
    this.#socket.setTimeout(ANSWER_WITHIN_MS, () => {
      const waited = `${ANSWER_WITHIN_MS / 1_000} s`;
      this.#ended.reject(new Error(`${this.#name}: a message was not acknowledged within ${waited}`));
      this.#socket.destroy();
    });
    this.#socket.on('close', () => this.#ended.reject(new Error(`${this.#name}: the connection was closed`)));
    this.#sendWhenDue();
    await this.#ended.promise;
    this.#socket.destroy();
  }

  #sendWhenDue(): void {
    if (this.#intervalMs === 0) this.#due = now();
    if (this.#due >= this.#until) {
      this.#ended.resolve(undefined);
      return;
    }
    const waitMs = this.#due - now();
    if (waitMs > 0) setTimeout(() => this.#send(), waitMs);
    else this.#send();
  }

  #send(): void {
    // Late ones count from when they were due: who waits for a slow server is not to be left out.
    this.sent.push(this.#due);
    this.#socket.write(encodeFrame(this.#template.message(this.#name, this.sent.length)));
  }

  frame(content: Buffer): void {
    const expected = `MSA|AA|${this.#name}-${this.sent.length}`;
    if (this.#order.takesAnyReply !== true && !content.toString('latin1').includes(expected)) {
      this.#ended.reject(new Error(`${this.#name}: a message was not acknowledged with AA`));
      return;
    }
    this.acknowledgedAfter.push(now() - this.#due);
    this.#due += this.#intervalMs;
    this.#sendWhenDue();
  }

  violation({ message }: { message: string }): void {
    this.#ended.reject(new Error(`${this.#name}: ${message}`));
  }
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const template = new Template(Buffer.from(order.template));
  const began = now();
  const sources = Array.from(
    { length: order.connections },
    (_, index) => new Source(order, template, index, began),
  );
  await Promise.all(sources.map((source) => source.run()));
  return {
    sent: new Map(sources.map((source) => [source.name, Float64Array.from(source.sent)])),
    acknowledgedAfter: Float64Array.from(sources.flatMap((source) => source.acknowledgedAfter)),
    began,
    ended: now(),
  };
}

answerOrders(run);
