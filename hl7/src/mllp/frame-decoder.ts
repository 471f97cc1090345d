import { MllpError } from './mllp-error.js';

/** First byte of an MLLP frame, `<SB>` (HL7 Transport Specification: MLLP, Release 1). */
export const START_BLOCK = 0x0b;
/** Byte after the content, `<EB>`; a carriage return must follow it. */
export const END_BLOCK = 0x1c;
/** Last byte of a frame, `<CR>`. */
export const CARRIAGE_RETURN = 0x0d;

const FIRST_BYTES = 1000;
const FIRST_CAPACITY = 4096;
const NOTHING = Buffer.alloc(0);

export type FrameViolationCode = 'GARBAGE_BEFORE_START' | 'MISSING_END' | 'TOO_LARGE' | 'UNFINISHED';

export interface FrameViolation {
  readonly code: FrameViolationCode;
  /** Names what was expected; holds nothing of the content. */
  readonly message: string;
  /** At most the first 1,000 bytes of the refused content, a copy. Patient data: for a guarded record only. */
  readonly firstBytes: Buffer;
}

export interface FrameSink {
  /** One frame's content, without its framing bytes. May be a view of the chunk that was pushed. */
  frame(content: Buffer): void;
  /** The stream can't be read further. Called at most once, after every frame that came before it. */
  violation(violation: FrameViolation): void;
}

/**
 * Reads the frames out of one connection's bytes (HL7 Transport Specification: MLLP, Release 1), whatever
 * chunks they come in. Anything out of place ends the decoding: to look for the next start block instead
 * could join the halves of two patients' messages.
 */
export class FrameDecoder {
  readonly #maxContentBytes: number;
  #expects: 'start' | 'content' | 'carriage return' | 'nothing' = 'start';
  /** The content that earlier chunks brought, in the first `#heldBytes` bytes. */
  #held = NOTHING;
  #heldBytes = 0;

  /** @param options.maxContentBytes the largest content of a frame that is taken, in bytes, framing not counted */
  constructor(options: { maxContentBytes: number }) {
    this.#maxContentBytes = options.maxContentBytes;
  }

  /** How many bytes of an unfinished frame's content are held: never more than `maxContentBytes`. */
  get pendingBytes(): number {
    return this.#heldBytes;
  }

  /** Whether a message has begun and not ended. */
  get insideFrame(): boolean {
    return this.#expects === 'content' || this.#expects === 'carriage return';
  }

  /** Takes the next bytes of the stream and tells `sink`, before it returns, of all that they complete. */
  push(chunk: Buffer, sink: FrameSink): void {
    let at = 0;
    while (at < chunk.length && this.#expects !== 'nothing') {
      const byte = chunk[at]!;
      if (this.#expects === 'start') {
        if (byte !== START_BLOCK) {
          const found = `0x${byte.toString(16).padStart(2, '0').toUpperCase()}`;
          const message = `${found} came where a start block (0x0B) must open a message`;
          this.#refuse('GARBAGE_BEFORE_START', message, chunk.subarray(at), sink);
          return;
        }
        this.#expects = 'content';
        at += 1;
      } else if (this.#expects === 'content') {
        at = this.#readContent(chunk, at, sink);
      } else {
        if (byte !== CARRIAGE_RETURN) {
          const message = 'An end block (0x1C) was not followed by a carriage return (0x0D)';
          this.#refuse('MISSING_END', message, NOTHING, sink);
          return;
        }
        at += 1;
        this.#deliver(NOTHING, sink);
      }
    }
  }

  /** The stream has ended; a frame that it left open is a violation. */
  end(sink: FrameSink): void {
    if (this.insideFrame) {
      const message = `The stream ended inside a message, after ${this.#heldBytes} bytes of it`;
      this.#refuse('UNFINISHED', message, NOTHING, sink);
    }
    this.#expects = 'nothing';
  }

  /** Reads content from `at` up to a framing byte or the chunk's end, and returns where to go on. */
  #readContent(chunk: Buffer, at: number, sink: FrameSink): number {
    const stop = nextFramingByte(chunk, at);
    const part = chunk.subarray(at, stop);
    if (this.#heldBytes + part.length > this.#maxContentBytes) {
      const message = `A message is larger than the ${this.#maxContentBytes} bytes that are allowed`;
      this.#refuse('TOO_LARGE', message, part, sink);
      return chunk.length;
    }
    if (chunk[stop] === START_BLOCK) {
      const message = 'A start block (0x0B) came inside a message whose end is missing (0x1C 0x0D)';
      this.#refuse('MISSING_END', message, part, sink);
      return chunk.length;
    }
    if (chunk[stop] === END_BLOCK && chunk[stop + 1] === CARRIAGE_RETURN) {
      this.#deliver(part, sink);
      return stop + 2;
    }
    this.#hold(part);
    if (stop < chunk.length) this.#expects = 'carriage return';
    return stop + 1;
  }

  #deliver(lastPart: Buffer, sink: FrameSink): void {
    let content = lastPart;
    if (this.#heldBytes > 0) {
      this.#hold(lastPart);
      content = this.#held.subarray(0, this.#heldBytes);
    }
    this.#release('start');
    sink.frame(content);
  }

  #refuse(code: FrameViolationCode, message: string, lastPart: Buffer, sink: FrameSink): void {
    const parts = [this.#held.subarray(0, this.#heldBytes), lastPart];
    const firstBytes = Buffer.concat(parts, Math.min(this.#heldBytes + lastPart.length, FIRST_BYTES));
    this.#release('nothing');
    sink.violation({ code, message, firstBytes });
  }

  #release(expects: 'start' | 'nothing'): void {
    this.#held = NOTHING;
    this.#heldBytes = 0;
    this.#expects = expects;
  }

  /** Doubles when full, so that content in many small chunks is copied about twice and not once a chunk. */
  #hold(part: Buffer): void {
    const needed = this.#heldBytes + part.length;
    if (needed > this.#held.length) {
      const capacity = Math.max(needed, 2 * this.#held.length, FIRST_CAPACITY);
      const larger = Buffer.allocUnsafeSlow(Math.min(capacity, this.#maxContentBytes));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    part.copy(this.#held, this.#heldBytes);
    this.#heldBytes = needed;
  }
}

/**
 * Puts one message into an MLLP frame: 0x0B, the content, 0x1C, 0x0D.
 *
 * @throws MllpError CANNOT_FRAME when the content has a byte 0x0B or 0x1C, which MLLP cannot carry
 */
export function encodeFrame(content: Buffer): Buffer {
  if (nextFramingByte(content, 0) < content.length) {
    throw new MllpError(
      'CANNOT_FRAME',
      'The message contains a byte 0x0B or 0x1C, which MLLP cannot carry: write it as an HL7 escape, \\X0B\\ or \\X1C\\',
    );
  }
  const frame = Buffer.allocUnsafe(content.length + 3);
  frame[0] = START_BLOCK;
  content.copy(frame, 1);
  frame[content.length + 1] = END_BLOCK;
  frame[content.length + 2] = CARRIAGE_RETURN;
  return frame;
}

/** Where the next start or end block is, or the chunk's length when it has none. */
function nextFramingByte(chunk: Buffer, from: number): number {
  const start = chunk.indexOf(START_BLOCK, from);
  const end = chunk.indexOf(END_BLOCK, from);
  return Math.min(start < 0 ? chunk.length : start, end < 0 ? chunk.length : end);
}
