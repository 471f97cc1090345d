import type { Message } from '../message/message.js';
import { MessageError } from '../message/message-error.js';
import { parts, type Separators } from '../message/separators.js';
import { hasEmptyEnds, withoutEmptyEnds } from '../message/empty-ends.js';
import { MappingError } from './mapping.js';
import { type Level, type Place, separatorBetween } from './place.js';
import type { SourceSegment } from './source-segment.js';

/** The message that is being mapped, and where in it the mapping is. */
export class Context {
  readonly message: Message;
  readonly separators: Separators;
  readonly segment: SourceSegment;
  /** Which of the segments with its name that is, from 1. */
  occurrence = 1;
  /** How many segments there were so far, by their place in the mapping's list. */
  readonly occurrences: number[];
  /** Which repetition `[*]` stands for, from 1; 0 outside such a rule. */
  repetition = 0;
  /** The number of the last place in what a slice has read. */
  reached = 0;
  readonly #hasEmptyEnds: boolean;
  #found: Map<unknown, unknown> | undefined;
  /** What conditions gave that are about the message as a whole, by their numbers. */
  readonly held: (boolean | undefined)[] = [];

  /**
   * @param blocks how many names of segments the mapping lists
   * @param segment what the segments are read by, one after the other; made once a mapping, since it grows
   */
  constructor(message: Message, blocks: number, segment: SourceSegment) {
    this.occurrences = new Array<number>(blocks).fill(0);
    this.message = message;
    this.separators = message.separators;
    this.segment = segment;
    const { bytes, separators } = message;
    this.#hasEmptyEnds = hasEmptyEnds(bytes, 4 + separators.encodingCharacters.length, separators);
  }

  /** A segment or field of the source without its empty ends; `from` where to begin: behind MSH-2. */
  trimmed(er7: string, from = 0): string {
    return this.#hasEmptyEnds ? withoutEmptyEnds(er7, this.separators, from) : er7;
  }

  /**
   * @throws MessageError NO_SEPARATOR when the message declares no such separator
   */
  separator(level: Level): string {
    const separator = separatorBetween(level, this.separators);
    if (separator !== undefined) return separator;
    throw new MessageError(
      'NO_SEPARATOR',
      'The message declares too few separators in MSH-2 for what the mapping has to write',
    );
  }

  /**
   * A field of another segment than the one that is being mapped, all repetitions, trimmed; '' when absent.
   *
   * @throws MappingError AMBIGUOUS_SEGMENT when there are several and the path has no `[n]`: another could be another
   *   patient's
   */
  foreignField(place: Place): string {
    const { segment: name, occurrence } = place;
    if (name === 'MSH') return this.trimmed(this.message.segments()[0]!.field(place.at[0]));
    return this.once(place, () => {
      if (occurrence === undefined && !this.isSingle(name)) throw this.ambiguous(place);
      let left = occurrence ?? 1;
      const found = this.message.segments().find((segment) => segment.is(name) && --left === 0);
      return found === undefined ? '' : this.trimmed(found.field(place.at[0]));
    });
  }

  /** All repetitions of such a field. */
  foreignRepetitions(place: Place): readonly string[] {
    const whole = this.foreignField(place);
    if (whole === '') return [];
    return this.once(place.at, () => parts(whole, this.separators.repetition));
  }

  /** Whether the message has at most one segment of that name. */
  isSingle(name: string): boolean {
    return this.once(name, () => {
      let found = 0;
      for (const segment of this.message.segments()) if (segment.is(name)) found += 1;
      return found < 2;
    });
  }

  /** What is the same for the whole message is looked for once, for a message may have as many segments as bytes. */
  once<Value>(key: unknown, find: () => Value): Value {
    this.#found ??= new Map();
    if (!this.#found.has(key)) this.#found.set(key, find());
    return this.#found.get(key) as Value;
  }

  ambiguous({ source, segment }: { readonly source: string; readonly segment: string }): MappingError {
    return new MappingError(
      'AMBIGUOUS_SEGMENT',
      source,
      `The message has several ${segment} segments, and the mapping does not say which of them ${source} is in: ` +
        `it must name it, as in ${segment}[1]`,
    );
  }

  /** A place as errors name it: `PID[2]-13[3].1` for `PID-13[*].1` where the mapping is in those. */
  nameOf({ source, segment, occurrence }: Place, own: boolean): string {
    const name = source.replace('[*]', `[${this.repetition}]`);
    return own && occurrence === undefined && this.occurrence > 1
      ? `${segment}[${this.occurrence}]${name.slice(segment.length)}`
      : name;
  }
}
