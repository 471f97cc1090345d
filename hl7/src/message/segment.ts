import { parts, type Separators } from './separators.js';

/** One segment of a message, as a latin1 view: one character a byte, escapes and separators kept. */
export class SegmentView {
  readonly #view: string;
  readonly #start: number;
  readonly #end: number;
  readonly #separators: Separators;

  constructor(
    /** Position in the message, from 0 (the MSH). */
    readonly index: number,
    view: string,
    start: number,
    end: number,
    separators: Separators,
  ) {
    this.#view = view;
    this.#start = start;
    this.#end = end;
    this.#separators = separators;
  }

  get name(): string {
    return this.#view.slice(this.#start, this.#start + 3);
  }

  /** The whole segment without its end. */
  get er7(): string {
    return this.#view.slice(this.#start, this.#end);
  }

  /** Whether this is a segment of that name. */
  is(name: string): boolean {
    return this.#view.startsWith(name, this.#start);
  }

  /** Field `number`, from 1, with all its repetitions; '' when absent. MSH-1 is the field separator itself. */
  field(number: number): string {
    const { field } = this.#separators;
    const isHeader = this.index === 0;
    if (isHeader && number === 1) return field;
    // Found in place, without cutting out the segment: all reading and checking comes down to this.
    let at = this.#start + 3; // The separator before the field.
    for (let passed = isHeader ? 2 : 1; passed < number && at !== -1 && at < this.#end; passed++) {
      at = this.#view.indexOf(field, at + 1);
    }
    if (at === -1 || at >= this.#end) return '';
    const next = this.#view.indexOf(field, at + 1);
    return this.#view.slice(at + 1, next === -1 || next > this.#end ? this.#end : next);
  }

  /** All fields by their HL7 numbers: `fields()[3]` is field 3, and `fields()[0]` the segment's name. */
  fields(): string[] {
    const fields = parts(this.er7, this.#separators.field);
    if (this.is('MSH')) fields.splice(1, 0, this.#separators.field);
    return fields;
  }
}
