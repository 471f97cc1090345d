import type { Message } from '../message/message.js';
import type { Separators } from '../message/separators.js';
import { ANY_SEGMENT, type Automaton } from './automaton.js';
import { resolveDelimiters } from './delimiter-escapes.js';
import {
  alternatives,
  count,
  type FieldPlace,
  type Finding,
  type FindingCode,
  Findings,
  NO_CONTROL_CHARACTERS,
  type Severity,
  shapeOf,
} from './finding.js';
import type { CompositeType, Part, TextCheck, TextType } from './model.js';
import type { Structure } from './read-xsd.js';

/** What a flow makes of texts that are longer than the standard says, or not in its table. */
export type Strictness = 'ignore' | 'warning' | 'error';

export interface ValidationOptions {
  /** `ignore` unless given. */
  readonly lengths?: Strictness;
  /** `ignore` unless given. */
  readonly tables?: Strictness;
}

/** Values of HL7 tables by the tables' names. */
export type Tables = ReadonlyMap<string, ReadonlySet<string>>;

// What a byte means in a message. Bits, so that those of a whole value can be gathered.
const FIELD = 1;
const REPETITION = 2;
const COMPONENT = 4;
const SUBCOMPONENT = 8;
const ESCAPE = 16;
const SEGMENT_END = 32;
const CONTROL = 64;
const NOT_ASCII = 128;
const TEXT = 256;
const SEPARATORS = REPETITION | COMPONENT | SUBCOMPONENT;

/** What separates components and subcomponents; deeper than that, nothing does. */
const LEVELS: readonly number[] = [COMPONENT, SUBCOMPONENT];
const NO_SEPARATOR = 512;

const NO_BYTES = new Uint8Array(0);
const NO_MEANINGS = new Uint16Array(0);
const NO_FINDINGS: readonly Finding[] = Object.freeze([]);

/**
 * Validates messages of one structure on their own bytes: one pass, no XML, and nothing allocated but the message's
 * text and the findings.
 */
export class CompiledValidator {
  // All that follows is about the message at hand.
  #message!: Message;
  #bytes: Uint8Array = NO_BYTES;
  /** The bytes as a latin1 view. */
  #text = '';
  #meanings: Uint16Array = NO_MEANINGS;
  #findings: Findings | undefined;
  #options: ValidationOptions = {};
  #advising = false;
  #segmentIndex = 0;
  #field = 0;
  #repetition = 1;
  #component: number | undefined;
  #subcomponent: number | undefined;

  constructor(
    private readonly structure: Structure,
    private readonly automaton: Automaton,
    /** Asked for when a flow wants tables checked. */
    private readonly tables: () => Tables,
  ) {}

  /** All that is wrong with a message, in the message's order; none when it is valid. */
  validate(message: Message, options: ValidationOptions = {}): readonly Finding[] {
    const { lengths = 'ignore', tables = 'ignore' } = options;
    this.#advising = lengths !== 'ignore' || tables !== 'ignore';
    this.#options = options;
    this.#message = message;
    this.#bytes = message.bytes;
    this.#text = message.bytes.toString('latin1');
    this.#meanings = meaningsOf(message.separators);
    this.#findings = undefined;
    this.#segments();
    // TypeScript does not see that the methods above may have set it.
    const findings = this.#findings as Findings | undefined;
    this.#findings = undefined;
    this.#text = '';
    return findings === undefined ? NO_FINDINGS : findings.list;
  }

  #segments(): void {
    const text = this.#text;
    const bytes = this.#bytes;
    const meanings = this.#meanings;
    let place = 0;
    let at = 0;
    this.#segmentIndex = -1;
    while (at < bytes.length) {
      if (meanings[bytes[at]!] === SEGMENT_END) {
        at++;
        continue;
      }
      this.#segmentIndex++;
      const name = text.slice(at, at + 3);
      const step = this.automaton.step(place, name) ?? this.#lost(place, name);
      if (step !== undefined) place = step.to;
      const type =
        step === undefined ? this.structure.segments.get(name) : this.automaton.places[place]!.type;
      at = this.#fields(name, type, at + 3);
      if (this.#findings?.areComplete === true) return;
    }
    if (this.automaton.mayEnd(place)) return;
    for (const missing of this.automaton.missingAtEnd(place)) {
      this.#found().segmentMissing(missing, this.#segmentIndex);
    }
  }

