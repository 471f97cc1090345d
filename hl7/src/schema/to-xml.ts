import type { Message } from '../message/message.js';
import type { SegmentView } from '../message/segment.js';
import { ANY_SEGMENT, laterSegments } from './automaton.js';
import { resolveDelimiters } from './delimiter-escapes.js';
import type { CompositeType, DataType } from './model.js';
import { ER7_NAMESPACE, HL7_NAMESPACE, type Structure } from './read-xsd.js';
import { SchemaError } from './schema-error.js';
import type { SchemaSet } from './schema-set.js';

/**
 * Writes a message as HL7 v2.xml (ANSI/HL7 V2 XML R2), segments in their groups.
 *
 * There is an element for what holds a value, and an empty one for an empty repetition of a field that holds one.
 * What the standard's XML has no place for is written so that a reader of v2.xml passes over it and `fromXml` gives
 * back the same bytes:
 * - segments that begin with Z, fields and components beyond the definition: elements in ER7_NAMESPACE;
 * - separators around nothing: `<?er7-empty 30?>` (field 30 is there and empty), `<?er7-empty 4 &?>`;
 * - separators in a value that has no parts: the value as it is, after `<?er7-raw?>`.
 *
 * A message that is not valid is written too, in its own order. Each segment and each repetition of a field begins a
 * line, so that a validator's line number tells the place.
 *
 * @throws SchemaError STRUCTURE_UNKNOWN when the set has no structure for it; NOT_CONVERTIBLE for control characters,
 *   which XML can't hold
 */
export function toXml(message: Message, set: SchemaSet): string {
  const { structure, automaton } = set.load(set.structureOf(message));
  const writer = new Writer(message, structure);
  const later = laterSegments(message);
  let xml = `<${structure.name} xmlns="${HL7_NAMESPACE}" xmlns:er7="${ER7_NAMESPACE}">`;
  let place = 0;
  let open: readonly string[] = [];
  for (const segment of message.segments()) {
    const { name, index } = segment;
    const named = structure.segments.has(name);
    let step = automaton.step(place, named || !name.startsWith('Z') ? name : ANY_SEGMENT);
    if (named) step ??= automaton.detour(place, name, (other) => later(other, index));
    if (step !== undefined) {
      const { groups } = automaton.places[step.to]!;
      xml +=
        closed(open.slice(step.keep)) +
        groups
          .slice(step.keep)
          .map((group) => `\n<${group}>`)
          .join('');
      open = groups;
      place = step.to;
    }
    xml += writer.segment(segment);
  }
  return `${xml}${closed(open)}\n</${structure.name}>\n`;
}

function closed(groups: readonly string[]): string {
  return groups
    .map((group) => `\n</${group}>`)
    .reverse()
    .join('');
}

class Writer {
  /** Separators below the field, outermost first; those that the message doesn't declare are undefined. */
  readonly #levels: readonly (string | undefined)[];
  readonly #blank: RegExp;

  constructor(
    private readonly message: Message,
    private readonly structure: Structure,
  ) {
    const { repetition, component, subcomponent } = message.separators;
    this.#levels = [component, subcomponent];
    const all = [repetition, component, subcomponent].filter((each) => each !== undefined);
    this.#blank = new RegExp(`^[${all.map((each) => `\\${each}`).join('')}]*$`);
  }

  segment(segment: SegmentView): string {
    const { name } = segment;
    const type = this.structure.segments.get(name);
    const fields = segment.fields().slice(1);
    const prefix = type === undefined && name.startsWith('Z') ? 'er7:' : '';
    let xml = '';
    for (const [index, er7] of fields.entries()) {
      const number = index + 1;
      const last = number === fields.length;
      if (name === 'MSH' && number <= 2) {
        xml += `\n<MSH.${number}>${escaped(er7)}</MSH.${number}>`;
      } else if (this.#blank.test(er7)) {
        xml += this.#empty(number, er7, last);
      } else {
        if (NOT_XML.test(this.message.decode(er7))) {
          const text = `Segment ${segment.index + 1} of the message holds a control character in ${name}-${number}`;
          throw new SchemaError('NOT_CONVERTIBLE', text, { segmentIndex: segment.index, field: number });
        }
        xml += this.#field(type, prefix, segment, number, er7);
      }
    }
    return `\n<${prefix}${name}>${xml}</${prefix}${name}>`;
  }

  #field(
    type: CompositeType | undefined,
    prefix: string,
    segment: SegmentView,
    number: number,
    er7: string,
  ): string {
    const part = type?.parts[number - 1];
    const tag = part?.name ?? `${prefixBeyond(type, number) || prefix}${segment.name}.${number}`;
    const { repetition } = this.message.separators;
    const repetitions = repetition === undefined ? [er7] : er7.split(repetition);
    const dataType = part?.type.kind === 'any' ? this.#observed(segment, number) : part?.type;
    return repetitions.map((each) => `\n<${tag}>${this.#value(dataType, tag, each, 0)}</${tag}>`).join('');
  }

  /** The data type of OBX-5, which OBX-2 names. */
  #observed(segment: SegmentView, number: number): DataType | undefined {
    return segment.is('OBX') && number === 5 ? this.structure.composite(segment.field(2)) : undefined;
  }

  /**
   * @param type undefined when nothing is known of it: the parts are named after the element, `ZPD.1.2`
   * @param level 0 for a repetition of a field, 1 for a component, 2 for a subcomponent
   */
  #value(type: DataType | undefined, tag: string, er7: string, level: number): string {
    if (type === undefined || type.kind === 'any') {
      return this.#separated(er7, level) ? this.#parts(undefined, tag, er7, level) : this.#text(er7);
    }
    if (type.kind === 'composite') return this.#parts(type, tag, er7, level);
    if (!this.#separated(er7, level)) return this.#text(er7);
    return this.#blank.test(er7)
      ? this.#parts(undefined, tag, er7, level)
      : `<?er7-raw?>${escaped(this.message.decode(er7))}`;
  }

  #parts(type: CompositeType | undefined, tag: string, er7: string, level: number): string {
    const separator = this.#levels[level];
    const parts = separator === undefined ? [er7] : er7.split(separator);
    let xml = '';
    for (const [index, each] of parts.entries()) {
      const number = index + 1;
      if (this.#blank.test(each)) {
        xml += this.#empty(number, each, number === parts.length && number > 1);
      } else {
        const part = type?.parts[index];
        const name = part?.name ?? `${prefixBeyond(type, number)}${type?.name ?? tag}.${number}`;
        xml += `<${name}>${this.#value(part?.type, name, each, level + 1)}</${name}>`;
      }
    }
    return xml;
  }

  /** Nothing but separators, which XML has no element for. */
  #empty(number: number, er7: string, last: boolean): string {
    if (er7 === '') return last ? `<?er7-empty ${number}?>` : '';
    const { repetition, component } = this.message.separators;
    const standard = Array.from(er7, (each) => (each === repetition ? '~' : each === component ? '^' : '&'));
    return `<?er7-empty ${number} ${standard.join('')}?>`;
  }

  #separated(er7: string, level: number): boolean {
    return this.#levels.slice(level).some((separator) => separator !== undefined && er7.includes(separator));
  }

  #text(er7: string): string {
    return escaped(this.message.decode(resolveDelimiters(er7, this.message.separators)));
  }
}

/** Beyond the last part that the set has, elements are in a namespace of their own; a gap in the set is an error. */
function prefixBeyond(type: CompositeType | undefined, number: number): string {
  return type !== undefined && number > type.parts.length ? 'er7:' : '';
}

/** What XML 1.0 (section 2.2) can't hold. */
const NOT_XML = /[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
