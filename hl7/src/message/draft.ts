import { escapeText } from './escape.js';
import { type Message } from './message.js';
import { MessageError } from './message-error.js';
import { parsePath, type Path, PathError } from './path.js';
import type { SegmentView } from './segment.js';
import { parts, type Separators } from './separators.js';

/** A segment of a draft. It is split into fields only when they are asked for. */
export class DraftSegment {
  readonly name: string;
  readonly #source: SegmentView | undefined;
  #fields: string[] | undefined;

  /** @param source what it is a copy of; absent: it has no fields yet */
  constructor(name: string, source?: SegmentView) {
    this.name = name;
    this.#source = source;
  }

  /**
   * `fields[3]` is field 3 as a latin1 view in ER7, and `fields[0]` the segment's name. The array may be written to.
   */
  get fields(): string[] {
    return (this.#fields ??= this.#source?.fields() ?? [this.name]);
  }

  /** As it is written: without empty subcomponents, components and fields at ends. */
  trimmed(separators: Separators): string {
    if (this.#fields === undefined && this.#source !== undefined) {
      const { er7 } = this.#source;
      if (!endsEmpty(er7, this.name === 'MSH' ? 4 + separators.encodingCharacters.length : 0, separators))
        return er7;
    }
    return segmentEr7(this, separators);
  }

  /** Whether nobody has asked for its fields, so that they are as they were. */
  get untouched(): boolean {
    return this.#fields === undefined;
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
    const copy = message.segments().map((segment) => new DraftSegment(segment.name, segment));
    return new MessageDraft(message, copy);
  }

  /** A draft with nothing but MSH-1 and MSH-2. */
  static blank(message: Message): MessageDraft {
    return new MessageDraft(message, [new DraftSegment('MSH')]);
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
   * @throws MessageError UNENCODABLE_TEXT when a field of `segments` holds something other than a latin1 view
   */
  toBytes(): Buffer {
    const { separators } = this.#message;
    let er7 = '';
    let isView = true;
    for (const segment of this.segments) {
      const written = segment.trimmed(separators);
      isView &&= segment.untouched || !NOT_A_BYTE.test(written);
      er7 += written + '\r';
    }
    if (!isView) {
      throw new MessageError(
        'UNENCODABLE_TEXT',
        'A field of the draft was set to text that is not a latin1 view',
      );
    }
    return Buffer.from(er7, 'latin1');
  }

  #segment({ segment: name, occurrence }: Path): DraftSegment | undefined {
    return this.segments.filter((segment) => segment.name === name)[Number(occurrence) - 1];
  }

  #replace(place: Path & { readonly field: number }, value: string): void {
    const segment = this.#segment(place) ?? (value === '' ? undefined : this.#append(place));
    if (segment === undefined) return;
    const { fields } = segment;
    while (fields.length <= place.field) fields.push('');
    fields[place.field] = replaced(fields[place.field]!, place, value, this.#message.separators);
  }

  #append({ source, segment: name, occurrence }: Path): DraftSegment {
    const present = this.segments.filter((segment) => segment.name === name).length;
    if (occurrence !== present + 1) {
      throw new PathError(source, `skips a segment: the message has ${present} of that name`);
    }
    const segment = new DraftSegment(name);
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

/** By the separators of a message: finds a component, subcomponent or field that ends with empty parts. */
const emptyEnds = new Map<string, RegExp>();

/** Whether some part of a segment, looked at from `start`, ends with a separator that trimming would take away. */
function endsEmpty(er7: string, start: number, separators: Separators): boolean {
  const { field, component, repetition, subcomponent, encodingCharacters } = separators;
  const declared = field + encodingCharacters;
  let pattern = emptyEnds.get(declared);
  if (pattern === undefined) {
    const set = (...characters: (string | undefined)[]): string =>
      `[${characters.map((character) => (character === undefined ? '' : `\\${character}`)).join('')}]`;
    const ends = [
      ...(subcomponent === undefined
        ? []
        : [`${set(subcomponent)}(?:${set(component, repetition, field)}|$)`]),
      `${set(component)}(?:${set(repetition, field)}|$)`,
      `${set(field)}$`,
    ];
    pattern = new RegExp(ends.join('|'), 'g');
    // A sender that declares other separators with each message must not make this grow.
    if (emptyEnds.size < 100) emptyEnds.set(declared, pattern);
  }
  pattern.lastIndex = start;
  return pattern.test(er7);
}

function segmentEr7({ name, fields }: DraftSegment, separators: Separators): string {
  const isHeader = name === 'MSH';
  const trimmed = fields.slice(isHeader ? 3 : 1).map((field) => trimField(field, separators));
  const start = isHeader ? name + separators.field + separators.encodingCharacters : name;
  return trimEnd([start, ...trimmed].join(separators.field), separators.field);
}

function trimField(field: string, { component, subcomponent, repetition }: Separators): string {
  if (!field.includes(component) && (subcomponent === undefined || !field.includes(subcomponent)))
    return field;
  return parts(field, repetition)
    .map((whole) =>
      trimEnd(
        whole
          .split(component)
          .map((inComponent) => trimEnd(inComponent, subcomponent))
          .join(component),
        component,
      ),
    )
    .join(repetition);
}

function trimEnd(text: string, separator: string | undefined): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === separator) end--;
  return text.slice(0, end);
}
