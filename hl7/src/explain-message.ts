import { Message } from './message/message.js';
import type { Path } from './message/path.js';
import type { SegmentView } from './message/segment.js';
import type { Names } from './names/names.js';

/** A field, a repetition, or a part of one, of a message. */
export interface ExplainedPlace {
  /** As `PID-3[2].4`. */
  readonly path: string;
  /** As `Assigning Authority`; undefined where the standard doesn't say. */
  readonly name: string | undefined;
  readonly dataType: string | undefined;
  /** 0 for a field, 1 for a component, 2 for a subcomponent. */
  readonly depth: number;
  /** Its text, escapes resolved; null for the HL7 null (`""`, HL7 v2.5 section 2.5.3); undefined where parts follow. */
  readonly value: string | null | undefined;
  /** What the value means, where it is a code of an HL7 table. */
  readonly meaning: string | undefined;
}

export interface ExplainedSegment {
  /** As `OBX[2]`. */
  readonly path: string;
  /** As `Observation/Result`; undefined where the standard doesn't say. */
  readonly name: string | undefined;
  /** Every place that holds something, in order. */
  readonly places: readonly ExplainedPlace[];
}

interface Place {
  readonly path: Path;
  readonly name: string | undefined;
  readonly dataType: string | undefined;
  readonly table: number | undefined;
  readonly depth: number;
}

/** Lays a message out by the names of a version. Empty places are left out. */
export function explainMessage(message: Message, names: Names): ExplainedSegment[] {
  const occurrences = new Map<string, number>();
  return message.segments().map((segment) => {
    const occurrence = (occurrences.get(segment.name) ?? 0) + 1;
    occurrences.set(segment.name, occurrence);
    const explanation = new SegmentExplanation(message, names, segment, occurrence);
    return { path: explanation.source, name: names.segment(segment.name), places: explanation.places() };
  });
}

class SegmentExplanation {
  readonly source: string;
  readonly #places: ExplainedPlace[] = [];
  /** The segment behind its MSH alone, as to find the n-th of many for each text takes long. */
  readonly #alone: Message;

  constructor(
    private readonly message: Message,
    private readonly names: Names,
    private readonly segment: SegmentView,
    occurrence: number,
  ) {
    const msh = message.segments()[0]!;
    const er7 = segment === msh ? msh.er7 : `${msh.er7}\r${segment.er7}`;
    this.#alone = Message.parse(Buffer.from(er7, 'latin1'), { charset: message.charset.name });
    this.source = occurrence === 1 ? segment.name : `${segment.name}[${occurrence}]`;
  }

  places(): readonly ExplainedPlace[] {
    for (const [number, er7] of this.segment.fields().entries()) {
      if (number > 0 && er7 !== '') this.#addField(number, er7);
    }
    return this.#places;
  }

  #addField(field: number, er7: string): void {
    const { segment, message } = this;
    const found = this.names.part(segment.name, field);
    const isValue = segment.is('OBX') && field === 5;
    const dataType = isValue ? segment.field(2) : found?.dataType;
    const path = {
      source: `${this.source}-${field}`,
      segment: segment.name,
      occurrence: 1,
      field,
      repetition: undefined,
      component: undefined,
      subcomponent: undefined,
    };
    const place = { path, name: found?.name, dataType, table: found?.table, depth: 0 };
    if (segment.is('MSH') && field <= 2) {
      this.#add(place, er7);
      return;
    }
    const repetitions = split(er7, message.separators.repetition);
    for (const [index, repetition] of repetitions.entries()) {
      if (repetition === '' && repetitions.length > 1) continue;
      const source = repetitions.length === 1 ? path.source : `${path.source}[${index + 1}]`;
      this.#addParts({ ...place, path: { ...path, source, repetition: index + 1 } }, repetition);
    }
  }

  /** Adds a place with the parts that it has. */
  #addParts(place: Place, er7: string): void {
    const { component, subcomponent } = this.message.separators;
    const [separator, ...lower] = [component, subcomponent].slice(place.depth);
    const parts = split(er7, separator);
    const isWhole = parts.length === 1 && !lower.some((one) => one !== undefined && er7.includes(one));
    if (isWhole || parts.every((part) => part === '')) {
      this.#add(place, er7);
      return;
    }
    this.#add(place, undefined);
    for (const [index, part] of parts.entries()) {
      if (part !== '') this.#addParts(this.#partOf(place, index + 1), part);
    }
  }

  #partOf({ path, dataType, table, depth }: Place, number: number): Place {
    const found = dataType === undefined ? undefined : this.names.part(dataType, number);
    const level = depth === 0 ? 'component' : 'subcomponent';
    return {
      path: { ...path, source: `${path.source}.${number}`, [level]: number },
      name: found?.name,
      dataType: found?.dataType,
      // The table of a coded element is that of its identifier.
      table: found?.table ?? (number === 1 ? table : undefined),
      depth: depth + 1,
    };
  }

  #add({ path, name, dataType, table, depth }: Place, er7: string | undefined): void {
    const value = er7 === undefined ? undefined : er7 === '""' ? null : this.#alone.text(path);
    const codes = this.#tableOf(dataType, table);
    const meaning = value && codes !== undefined ? this.names.meaning(codes, value) : undefined;
    this.#places.push({ path: path.source, name, dataType, depth, value, meaning });
  }

  /** A value without parts is its data type's first component, and that one's first in turn. */
  #tableOf(dataType: string | undefined, table: number | undefined): number | undefined {
    const first = dataType === undefined ? undefined : this.names.part(dataType, 1);
    return first === undefined ? table : this.#tableOf(first.dataType, first.table ?? table);
  }
}

function split(er7: string, separator: string | undefined): string[] {
  return separator === undefined ? [er7] : er7.split(separator);
}
