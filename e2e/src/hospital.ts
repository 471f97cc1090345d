/**
 * A hospital's side of a connection: sends numbered messages one after another, and a message that was not
 * acknowledged again, on a new connection, until it is. So it behaves as the live senders do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Message, MllpConnection, MllpError, readAcknowledgement } from '@integration-hub/hl7';
import type { Journal } from './journal.js';

export interface HospitalOptions {
  /** Names the sender in control ids. */
  readonly name: string;
  readonly port: number;
  readonly journal: Journal;
  /** A message whose MSH-10 is replaced by the control id. */
  readonly template: Buffer;
  /** What comes out at the receiver for a message; absent: the message itself. */
  readonly expected?: (sent: Buffer) => Buffer;
}

/** Puts another control id into a message. */
export function numbered(template: Buffer, controlId: string): Buffer {
  const header = Message.parse(template).segments()[0]!.er7;
  const fields = header.split('|');
  fields[9] = controlId;
  return Buffer.concat([Buffer.from(fields.join('|'), 'latin1'), template.subarray(header.length)]);
}

export class Hospital {
  readonly #options: HospitalOptions;
  #connection: MllpConnection | undefined;
  #number = 0;

  constructor(options: HospitalOptions) {
    this.#options = options;
  }

  /** Sends so many further messages, each until it is acknowledged. */
  async send(count: number): Promise<void> {
    const { name, journal, template, expected } = this.#options;
    for (let sent = 0; sent < count; sent += 1) {
      this.#number += 1;
      const controlId = `${name}-${this.#number}`;
      const bytes = numbered(template, controlId);
      journal.expect(controlId, expected ? expected(bytes) : bytes);
      while (!(await this.#exchange(controlId, bytes))) await sleep(100);
      journal.acknowledged(controlId);
    }
  }

  close(): void {
    void this.#connection?.close();
  }

  /** @returns whether the message was acknowledged */
  async #exchange(controlId: string, bytes: Buffer): Promise<boolean> {
    const { port, journal } = this.#options;
    try {
      this.#connection ??= await MllpConnection.open({ host: '127.0.0.1', port, connectTimeoutMs: 5_000 });
      journal.sending(controlId);
      const reply = readAcknowledgement(await this.#connection.exchange(bytes, 60_000));
      if (reply.code !== 'AA' || reply.controlId !== controlId) {
        throw new Error(`${controlId} was answered ${reply.code} for ${reply.controlId}`);
      }
      return true;
    } catch (error) {
      if (!(error instanceof MllpError)) throw error;
      void this.#connection?.close();
      this.#connection = undefined;
      return false;
    }
  }
}
