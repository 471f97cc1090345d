import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFrame, MllpConnection, MllpError, readAcknowledgement } from '@integration-hub/hl7';
import { numbered } from '../hospital.js';
import type { Ledger } from './ledger.js';
import type { Random } from './random.js';

/** What the senders of a load do wrong at present, each before a share of its messages (0 to 1). */
export interface Misbehaviour {
  /** Sends half of it, and closes. */
  halfMessages: number;
  /** Sends it, closes without reading the acknowledgement, and sends it again. */
  unreadAcknowledgements: number;
  /** Sends it once more after its acknowledgement. */
  repetitions: number;
}

export interface SenderOptions {
  /** Names the sender in control ids. */
  readonly name: string;
  /** Where its messages are taken, the nearest first; it goes to the next when one does not answer. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  readonly template: Buffer;
  /** What comes out at the receiver for a message. */
  readonly expected: (sent: Buffer) => Buffer;
  readonly ledger: Ledger;
  readonly misbehaviour: Misbehaviour;
  readonly random: Random;
  /** Between one message and the next, in milliseconds. */
  readonly paceMs: number;
  /**
   * Acknowledged messages that have yet to arrive, beyond which no sender goes on: on a machine that is too slow for the
   * load each fault would else begin with more to make up for than the one before.
   */
  readonly mostAwaited: number;
  /** After so long without an acknowledgement it closes the connection and sends the message again, elsewhere. */
  readonly ackTimeoutMs: number;
}

/** How much of what it should have sent meanwhile a sender makes good after waiting, in milliseconds. */
const MOST_BEHIND = 1_000;

/**
 * A sending system: sends numbered messages one after another, and one that was not acknowledged again, until it is.
 */
export class LoadSender {
  readonly #options: SenderOptions;
  #connection: MllpConnection | undefined;
  #turn = 0;
  #number = 0;
  #stopped = false;
  #longestWait = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Sends until it is stopped, and may be run again; what is in hand then is sent to its acknowledgement. */
  async run(): Promise<void> {
    const { name, ledger, template, expected, paceMs, mostAwaited, misbehaviour, random } = this.#options;
    // Not all begin at the same moment.
    let due = performance.now() + random.next() * paceMs;
    while (!this.#stopped) {
      due = Math.max(due, performance.now() - MOST_BEHIND);
      await sleep(Math.max(0, due - performance.now()));
      while (ledger.awaitedCount > mostAwaited) await sleep(100);
      due += paceMs;
      this.#number += 1;
      const controlId = `${name}-${this.#number}`;
      const bytes = numbered(template, controlId);
      const send = async (): Promise<boolean> => {
        ledger.sending(controlId, expected(bytes));
        return this.#exchange(controlId, bytes);
      };
      const since = performance.now();
      if (random.chance(misbehaviour.halfMessages)) await this.#leave(encodeFrame(bytes).subarray(0, -20));
      if (random.chance(misbehaviour.unreadAcknowledgements)) {
        ledger.sending(controlId, expected(bytes));
        await this.#leave(encodeFrame(bytes));
      }
      while (!(await send())) await sleep(200);
      ledger.acknowledged(controlId);
      if (random.chance(misbehaviour.repetitions)) while (!(await send())) await sleep(200);
      this.#longestWait = Math.max(this.#longestWait, performance.now() - since);
    }
    void this.#connection?.close();
    this.#connection = undefined;
    this.#stopped = false;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The longest time that a message took to be acknowledged since this was last asked, in milliseconds. */
  takeLongestWait(): number {
    const wait = this.#longestWait;
    this.#longestWait = 0;
    return Math.round(wait);
  }

  async #exchange(controlId: string, bytes: Buffer): Promise<boolean> {
    const { addresses, ackTimeoutMs } = this.#options;
    const address = addresses[this.#turn % addresses.length]!;
    try {
      this.#connection ??= await MllpConnection.open({ ...address, connectTimeoutMs: 2_000 });
      const reply = readAcknowledgement(await this.#connection.exchange(bytes, ackTimeoutMs));
      if (reply.code === 'AA' && reply.controlId === controlId) return true;
    } catch (error) {
      if (!(error instanceof MllpError)) throw error;
    }
    void this.#connection?.close();
    this.#connection = undefined;
    this.#turn += 1;
    return false;
  }

  /** Writes bytes on a connection of their own, and closes it without reading. */
  async #leave(bytes: Buffer): Promise<void> {
    const { addresses } = this.#options;
    await writeAndLeave(addresses[this.#turn % addresses.length]!, bytes);
  }
}

/** Writes bytes to a listener, and closes without reading; resolves in any case, after two seconds at most. */
export async function writeAndLeave(
  address: { readonly host: string; readonly port: number },
  bytes: Buffer,
): Promise<void> {
  const socket = connect(address);
  socket.on('error', () => undefined);
  socket.setTimeout(2_000, () => socket.destroy());
  socket.end(bytes);
  socket.once('finish', () => socket.destroySoon());
  await once(socket, 'close').catch(() => undefined);
}
