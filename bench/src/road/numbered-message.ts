/** The messages of a run: one template, in which each has a control id, and each source a patient, of its own. */
import { crc32 } from 'node:zlib';

const bar = 0x7c;

/** Where MSH-10 begins and ends in a message whose field separator is `|`. */
function controlIdAt(message: Buffer): [from: number, to: number] {
  let from = 0;
  for (let bars = 0; bars < 9; bars += 1) from = message.indexOf(bar, from) + 1;
  return [from, message.indexOf(bar, from)];
}

/** Which message it is: control ids are `<source>-<number>`, and numbers of one source grow from 1. */
export interface NumberedMessage {
  readonly source: string;
  readonly number: number;
  /** CRC-32 of everything but the control id. */
  readonly sum: number;
}

/** Reads which message it is, without parsing it. */
export function readNumbered(message: Buffer): NumberedMessage & { readonly controlId: string } {
  const [from, to] = controlIdAt(message);
  const controlId = message.toString('latin1', from, to);
  const dash = controlId.lastIndexOf('-');
  const sum = crc32(message.subarray(to), crc32(message.subarray(0, from)));
  return { controlId, source: controlId.slice(0, dash), number: Number(controlId.slice(dash + 1)), sum };
}

export class Template {
  readonly #before: string;
  readonly #between: string;
  readonly #behind: string;

  /** @param bytes a message with a patient's number in PID-3.1; its field separator is `|` */
  constructor(bytes: Buffer) {
    const text = bytes.toString('latin1');
    const [from, to] = controlIdAt(bytes);
    const pid = text.indexOf('\rPID|') + 5;
    const patient = /^[^|]*\|[^|]*\|()[^|^~]+/.exec(text.slice(pid));
    if (patient === null) throw new Error('the template has no PID-3.1');
    const start = pid + text.slice(pid).split('|', 2).join('|').length + 1;
    const end = pid + patient[0].length;
    this.#before = text.slice(0, from);
    this.#between = text.slice(to, start);
    this.#behind = text.slice(end);
  }

  /** The message of this number; the source is its patient as well. */
  message(source: string, number: number): Buffer {
    return Buffer.from(
      `${this.#before}${source}-${number}${this.#between}${source}${this.#behind}`,
      'latin1',
    );
  }
}
