/** Patients whom nothing else mentions, and a search for them in what must not name any. */
import { createHash, randomInt } from 'node:crypto';
import { numbered } from './hospital.js';

/** A patient whom nothing else mentions. */
export class MarkedPatient {
  readonly family = word();
  readonly given = word();
  readonly number = String(randomInt(1e9, 1e10));
  readonly nhsNumber = String(randomInt(9e9, 1e10));
  readonly born = `18${randomInt(10, 99)}0${randomInt(1, 9)}${randomInt(10, 28)}`;
  readonly street = `${randomInt(100, 999)} ${word()}`;
  readonly phone = `029${randomInt(1e8, 1e9)}`;

  get marks(): string[] {
    return [this.family, this.given, this.number, this.nhsNumber, this.born, this.street, this.phone];
  }
  get segment(): string {
    const { family, given, number, nhsNumber, born, street, phone } = this;
    const identifiers = `${number}^^^252^PI~${nhsNumber}^^^NHS^NH`;
    return `PID|||${identifiers}||${family}^${given}||${born}|F|||${street}^^Caerdydd^^CF10 1AA||${phone}`;
  }
  /** A message about this patient, made of a sample. */
  message(sample: Buffer, controlId: string): Buffer {
    const segments = sample.toString('latin1').split('\r');
    const about = segments.map((segment) => (segment.startsWith('PID|') ? this.segment : segment));
    return numbered(Buffer.from(about.join('\r'), 'latin1'), controlId);
  }
}

function word(): string {
  return `Q${Array.from({ length: 9 }, () => String.fromCharCode(97 + randomInt(26))).join('')}`;
}

/** A text in which a patient was found, and as what. */
export interface Mention {
  readonly where: string;
  readonly mark: string;
}

/**
 * Looks for patients by each of their marks: as it is, in either case, escaped as in a URL, in hexadecimal, in base64
 * wherever a group begins, and as a hash that whoever has a list of numbers could look up.
 *
 * @param texts by what they are
 */
export function mentionsOf(
  patients: readonly MarkedPatient[],
  texts: ReadonlyMap<string, string>,
): Mention[] {
  const marks = patients.flatMap((patient) => patient.marks);
  return [...texts].flatMap(([where, text]) => {
    const folded = text.toLowerCase();
    return marks
      .filter(
        (mark) => isIn(folded, mark.toLowerCase()) || disguised(mark).some((form) => text.includes(form)),
      )
      .map((mark) => ({ where, mark }));
  });
}

/** Digits in the middle of more digits are part of a time or an id. */
function isIn(text: string, mark: string): boolean {
  if (!text.includes(mark)) return false;
  return !/^\d+$/.test(mark) || new RegExp(`(?<!\\d)${mark}(?!\\d)`).test(text);
}

const known = new Map<string, readonly string[]>();

function disguised(mark: string): readonly string[] {
  const found = known.get(mark);
  if (found !== undefined) return found;
  const bytes = Buffer.from(mark);
  const hashes = ['sha256', 'sha1', 'md5'].map((algorithm) => createHash(algorithm).update(mark));
  const forms = [
    ...(mark.includes(' ') ? [encodeURIComponent(mark), mark.replaceAll(' ', '+')] : []),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...[0, 1, 2].map((before) => withinBase64(bytes, before)),
    ...hashes.flatMap((hash) => {
      const digest = hash.digest();
      return [digest.toString('hex'), digest.toString('base64')];
    }),
  ];
  known.set(mark, forms);
  return forms;
}

/** What bytes are in the middle of a base64, where so many others stand before them in their group of three. */
function withinBase64(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const isWhole = (before + bytes.length) % 3 === 0;
  return text.slice(before === 0 ? 0 : before + 1, isWhole ? undefined : -1);
}
