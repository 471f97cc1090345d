import { escapeText } from './message/escape.js';
import { Message } from './message/message.js';
import { MessageError } from './message/message-error.js';
import { parsePath } from './message/path.js';

/** One error of a rejection: one ERR segment, or before HL7 v2.5 one repetition of ERR-1. */
export interface ErrorReport {
  /** Where, as a path; left out when it is no single place. */
  readonly location?: string | undefined;
  /** From HL7 table 0357: `100` segment sequence, `101` required field missing, `102` data type, `103` table value … */
  readonly code: string;
  /** A sentence for the sender's people. It must not hold the value of a field. */
  readonly text: string;
}

export interface Rejection {
  /** `AE`: the message is in error; `AR`: it is not for here, or can't be taken now (HL7 table 0008). */
  readonly code: 'AE' | 'AR';
  readonly errors: readonly ErrorReport[];
}

/** What a receiver answered. */
export interface Acknowledgement {
  /** MSA-1 as it stands, `AA` or `CA` when the message was taken (HL7 table 0008). */
  readonly code: string;
  /** MSA-2 as it stands; compare it with `Message.controlId` of what was sent. */
  readonly controlId: string;
  /** MSA-3, else the sentence of the first ERR. It is the receiver's text, so it may hold patient data. */
  readonly text?: string;
}

/**
 * The acknowledgement of a message that is safely stored: MSA|AA (HL7 v2.5 section 2.9.2), without MLLP framing.
 *
 * @param at the time for MSH-7, written in UTC as YYYYMMDDHHMMSS
 */
export function acceptance(message: Message, at: Date): Buffer {
  return acknowledgement(message, at, [['MSA', 'AA', message.controlId]]);
}

/**
 * The answer to a message that is not taken: MSA, and an ERR segment for each error (HL7 v2.5 section 2.15.5), or
 * before v2.5 one ERR with ERR-1 and the sentences in MSA-3. Characters that the message's character set can't write
 * become question marks.
 *
 * @param at the time for MSH-7, written in UTC as YYYYMMDDHHMMSS
 * @throws PathError when the location of an error is not a path
 */
export function rejection(message: Message, { code, errors }: Rejection, at: Date): Buffer {
  const msa = ['MSA', code, message.controlId];
  if (errors.length === 0) return acknowledgement(message, at, [msa]);
  const { component, repetition, subcomponent } = message.separators;
  const reported = errors.map((error) => ({
    location: error.location === undefined ? [] : errorLocation(error.location),
    code: [writable(error.code, message), '', 'HL70357'],
    text: writable(error.text, message),
  }));
  if (!isBefore25(message.version)) {
    const segments = reported.map((error) => {
      const location = error.location.join(component);
      return ['ERR', '', location, error.code.join(component), 'E', '', '', '', error.text];
    });
    return acknowledgement(message, at, [msa, ...segments]);
  }
  // ERR-1 is an ELD: segment, sequence, field and the code, whose own components are subcomponents here.
  const places = reported.map((error) => {
    const [segment = '', sequence = '', field = ''] = error.location;
    const errorCode = subcomponent === undefined ? error.code[0] : error.code.join(subcomponent);
    return [segment, sequence, field, errorCode].join(component);
  });
  const err1 = repetition === undefined ? places[0]! : places.join(repetition);
  const texts = reported.map((error) => error.text).join(' ');
  return acknowledgement(message, at, [
    [...msa, texts],
    ['ERR', err1],
  ]);
}

/**
 * Reads what a receiver answered. A wrong character set in it does not matter: its text is then read as ISO 8859-1.
 *
 * @param bytes the answer without MLLP framing
 * @throws MessageError when it is not an HL7 message, or NOT_ACKNOWLEDGEMENT when it has no MSA-1
 */
