/**
 * For tests: messages spoiled in every way that a wire or a sender can think of, and the verdicts of both validation
 * engines on them, which must be the same.
 */
import { Message } from '../message/message.js';
import { MessageError } from '../message/message-error.js';
import type { Finding } from './finding.js';
import { fromXml } from './from-xml.js';
import { SchemaError } from './schema-error.js';
import type { SchemaSet } from './schema-set.js';
import { toXml } from './to-xml.js';
import { isValid, validate } from './validate.js';
import { validateByReference } from './validate-by-reference.js';

/** Pseudo-random numbers (mulberry32), so that a failure can be run again by its seed. */
export class Random {
  constructor(private state: number) {}

  /** A whole number from 0 to below the limit. */
  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

const SEGMENTS = `
PV1||N ; PID|1||1^^^252^PI||A^B||19840229|F ; PD1|||^^W95041|G9701321 ; EVN||20260304091500 ; PV2||a ; ROL||AD|a|b
NK1|1|A^B ; OBX|1|NM|a^b||5||||||F ; OBX|2|CE|a^b||x^y&z^w~q||||||F ; AL1|1||a ; DG1|1|||||A ; MRG|7^^^252^PI
IN1|1|a|b ; IN2|1 ; GT1|1||A ; PR1|1||a||20260101 ; ZPD|1|a^b&c~d|| ; ZZZ ; ABC|1 ; DB1|1 ; UB2|1 ; ACC|20260101
SFT|a|b|c|d ; PDA|a`
  .trim()
  .split(/ ; |\n/);

const VALUES = [
  '',
  '""',
  ...[
    '20260231',
    '20240229',
    '20230229',
    '2026',
    '202613',
    '20260304091500.1234+0100',
    '2026-03-04 09:15:27',
  ],
  ...[
    '19760121+',
    '^D',
    '1.5',
    '-3',
    '.',
    '12345',
    'abc',
    'RESURREC',
    ' 20260101 ',
    '5^6',
    'Siôn',
    '\u{1f600}',
  ],
  ...[
    'a&b',
    'a^b',
    'a~b',
    '~',
    '^',
    '&',
    '^^&&~',
    `a${'^'.repeat(30)}b`,
    '\\T\\',
    '\\F\\x\\R\\',
    '\\',
    'a\\.br\\b',
  ],
  ...['<&>"\']]>', '?>', '\u0001', '\t', '\u0085', '\ufffe'],
];

const CHARACTERS = Array.from('|^~&\\\r\n"0129AZz +-.:');

/** Cuts, doubles, reorders and spoils a message in UTF-8 with the usual separators, in one to four ways. */
export function mutated(original: Buffer, random: Random): Buffer {
  let text = original.toString('utf8');
  for (let times = 1 + random.below(4); times > 0; times--) text = mutatedOnce(text, random);
  const bytes = Buffer.from(text, 'utf8');
  if (random.chance(5)) bytes[8 + random.below(bytes.length - 8)] = random.below(256);
  return bytes;
}

function mutatedOnce(text: string, random: Random): string {
  const segments = text.split('\r');
  const at = 1 + random.below(segments.length);
  const place = 4 + random.below(text.length);
  switch (random.below(10)) {
    case 0:
      segments.splice(at, 1);
      break;
    case 1:
      segments.splice(at, 0, segments[at] ?? '');
      break;
    case 2:
      segments.splice(at, 0, ...segments.splice(1 + random.below(segments.length), 1));
      break;
    case 3:
      segments.splice(at, 0, random.pick(SEGMENTS));
      break;
    case 4:
      return text.slice(0, place) + random.pick(CHARACTERS) + text.slice(place + random.below(2));
    case 5:
      return text.slice(0, 60 + random.below(text.length));
    case 6:
      segments[0] = segments[0]!.replace('ADT_A05', random.pick(['ADT_A01', 'ADT_A39', 'ADT_A31', '']));
      break;
    default: {
      const fields = (segments[at] ?? '').split('|');
      const field = 1 + random.below(fields.length + 2);
      while (fields.length < field) fields.push('');
      fields[field] = random.pick(VALUES);
      segments[at] = fields.join('|');
    }
  }
  return segments.join('\r');
}

/**
 * What the compiled engine finds, once the reference has agreed: on whether the message is valid, and on every place
 * that it names. Then the message goes to XML and back.
 *
 * @returns undefined when the bytes are no message
 * @throws Error that shows the message when they disagree or the message does not come back
 */
export function agreed(bytes: Buffer, set: SchemaSet): readonly Finding[] | undefined {
  let message: Message;
  try {
    message = Message.parse(bytes);
  } catch (error) {
    if (error instanceof MessageError) return undefined;
    throw error;
  }
  const compiled = validate(message, set);
  const reference = validateByReference(message, set);
  const errors = compiled.filter((finding) => finding.severity === 'error');
  const places = new Set(errors.map(placeOf));
  const elsewhere = reference.filter((finding) => !places.has(placeOf(finding)));
  if (isValid(compiled) !== isValid(reference) || elsewhere.length > 0) {
    throw new Error(`The engines disagree ${shown({ set: set.name, bytes, compiled, reference })}`);
  }
  const back = throughXml(message, set);
  const expected = message
    .segments()
    .map((segment) => `${segment.er7}\r`)
    .join('');
  if (back !== undefined && back !== expected) {
    throw new Error(
      `Not the same after XML ${shown({ set: set.name, bytes, compiled, reference })}: ${back}`,
    );
  }
  return compiled;
}

/** Findings about segments are compared by the position where the order breaks. */
function placeOf({ code, segmentIndex, field }: Finding): string {
  if (field !== undefined) return `${segmentIndex}-${field}`;
  return `segment ${code === 'SEGMENT_MISSING' ? segmentIndex + 1 : segmentIndex}`;
}

function throughXml(message: Message, set: SchemaSet): string | undefined {
  try {
    return fromXml(toXml(message, set)).toString('latin1');
  } catch (error) {
    const code = error instanceof SchemaError ? error.code : '';
    if (code === 'NOT_CONVERTIBLE' || code === 'STRUCTURE_UNKNOWN') return undefined;
    throw error;
  }
}

function shown(what: {
  set: string;
  bytes: Buffer;
  compiled: readonly Finding[];
  reference: readonly Finding[];
}): string {
  const words = (findings: readonly Finding[]): string =>
    JSON.stringify(findings.map((each) => each.message));
  return (
    `on ${JSON.stringify(what.bytes.toString('latin1'))} by set ${what.set}: ` +
    `compiled ${words(what.compiled)}, reference ${words(what.reference)}`
  );
}
