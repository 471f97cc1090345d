import { part, parts, type Separators } from '../message/separators.js';

/** `MSH`, MSH-1 and MSH-2, as in `MSH|^~\&`. */
export function headerStart({ field, encodingCharacters }: Separators): string {
  return 'MSH' + field + encodingCharacters;
}

/** The segment that is being mapped, a latin1 view without empty ends. Its fields are found once, and cut when asked for. */
export class SourceSegment {
  #separators: Separators | undefined;
  #er7 = '';
  #count = 0;
  /** Where field n ends is at n. */
  readonly #ends: number[] = [];
  /** The repetition that was asked for last: rules tend to take several components of one. */
  #text = '';
  #field = 0;
  #repetition = 0;
  /** The repetitions of fields of which all were asked for, by the field's number. */
  readonly #repetitions: (readonly string[] | undefined)[] = [];

  /**
   * Turns to a segment, '' for one that there isn't.
   *
   * @param upTo number of the last field that will be asked for
   */
  open(er7: string, separators: Separators, isHeader: boolean, upTo: number): void {
    this.#separators = separators;
    this.#er7 = er7;
    this.#field = 0;
    this.#repetitions.length = 0;
    this.#ends[0] = 3;
    // MSH-1 is the separator behind the name, so that MSH-2 begins where other segments' field 1 does.
    this.#ends[1] = 3;
    let count = isHeader ? 1 : 0;
    const { field } = separators;
    for (let at = 3; count < upTo && at < er7.length;) {
      const end = er7.indexOf(field, at + 1);
      at = end === -1 ? er7.length : end;
      count += 1;
      this.#ends[count] = at;
    }
    this.#count = count;
  }

  /** All of it. */
  get er7(): string {
    return this.#er7;
  }

  /** How many fields there are; of those behind the last that will be asked for, none. */
  get count(): number {
    return this.#count;
  }

  /** Field `number`, from 1, with all its repetitions; '' when absent. */
  field(number: number): string {
    return number > this.#count ? '' : this.#er7.slice(this.#ends[number - 1]! + 1, this.#ends[number]);
  }

  /** Fields `first` to `last`, as far as there are any, with the separators between them. */
  fields(first: number, last: number): string {
    if (first > this.#count) return '';
    return this.#er7.slice(this.#ends[first - 1]! + 1, this.#ends[Math.min(last, this.#count)]);
  }

  /** One repetition of a field, from 1; '' when absent. */
  repetition(field: number, repetition: number): string {
    if (field === this.#field && repetition === this.#repetition) return this.#text;
    this.#field = field;
    this.#repetition = repetition;
    const whole = this.field(field);
    return (this.#text = whole === '' ? '' : part(whole, this.#separators?.repetition, repetition));
  }

  /** All repetitions of a field, split once: one by one, each would be looked for from the first on. */
  repetitions(field: number): readonly string[] {
    const known = this.#repetitions[field];
    if (known !== undefined) return known;
    const whole = this.field(field);
    return (this.#repetitions[field] = whole === '' ? [] : parts(whole, this.#separators?.repetition));
  }
}
