import { hasEmptyEnds, withoutEmptyEnds } from './empty-ends.js';
import { escapeText } from './escape.js';
import { type Message } from './message.js';
import { MessageError } from './message-error.js';
import { parsePath, type Path, PathError } from './path.js';
import { parts, type Separators } from './separators.js';

/** A segment of a draft. It is split into fields only when all of them are asked for. */
export class DraftSegment {
  readonly name: string;
  readonly #separator: string;
  #er7: string;
  #fields: string[] | undefined;

  /** @param er7 the segment that it is a copy of; absent: it has no fields yet */
  constructor(name: string, separators: Separators, er7 = name) {
    this.name = name;
    this.#separator = separators.field;
    this.#er7 = er7;
  }

  /**
   * `fields[3]` is field 3 as a latin1 view in ER7, and `fields[0]` the segment's name. The array may be written to.
   */
  get fields(): string[] {
    if (this.#fields === undefined) {
      this.#fields = this.#er7.split(this.#separator);
      if (this.#isHeader) this.#fields.splice(1, 0, this.#separator);
    }
    return this.#fields;
  }

  /** The whole segment as a latin1 view, empty ends and all. MSH-2 is not written by it. */
  get er7(): string {
    return this.#fields === undefined ? this.#er7 : this.#fields.join(this.#separator);
  }

  /** As `er7`, a header with the given MSH-1 and MSH-2. */
  withStart(start: string): string {
    if (!this.#isHeader) return this.er7;
    if (this.#fields === undefined && this.#er7.startsWith(start)) return this.#er7;
    return [start, ...this.fields.slice(3)].join(this.#separator);
  }

  /** Field `number`, from 1 (in MSH from 2), with all its repetitions; '' when absent. */
  field(number: number): string {
    if (this.#fields !== undefined) return this.#fields[number] ?? '';
    const [start, end] = this.#bounds(number);
    return this.#er7.slice(start, end);
  }

  /** Puts something in place of a field; missing fields before it are made. */
  setField(number: number, er7: string): void {
    if (this.#fields === undefined) {
      const [start, end] = this.#bounds(number);
      if (end !== undefined) {
        this.#er7 = this.#er7.slice(0, start) + er7 + this.#er7.slice(end);
        return;
      }
    }
    const { fields } = this;
    while (fields.length <= number) fields.push('');
    fields[number] = er7;
  }

  /** Whether its fields have been given out, so that anything may have been written to them. */
  get isSplit(): boolean {
    return this.#fields !== undefined;
  }

  get #isHeader(): boolean {
    return this.name === 'MSH';
  }

  /** Where a field begins and ends; undefined where it is absent. */
  #bounds(number: number): [start: number, end: number] | [start: number, end: undefined] {
    const last = this.#er7.length;
    let at = 3; // The separator before the field.
    for (let passed = this.#isHeader ? 2 : 1; passed < number && at !== -1; passed++) {
      at = this.#er7.indexOf(this.#separator, at + 1);
    }
    if (at === -1 || at >= last) return [last, undefined];
    const next = this.#er7.indexOf(this.#separator, at + 1);
    return [at + 1, next === -1 ? last : next];
  }
}

/** A message being written, in the separators and the character set of the message that it is made from. */
export class MessageDraft {
  readonly #message: Message;
  /** The segments in the order in which they are written. MSH-1 and MSH-2 in it are not looked at. */
  readonly segments: DraftSegment[];

  private constructor(message: Message, segments: DraftSegment[]) {
    this.#message = message;
    this.segments = segments;
  }

  /** A draft with everything that the message has. */
  static from(message: Message): MessageDraft {
    const copy = message
      .segments()
      .map((segment) => new DraftSegment(segment.name, message.separators, segment.er7));
    return new MessageDraft(message, copy);
  }

  /** A draft with nothing but MSH-1 and MSH-2. */
  static blank(message: Message): MessageDraft {
    return new MessageDraft(message, [new DraftSegment('MSH', message.separators)]);
  }

  /**
   * Writes a text, escaped, in place of everything that stood at the path; '' empties it and `""` is the HL7 null.
   * Without `[n]`, component and subcomponent that is the whole field; below it, repetition 1 unless it says otherwise.
   * Missing repetitions and components before it are made, and a missing segment at the end of the message.
   *
   * @throws MessageError UNENCODABLE_TEXT, or NO_SEPARATOR when the message declares no separator that is needed
   * @throws PathError when the path has `[*]`, no field, is MSH-1 or MSH-2, or skips a segment
   */
  set(path: string, text: string): void {
    this.#replace(target(path), this.#message.encode(escapeText(text, this.#message.separators)));
  }

  /**
   * As `set`, with ER7 (decoded, escapes kept, as `Message.er7` gives it), so that what is below the place comes along.
   *
   * @throws MessageError BAD_ER7 when it holds a line end or a separator that would break out of the place
   */
  setEr7(path: string, er7: string): void {
    const place = target(path);
    const { field, repetition, component, subcomponent } = this.#message.separators;
    const outer = ['\r', '\n', field];
    if (place.repetition !== undefined || place.component !== undefined) outer.push(repetition ?? '\r');
    if (place.component !== undefined) outer.push(component);
    if (place.subcomponent !== undefined) outer.push(subcomponent ?? '\r');
    if (outer.some((separator) => er7.includes(separator))) {
      throw new MessageError(
        'BAD_ER7',
        `What is to be written to ${path} holds a line end or a separator that does not belong there: escape it`,
      );
    }
    this.#replace(place, this.#message.encode(er7));
  }

  /**
   * Empties a place, or takes out a whole segment.
   *
   * @throws PathError as `set`, and for the MSH segment
   */
  delete(path: string): void {
    const place = parsePath(path);
    if (place.field !== undefined) {
      this.#replace(target(path), '');
      return;
    }
    if (place.segment === 'MSH' || place.occurrence === '*') {
      throw new PathError(path, 'can not be deleted: name one segment other than MSH, or one field');
    }
    const segment = this.#segment(place);
    if (segment !== undefined) this.segments.splice(this.segments.indexOf(segment), 1);
  }

  /**
   * The message: every segment ended with CR, without empty subcomponents, components and fields at ends. Empty
   * repetitions are kept, for their position means something.
   *
   * @param options `keepEmptyEnds`: leave them, so that all but what was written stays as it came
   * @throws MessageError UNENCODABLE_TEXT when a field of `segments` holds something other than a latin1 view
   */
  toBytes(options: { readonly keepEmptyEnds?: boolean } = {}): Buffer {
    const { separators } = this.#message;
    const start = 'MSH' + separators.field + separators.encodingCharacters;
    let er7 = '';
    for (const segment of this.segments) er7 += segment.withStart(start) + '\r';
    if (this.#isTouched && NOT_A_BYTE.test(er7)) {
      throw new MessageError(
        'UNENCODABLE_TEXT',
        'A field of the draft was set to text that is not a latin1 view',
      );
    }
    const bytes = Buffer.from(er7, 'latin1');
    if (options.keepEmptyEnds === true || !hasEmptyEnds(bytes, start.length, separators)) return bytes;
    return Buffer.from(withoutEmptyEnds(er7, separators, start.length), 'latin1');
  }

  get #isTouched(): boolean {
    return this.segments.some((segment) => segment.isSplit);
  }

  #segment({ segment: name, occurrence }: Path): DraftSegment | undefined {
    let found = 0;
    return this.segments.find((segment) => segment.name === name && ++found === occurrence);
  }

  #replace(place: Path & { readonly field: number }, value: string): void {
    const segment = this.#segment(place) ?? (value === '' ? undefined : this.#append(place));
    if (segment === undefined) return;
    const { field } = place;
    segment.setField(field, replaced(segment.field(field), place, value, this.#message.separators));
  }

  #append({ source, segment: name, occurrence }: Path): DraftSegment {
    const present = this.segments.filter((segment) => segment.name === name).length;
    if (occurrence !== present + 1) {
      throw new PathError(source, `skips a segment: the message has ${present} of that name`);
    }
    const segment = new DraftSegment(name, this.#message.separators);
    this.segments.push(segment);
    return segment;
  }
}

function target(source: string): Path & { readonly field: number } {
  const path = parsePath(source);
  const { segment, occurrence, field, repetition } = path;
  if (field === undefined || occurrence === '*' || repetition === '*') {
    throw new PathError(source, 'does not name one field or a part of one, which is what can be written');
  }
  if (segment === 'MSH' && field < 3) {
    throw new PathError(source, 'names the separators, which a draft keeps');
  }
  return { ...path, field };
}

function replaced(field: string, place: Path, value: string, separators: Separators): string {
  const { repetition, component, subcomponent } = place;
  if (repetition === undefined && component === undefined) return value;
  return edited(field, separators.repetition, Number(repetition ?? 1), (whole) => {
    if (component === undefined) return value;
    return edited(whole, separators.component, component, (inComponent) => {
      if (subcomponent === undefined) return value;
      return edited(inComponent, separators.subcomponent, subcomponent, () => value);
    });
  });
}

/** A text with the part at `position` (from 1) changed; missing parts before it are made. */
function edited(
  text: string,
  separator: string | undefined,
  position: number,
  change: (part: string) => string,
): string {
  if (separator === undefined && position > 1) {
    throw new MessageError(
      'NO_SEPARATOR',
      'The message declares too few separators in MSH-2 to write to this place',
    );
  }
  const all = parts(text, separator);
  while (all.length < position) all.push('');
  all[position - 1] = change(all[position - 1]!);
  return all.join(separator);
}

/** Characters that no latin1 view has. */
const NOT_A_BYTE = /[\u0100-\uffff]/;
