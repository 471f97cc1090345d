import { parsePath, type Path, PathError } from '../message/path.js';
import type { Separators } from '../message/separators.js';

/** How deep in a segment a place is. */
export const FIELD = 0;
export const REPETITION = 1;
export const COMPONENT = 2;
export const SUBCOMPONENT = 3;
export type Level = typeof FIELD | typeof REPETITION | typeof COMPONENT | typeof SUBCOMPONENT;

/** A place in a segment, or several that follow one another, as a mapping names them. */
export interface Place {
  readonly source: string;
  readonly segment: string;
  /** Undefined where the path does not say which of the segments with that name. */
  readonly occurrence: number | undefined;
  readonly level: Level;
  /**
   * Numbers by level: of the field, the repetition (`'*'`: each), the component, the subcomponent. Numbers below the
   * place's level are 1 and mean nothing.
   */
  readonly at: readonly [field: number, repetition: number | '*', component: number, subcomponent: number];
  /** The last number at the place's level: 28 for `PID-1..28`; the same as the first where there is no range. */
  readonly last: number;
}

/** As of HL7 v2.9, section 2.14.9; earlier versions have fewer. */
const MSH_FIELDS = 28;

/** What paths can name. */
export const MOST_FIELDS = 999;

/** All fields of a segment, but for MSH-1 and MSH-2, which are separators. */
export function allFields(segment: string): string {
  return segment === 'MSH' ? `MSH-3..${MSH_FIELDS}` : `${segment}-1..${MOST_FIELDS}`;
}

const RANGE = /^(.*[0-9])\.\.([1-9]\d{0,2})$/;

/**
 * Reads places: paths (see parsePath), each with a range at its end where one is wanted, separated by commas:
 * `PID-1..28, PID-30.1..4`.
 *
 * @throws PathError
 */
export function parsePlaces(source: string): Place[] {
  return source.split(',').map((one) => parsePlace(one.trim()));
}

/**
 * Reads one place, a range perhaps.
 *
 * @throws PathError
 */
export function parsePlace(source: string): Place {
  const [, first = source, end] = RANGE.exec(source) ?? [];
  const path = parsePath(first);
  const { segment, field, repetition, component, subcomponent } = path;
  if (field === undefined) {
    throw new PathError(source, 'names a whole segment, and a field is wanted, as in PID-5');
  }
  if (path.occurrence === '*') {
    throw new PathError(source, 'names all segments of that name: leave [*] out');
  }
  if (segment === 'MSH' && (field > MSH_FIELDS || Number(end) > MSH_FIELDS)) {
    throw new PathError(source, `goes beyond the ${MSH_FIELDS} fields that an MSH has`);
  }
  const level = levelOf(path);
  const at = [field, repetition ?? 1, component ?? 1, subcomponent ?? 1] as const;
  const start = at[level];
  const last = end === undefined ? start : Number(end);
  if (start === '*' || last === '*') {
    if (end !== undefined) throw new PathError(source, 'ends with a range behind [*]: leave the range out');
    return { source, segment, occurrence: occurrenceOf(path), level, at, last: 1 };
  }
  if (last < start) throw new PathError(source, 'ends with a range that runs backwards: turn it round');
  return { source, segment, occurrence: occurrenceOf(path), level, at, last };
}

/** The places of a range, one by one. */
export function eachOf(place: Place): Place[] {
  const start = place.at[place.level];
  if (start === '*' || start === place.last) return [place];
  const head = place.source.slice(0, place.source.indexOf('..')).replace(/\d+$/, '');
  return Array.from({ length: place.last - start + 1 }, (_, index) => {
    const at: [number, number | '*', number, number] = [...place.at];
    at[place.level] = start + index;
    return { ...place, source: `${head}${start + index}`, at, last: start + index };
  });
}

/** What separates places of a level from one another; undefined where the message declares no such separator. */
export function separatorBetween(level: Level, separators: Separators): string | undefined {
  switch (level) {
    case FIELD:
      return separators.field;
    case REPETITION:
      return separators.repetition;
    case COMPONENT:
      return separators.component;
    case SUBCOMPONENT:
      return separators.subcomponent;
  }
}

/** Runs of each separator that was ever asked for, by their length: making them anew costs as much as all the rest. */
const runs = new Map<string, string[]>();

/** As many of a separator as that, one or more. */
export function runOf(separator: string, length: number): string {
  if (length === 1) return separator;
  let known = runs.get(separator);
  if (known === undefined) runs.set(separator, (known = []));
  return (known[length] ??= separator.repeat(length));
}

function levelOf({ repetition, component, subcomponent }: Path): Level {
  if (subcomponent !== undefined) return SUBCOMPONENT;
  if (component !== undefined) return COMPONENT;
  return repetition === undefined ? FIELD : REPETITION;
}

function occurrenceOf({ source, segment, occurrence }: Path): number | undefined {
  return source.startsWith(`${segment}[`) ? Number(occurrence) : undefined;
}