  /** What to make of a segment that can't stand where it does. */
  #lost(place: number, name: string): { readonly to: number } | undefined {
    const named = this.structure.segments.has(name);
    const step = !named && name.startsWith('Z') ? this.automaton.step(place, ANY_SEGMENT) : undefined;
    if (step !== undefined) return step;
    const index = this.#segmentIndex;
    const findings = this.#found();
    const detour = named
      ? this.automaton.detour(place, name, (other) => findings.later(other, index))
      : undefined;
    if (detour === undefined) {
      const code = named ? 'SEGMENT_UNEXPECTED' : 'SEGMENT_UNKNOWN';
      findings.segmentUnexpected(code, index, this.automaton.expected(place));
      return undefined;
    }
    for (const missing of detour.missing) findings.segmentMissing(missing, index - 1);
    return detour;
  }

  /**
   * Checks the fields of a segment.
   *
   * @param type undefined: a segment that the structure doesn't name, whose fields may hold any text
   * @param start position after the segment's name
   * @returns the position of the segment's end
   */
  #fields(name: string, type: CompositeType | undefined, start: number): number {
    const bytes = this.#bytes;
    const meanings = this.#meanings;
    let at = start;
    let number = 0;
    let nextRequired = 0;
    if (name === 'MSH') {
      const { field, encodingCharacters } = this.#message.separators;
      this.#separators(type, field, encodingCharacters);
      at += 1 + encodingCharacters.length;
      number = 2;
      while ((type?.required[nextRequired] ?? 3) <= 2) nextRequired++;
    }
    while (at < bytes.length && meanings[bytes[at]!] === FIELD) {
      at++;
      number++;
      const from = at;
      let seen = 0;
      for (; at < bytes.length; at++) {
        const meaning = meanings[bytes[at]!]!;
        if ((meaning & (FIELD | SEGMENT_END)) !== 0) break;
        seen |= meaning;
      }
      if (isBlank(seen)) continue;
      if ((seen & (CONTROL | NOT_ASCII)) !== 0) this.#characters(number, from, at);
      if (type === undefined) continue;
      while (nextRequired < type.required.length && type.required[nextRequired]! <= number) {
        const required = type.required[nextRequired++]!;
        if (required < number) this.#missing(type, required);
      }
      this.#field = number;
      const part = this.#partOf(type, number);
      if (part !== undefined) this.#repetitions(part, from, at, seen);
    }
    for (; type !== undefined && nextRequired < type.required.length; nextRequired++) {
      this.#missing(type, type.required[nextRequired]!);
    }
    return at;
  }

  /** MSH-1 and MSH-2, which are never split. */
  #separators(type: CompositeType | undefined, ...values: readonly string[]): void {
    if (type === undefined) return;
    for (const [index, value] of values.entries()) {
      this.#field = index + 1;
      const part = this.#partOf(type, index + 1);
      if (part?.type.kind === 'text') this.#check(part.type, value);
    }
  }

  /** A part of a segment or data type; undefined, and found, when there is none of that number. */
  #partOf(type: CompositeType, number: number): Part | undefined {
    const part = type.parts[number - 1];
    if (part !== undefined) return part;
    if (type.open && number > type.parts.length) {
      const expected = `at most ${type.parts.length} parts`;
      this.#add(
        'warning',
        'BEYOND_DEFINITION',
        expected,
        `beyond the definition of ${type.name}: ${expected}`,
      );
    } else {
      this.#add('error', 'NOT_ALLOWED', 'nothing', `${type.name} has no part ${number} in the schema set`);
    }
    return undefined;
  }

  /** @param seen what all bytes of the field mean */
  #repetitions(part: Part, from: number, to: number, seen: number): void {
    if ((seen & REPETITION) === 0) {
      this.#value(part, from, to, seen, 0);
      return;
    }
    const bytes = this.#bytes;
    const meanings = this.#meanings;
    for (let at = from; ; at++, this.#repetition++) {
      const start = at;
      let seenHere = 0;
      for (; at < to; at++) {
        const meaning = meanings[bytes[at]!]!;
        if (meaning === REPETITION) break;
        seenHere |= meaning;
      }
      this.#value(part, start, at, seenHere, 0);
      if (at >= to) break;
    }
    if (this.#repetition > part.max) {
      const times = `${this.#repetition} times`;
      this.#repetition = part.max + 1;
      const expected = part.max === 1 ? 'one value' : `at most ${part.max} values`;
      this.#add('error', 'FIELD_REPEATED', expected, `occurs ${times}: expected ${expected}`);
    }
    this.#repetition = 1;
  }

  /**
   * A repetition of a field (level 0), a component (1), a subcomponent (2) or what stands below, where nothing is
   * separated any more.
   *
   * @param seen what all its bytes mean
   */
  #value(part: Part, from: number, to: number, seen: number, level: number): void {
    const { type } = part;
    if (this.#advising && part.length !== undefined) this.#length(part.length, from, to);
    if (type.kind === 'text') this.#leaf(part, type, from, to, seen);
    else if (type.kind === 'composite') this.#parts(type, from, to, seen, level);
  }

  #parts(type: CompositeType, from: number, to: number, seen: number, level: number): void {
    const separator = LEVELS[level] ?? NO_SEPARATOR;
    const { required } = type;
    let nextRequired = 0;
    if ((seen & separator) === 0) {
      // The only value of a field is the field's: PID-7, not PID-7.1.
      if (!isBlank(seen)) {
        if (required[0] === 1) nextRequired = 1;
        this.#part(type, 1, from, to, seen, level);
      }
    } else {
      const bytes = this.#bytes;
      const meanings = this.#meanings;
      let number = 1;
      for (let at = from; ; at++, number++) {
        const start = at;
        let seenHere = 0;
        for (; at < to; at++) {
          const meaning = meanings[bytes[at]!]!;
          if (meaning === separator) break;
          seenHere |= meaning;
        }
        if (!isBlank(seenHere)) {
          for (; nextRequired < required.length && required[nextRequired]! <= number; nextRequired++) {
            if (required[nextRequired]! < number) this.#partMissing(type, required[nextRequired]!, level);
          }
          this.#setPlace(level, number);
          this.#part(type, number, start, at, seenHere, level);
        }
        if (at >= to) break;
      }
    }
    for (; nextRequired < required.length; nextRequired++) {
      this.#partMissing(type, required[nextRequired]!, level);
    }
    this.#setPlace(level, undefined);
  }

  #part(type: CompositeType, number: number, from: number, to: number, seen: number, level: number): void {
    const part = this.#partOf(type, number);
    if (part !== undefined) this.#value(part, from, to, seen, level + 1);
  }

  #setPlace(level: number, number: number | undefined): void {
    if (level === 0) this.#component = number;
    else if (level === 1) this.#subcomponent = number;
  }

  /** A text, which is not split whatever it holds. */
  #leaf(part: Part, type: TextType, from: number, to: number, seen: number): void {
    const separated = (seen & SEPARATORS) !== 0;
    if (separated && !isBlank(seen)) {
      const expected = `one value, without parts (${type.name})`;
      this.#add('warning', 'UNEXPECTED_PARTS', expected, `has parts: expected ${expected}`);
    }
    if (type.check === undefined && !this.#advising) return;
    let text = isBlank(seen) ? '' : this.#text.slice(from, to);
    if ((seen & ESCAPE) !== 0 && !separated) text = resolveDelimiters(text, this.#message.separators);
    if ((seen & NOT_ASCII) !== 0) text = this.#message.decode(text);
    this.#check(type, text);
    if (part.table !== undefined) this.#table(part.table, text);
  }

  #check(type: TextType, text: string): void {
    if (type.check === undefined || holds(type.check, text)) return;
    const { expected } = type;
    const shape = shapeOf(text);
    const calendar = expected.includes('date') && /^\d{8}(\d{2}){0,3}$/.test(text);
    const found = calendar ? `${shape} that are no date of the calendar` : shape;
    this.#add('error', 'VALUE_INVALID', expected, `not ${expected}: ${found}`);
  }

  #length(most: number, from: number, to: number): void {
    const strictness = this.#options.lengths ?? 'ignore';
    if (strictness === 'ignore' || to - from <= most) return;
    const { length } = Array.from(this.#message.decode(this.#text.slice(from, to)));
    if (length <= most) return;
    const expected = `at most ${count(most, 'characters')}`;
    this.#add(strictness, 'TOO_LONG', expected, `${count(length, 'characters')}: expected ${expected}`);
  }

  #table(name: string, text: string): void {
    const strictness = this.#options.tables ?? 'ignore';
    if (strictness === 'ignore' || text === '' || text === '""') return;
    const values = this.tables().get(name);
    if (values === undefined || values.has(text)) return;
    const expected = values.size > 12 ? `a value of ${name}` : alternatives([...values]);
    this.#add(strictness, 'NOT_IN_TABLE', expected, `not in table ${name}: expected ${expected}`);
  }

  /** Finds what XML can't hold: control characters, and the two that Unicode sets aside (XML 1.0 section 2.2). */
  #characters(field: number, from: number, to: number): void {
    const text = this.#text.slice(from, to);
    const utf8 = this.#message.charset.name === 'utf-8';
    if (!CONTROL_CHARACTER.test(text) && !(utf8 && NONCHARACTER.test(text))) return;
    this.#field = field;
    this.#add('error', 'CHARACTER_INVALID', NO_CONTROL_CHARACTERS.expected, NO_CONTROL_CHARACTERS.text);
  }

  /** A field that is required and empty. */
  #missing(type: CompositeType, number: number): void {
    this.#field = number;
    this.#valueMissing(type, number);
  }

  #partMissing(type: CompositeType, number: number, level: number): void {
    this.#setPlace(level, number);
    this.#valueMissing(type, number);
  }

  #valueMissing(type: CompositeType, number: number): void {
    this.#found().valueMissing(this.#segmentIndex, this.#place(), type.parts[number - 1]?.label ?? '');
  }

  #add(severity: Severity, code: FindingCode, expected: string, text: string): void {
    this.#found().field(severity, code, this.#segmentIndex, this.#place(), expected, text);
  }

  #place(): FieldPlace {
    return {
      field: this.#field,
      repetition: this.#repetition,
      component: this.#component,
      subcomponent: this.#subcomponent,
    };
  }

  #found(): Findings {
    return (this.#findings ??= new Findings(this.#message, this.structure.name));
  }
}

