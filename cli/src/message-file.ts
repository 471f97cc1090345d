import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { encodeFrame, FrameDecoder, Message, START_BLOCK } from '@integration-hub/hl7';
import { UsageError } from './usage-error.js';

/** A message as it is to be sent. */
export interface FileMessage {
  readonly bytes: Buffer;
  /** MSH-10, '' where the message has none. */
  readonly controlId: string;
}

/** One of the messages of a file. */
export interface PlacedMessage extends FileMessage {
  /** Which of the file's messages it is, from 1. */
  readonly number: number;
  /** The same in words: `phw.hl7`, or `phw.hl7, message 2` where the file has several. */
  readonly place: string;
}

/**
 * Reads what should be the messages of a file: MLLP frames, each as it stands, when the file begins with a start
 * block; otherwise text with segments that end with CR, LF or CRLF, in which each line that starts with MSH begins a
 * message. Segments of text are given CR ends; empty lines and the envelope of a batch (FHS, BHS, BTS, FTS: HL7 v2.5
 * section 2.10.3) are left out.
 *
 * @param file a path, or `-` for the standard input
 * @throws UsageError when the file can't be read, is empty or has broken frames
 */
export async function readMessages(file: string): Promise<PlacedMessage[]> {
  const name = file === '-' ? 'standard input' : file;
  const content = await contentOf(file);
  const messages = content[0] === START_BLOCK ? framesOf(name, content) : messagesOf(name, content);
  return messages.map((bytes, index) => ({
    bytes,
    controlId: controlIdOf(bytes),
    number: index + 1,
    place: messages.length === 1 ? name : `${name}, message ${index + 1}`,
  }));
}

/**
 * Reads the messages of a file that are to be sent.
 *
 * @param file as for readMessages
 * @throws UsageError when the file can't be read or is not HL7 v2 in ER7
 */
export async function readMessageFile(file: string): Promise<FileMessage[]> {
  const messages = await readMessages(file);
  for (const { bytes } of messages) {
    if (!bytes.toString('latin1', 0, 3).startsWith('MSH')) {
      throw new UsageError(`${file} is not HL7 v2: each message in it must begin with MSH`);
    }
    checkFrameable(file, bytes);
  }
  return messages;
}

/** The same message with `-n` behind its MSH-10. The rest of it stays as it is, byte for byte. */
export function numbered({ bytes, controlId }: FileMessage, n: number): FileMessage {
  const text = bytes.toString('latin1');
  const end = text.search(/\r|$/);
  const fields = text.slice(0, end).split(text.charAt(3));
  while (fields.length < 10) fields.push('');
  fields[9] = `${fields[9]!}-${n}`;
  const renamed = fields.join(text.charAt(3)) + text.slice(end);
  return { bytes: Buffer.from(renamed, 'latin1'), controlId: `${controlId}-${n}` };
}

async function contentOf(file: string): Promise<Buffer> {
  try {
    return file === '-' ? await buffer(process.stdin) : await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new UsageError(`There is no file ${file}: name a file that holds HL7 messages`);
    if (code === 'EISDIR')
      throw new UsageError(`${file} is a folder: name the files in it, as in ${file}/*.hl7`);
    throw new UsageError(`${file} can not be read (${code ?? 'unknown reason'}): check its permissions`);
  }
}

function framesOf(file: string, bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  const sink = {
    frame: (content: Buffer): unknown => frames.push(content),
    violation: ({ message }: { message: string }): never => {
      const place = `behind its first ${frames.length} messages`;
      throw new UsageError(`${file} begins like MLLP, but ${place} the framing breaks: ${message}`);
    },
  };
  const decoder = new FrameDecoder({ maxContentBytes: bytes.length });
  decoder.push(bytes, sink);
  decoder.end(sink);
  return frames;
}

function messagesOf(file: string, bytes: Buffer): Buffer[] {
  const messages: string[][] = [];
  // One character a byte, so that no character set is harmed.
  for (const segment of bytes.toString('latin1').split(/[\r\n]+/)) {
    if (segment === '' || /^(FHS|BHS|BTS|FTS)/.test(segment)) continue;
    if (segment.startsWith('MSH') || messages.length === 0) messages.push([]);
    messages.at(-1)!.push(segment);
  }
  if (messages.length === 0) throw new UsageError(`${file} is empty: name a file that holds HL7 messages`);
  return messages.map((segments) =>
    Buffer.from(segments.map((segment) => segment + '\r').join(''), 'latin1'),
  );
}

/** Sees to it that a file is found wrong before any of its messages has gone out. */
function checkFrameable(file: string, message: Buffer): void {
  try {
    encodeFrame(message);
  } catch (error) {
    throw new UsageError(`${file} can not be sent: ${(error as Error).message}`);
  }
}

/** Broken messages may be sent too, to see what becomes of them; then MSH-10 is what looks like it. */
function controlIdOf(message: Buffer): string {
  try {
    return Message.parse(message).controlId;
  } catch {
    const text = message.toString('latin1');
    return text.slice(0, text.search(/\r|$/)).split(text.charAt(3))[9] ?? '';
  }
}