export function readAcknowledgement(bytes: Buffer): Acknowledgement {
  const message = parseLeniently(bytes);
  const code = message.er7('MSA-1');
  if (code === '') {
    throw new MessageError(
      'NOT_ACKNOWLEDGEMENT',
      'The answer is an HL7 message, but it has no code in MSA-1',
    );
  }
  const text = [message.text('MSA-3'), message.text('ERR-8'), message.text('ERR-3.2')].find(
    (said) => said !== '',
  );
  const controlId = message.er7('MSA-2');
  return text === undefined ? { code, controlId } : { code, controlId, text };
}

/**
 * What MSA-2 of the answer to a message must be (HL7 v2.5 section 2.14.8.2): its MSH-10. Read as leniently as the
 * answer is, so that the two compare equal whatever the character set.
 *
 * @throws MessageError when it is not an HL7 message
 */
export function expectedControlId(bytes: Buffer): string {
  return parseLeniently(bytes).controlId;
}

function parseLeniently(bytes: Buffer): Message {
  try {
    return Message.parse(bytes);
  } catch (error) {
    const aboutCharset =
      error instanceof MessageError && ['BAD_CHARSET_CONTENT', 'UNSUPPORTED_CHARSET'].includes(error.code);
    if (!aboutCharset) throw error;
    return Message.parse(bytes, { charset: '8859/1' });
  }
}

/** An acknowledgement with these segments after its MSH, in the separators and the character set of the message. */
function acknowledgement(message: Message, at: Date, segments: string[][]): Buffer {
  const { field, component, encodingCharacters } = message.separators;
  // Split once: one by one, to find its fields took most of an acknowledgement's time.
  const header = message.segments()[0]!.fields();
  const headerField = (number: number): string => message.decode(header[number] ?? '');
  const trigger = message.er7('MSH-9.2');
  const msh = [
    'MSH',
    encodingCharacters,
    headerField(5),
    headerField(6),
    headerField(3),
    headerField(4),
    timeStamp(at),
    '',
    trigger === '' ? 'ACK' : ['ACK', trigger, 'ACK'].join(component),
    headerField(10),
    headerField(11) || 'P',
    headerField(12),
  ];
  const all = [msh, ...segments];
  const charset = headerField(18);
  // What is pure ASCII reads the same in every character set, and old receivers do not know MSH-18.
  if (charset !== '' && all.flat().some((value) => /[^\p{ASCII}]/u.test(value))) {
    msh.push('', '', '', '', '', charset);
  }
  const er7 = all.map((values) => values.join(field) + '\r').join('');
  return Buffer.from(message.encode(er7), 'latin1');
}

/** YYYYMMDDHHMMSS in UTC. */
function timeStamp(at: Date): string {
  const iso = at.toISOString();
  const date = iso.slice(0, 4) + iso.slice(5, 7) + iso.slice(8, 10);
  return date + iso.slice(11, 13) + iso.slice(14, 16) + iso.slice(17, 19);
}

/** ERL (HL7 v2.5 section 2.A.28): segment, sequence, field, repetition, component, subcomponent. */
function errorLocation(source: string): string[] {
  const { segment, occurrence, field, repetition = 1, component, subcomponent } = parsePath(source);
  const numbers =
    field === undefined ? [occurrence] : [occurrence, field, repetition, component, subcomponent];
  return [
    segment,
    ...numbers.filter((part) => part !== undefined).map((part) => (part === '*' ? '' : String(part))),
  ];
}

/** A text for people as it can be written in an acknowledgement of the message. */
function writable(text: string, message: Message): string {
  const encodable = message.charset.encode(text) === undefined ? text.replace(/[^ -~]/g, '?') : text;
  const { field, encodingCharacters, escape } = message.separators;
  if (escape !== undefined) return escapeText(encodable, message.separators);
  const special = field + encodingCharacters;
  return Array.from(encodable, (character) =>
    special.includes(character) || character < ' ' ? ' ' : character,
  ).join('');
}

function isBefore25(version: string): boolean {
  const minor = /^2\.(\d+)/.exec(version)?.[1];
  return minor !== undefined && Number(minor) < 5;
}