const CONTROL_CHARACTER = /[^\t -\xff]/;
/** U+FFFE and U+FFFF as a latin1 view of UTF-8. */
const NONCHARACTER = /\xef\xbf[\xbe\xbf]/;

/** Whether bytes with these meanings are nothing but separators. */
function isBlank(seen: number): boolean {
  return (seen & ~SEPARATORS) === 0;
}

function holds(check: TextCheck, text: string): boolean {
  for (const pattern of check.patterns) if (!pattern.test(text)) return false;
  if (check.values !== undefined && !check.values.has(text)) return false;
  if (check.minLength === 0 && check.maxLength === Infinity) return true;
  const { length } = Array.from(text);
  return length >= check.minLength && length <= check.maxLength;
}

const known = new Map<string, Uint16Array>();

/** What each byte means in a message with these separators. */
function meaningsOf(separators: Separators): Uint16Array {
  const key = separators.field + separators.encodingCharacters;
  const kept = known.get(key);
  if (kept !== undefined) return kept;
  const meanings = new Uint16Array(256).fill(TEXT);
  meanings.fill(CONTROL, 0, 9).fill(CONTROL, 10, 32);
  meanings.fill(NOT_ASCII, 128);
  const set = (character: string | undefined, meaning: number): void => {
    if (character !== undefined) meanings[character.charCodeAt(0)] = meaning;
  };
  set('\r', SEGMENT_END);
  set('\n', SEGMENT_END);
  set(separators.field, FIELD);
  set(separators.component, COMPONENT);
  set(separators.repetition, REPETITION);
  set(separators.escape, ESCAPE);
  set(separators.subcomponent, SUBCOMPONENT);
  // Senders have a handful; who tries them all gets a fresh table each time.
  if (known.size < 100) known.set(key, meanings);
  return meanings;
}
