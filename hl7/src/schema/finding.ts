import { type MessagePlace, SegmentOccurrences } from '../message/segment-occurrences.js';
import type { Message } from '../message/message.js';
import { laterSegments } from './automaton.js';

export type Severity = 'error' | 'warning';

export type FindingCode =
  /** The bytes are no HL7 message in ER7. */
  | 'NOT_PARSED'
  /** The set has no structure for the message. */
  | 'STRUCTURE_UNKNOWN'
  | 'SEGMENT_MISSING'
  /** Out of order, or too often. */
  | 'SEGMENT_UNEXPECTED'
  /** The structure doesn't have such a segment anywhere. */
  | 'SEGMENT_UNKNOWN'
  /** A field or component that must hold a value is empty. */
  | 'VALUE_MISSING'
  | 'FIELD_REPEATED'
  /** The set leaves the field or component out. */
  | 'NOT_ALLOWED'
  /** Not of the data type. */
  | 'VALUE_INVALID'
  /** A control character. */
  | 'CHARACTER_INVALID'
  | 'TOO_LONG'
  | 'NOT_IN_TABLE'
  /** A field or component after the last one that the standard has. A warning: it is kept. */
  | 'BEYOND_DEFINITION'
  /** Separators in a value that has no parts. A warning: it is kept. */
  | 'UNEXPECTED_PARTS';

/** One thing that is wrong with a message, and where. Neither `expected` nor `message` shows the value of a field. */
export interface Finding extends MessagePlace {
  readonly severity: Severity;
  readonly code: FindingCode;
  /** What would be right, in words. */
  readonly expected: string;
  /** The whole finding in one sentence, with its place: `PID-7: not a date: 8 digits that are in no calendar`. */
  readonly message: string;
}

/** Where a finding is, below its segment. */
export interface FieldPlace {
  readonly field: number;
  readonly repetition: number;
  readonly component: number | undefined;
  readonly subcomponent: number | undefined;
}

/** The words for CHARACTER_INVALID. */
export const NO_CONTROL_CHARACTERS = {
  expected: 'no control characters',
  text: 'holds a control character: the sender must escape it as \\Xhh\\',
};

/** After so many findings about one message the rest is left out, unless it is the first error. */
export const MOST_FINDINGS = 500;

/** The findings about one message, in the order in which they are made. */
export class Findings {
  readonly list: Finding[] = [];
  /** Whether the message has a segment of a name after a position. */
  readonly later: (name: string, position: number) => boolean;
  #error = false;
  #occurrences: SegmentOccurrences | undefined;

  constructor(
    private readonly message: Message,
    /** Name of the structure. */
    private readonly structure: string,
  ) {
    this.later = laterSegments(message);
  }

  /** @param index of the segment after which it is missing; -1 for the start */
  segmentMissing(name: string, index: number): void {
    if (this.#full('error')) return;
    const text = `${this.structure}: segment ${name} is missing after ${this.#nameOf(index)}`;
    this.#add({
      ...WHOLE_SEGMENT,
      code: 'SEGMENT_MISSING',
      segment: name,
      segmentIndex: index,
      expected: name,
      message: text,
    });
  }

  /** @param expected names of the segments that might stand there */
  segmentUnexpected(
    code: 'SEGMENT_UNEXPECTED' | 'SEGMENT_UNKNOWN',
    index: number,
    expected: readonly string[],
  ): void {
    if (this.#full('error')) return;
    const segment = this.#nameOf(index);
    const instead = alternatives(expected) || 'the end of the message';
    const text =
      `${this.structure}: segment ${segment}, number ${index + 1} of the message, ` +
      (code === 'SEGMENT_UNKNOWN'
        ? 'is not one of the structure: leave it out, or name it with a Z'
        : `is not expected after ${this.#nameOf(index - 1)}: expected ${instead}`);
    this.#add({ ...WHOLE_SEGMENT, code, segment, segmentIndex: index, expected: instead, message: text });
  }

  /** @param text what is wrong; its place is put before it */
  field(
    severity: Severity,
    code: FindingCode,
    segmentIndex: number,
    place: FieldPlace,
    expected: string,
    text: string,
  ): void {
    if (this.#full(severity)) return;
    const segment = this.#nameOf(segmentIndex);
    this.#occurrences ??= new SegmentOccurrences(this.message);
    const message = `${this.#occurrences.pathOf({ segment, segmentIndex, ...place })}: ${text}`;
    this.#add({ severity, code, segment, segmentIndex, ...place, expected, message });
  }

  /** A field or component that must hold a value and does not. */
  valueMissing(segmentIndex: number, place: FieldPlace, label: string): void {
    const expected = label === '' ? 'a value' : `a value (${label})`;
    this.field('error', 'VALUE_MISSING', segmentIndex, place, expected, `empty: expected ${expected}`);
  }

  /** Whether none that comes would be kept. */
  get areComplete(): boolean {
    return this.#full('error');
  }

  /** Whether no more findings are kept: the first error always is. */
  #full(severity: Severity): boolean {
    return this.list.length >= MOST_FINDINGS && (severity === 'warning' || this.#error);
  }

  #add(finding: Finding): void {
    this.#error ||= finding.severity === 'error';
    if (this.list.length >= MOST_FINDINGS) this.list.pop();
    this.list.push(finding);
  }

  #nameOf(index: number): string {
    return this.message.segments()[index]?.name ?? 'the start';
  }
}

const WHOLE_SEGMENT = {
  severity: 'error',
  field: undefined,
  repetition: undefined,
  component: undefined,
  subcomponent: undefined,
} as const;

/** What a text looks like, without showing it: `8 digits`, `empty`, `12 characters: letters, digits and blanks`. */
export function shapeOf(text: string): string {
  const characters = Array.from(text);
  if (characters.length === 0) return 'empty';
  const kinds = new Set(characters.map(kindOf));
  const names = [...kinds];
  const last = names.pop()!;
  if (names.length === 0) return count(characters.length, last);
  return `${count(characters.length, 'characters')}: ${names.join(', ')} and ${last}`;
}

function kindOf(character: string): string {
  if (/\p{Nd}/u.test(character)) return 'digits';
  if (/\p{L}/u.test(character)) return 'letters';
  if (/\s/u.test(character)) return 'blanks';
  return 'signs';
}

/** `1 digit`, `8 digits` */
export function count(number: number, plural: string): string {
  return `${number} ${number === 1 ? plural.slice(0, -1) : plural}`;
}

/** `A`, `A or B`, `A, B or C` */
export function alternatives(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)!}`;
}
