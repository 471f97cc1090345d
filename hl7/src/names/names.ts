import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The versions of HL7 v2 whose names are known, the oldest first. */
export const VERSIONS = ['2.1', '2.2', '2.3', '2.3.1', '2.4', '2.5', '2.5.1', '2.6', '2.7', '2.7.1'] as const;

/** Where the generated tables of names are (generate-names.ts). */
export const NAMES_FOLDER = fileURLToPath(new URL('../../names', import.meta.url));

/** What the standard says of a field, or of a component. */
export interface PartName {
  /** As `Patient Identifier List`. */
  readonly name: string;
  /** As `CX`; `varies` where another field says which. */
  readonly dataType: string;
  /** Number of the HL7 table that its codes are from; of a composite, those of its first component. */
  readonly table: number | undefined;
}

/** What one version of the HL7 v2 standard calls its segments, fields, components and codes. */
export interface Names {
  /** As in VERSIONS. */
  readonly version: string;
  /** As `Patient Identification` for PID; undefined when the version has no such segment. */
  segment(name: string): string | undefined;
  /** Field `number` of a segment, or component `number` of a data type, from 1. */
  part(of: string, number: number): PartName | undefined;
  /** What a code means by an HL7 table. Tables are not told apart by version. */
  meaning(table: number, code: string): string | undefined;
}

interface Change {
  /** Position in VERSIONS. */
  readonly since: number;
  readonly name: string;
  readonly dataType: string;
  readonly table: number | undefined;
}

let places: ReadonlyMap<string, readonly Change[]> | undefined;
let meanings: ReadonlyMap<string, string> | undefined;

/**
 * The names of a version of HL7 v2; the tables are read when they are first needed.
 *
 * @param version as in MSH-12.1. One that is not known is read as the last known before it, as 2.8 is as 2.7.1; what
 *   is no version, as 2.5, which all flows send on
 */
export function namesOf(version: string): Names {
  const wanted = number(version);
  const at = Number.isNaN(wanted)
    ? VERSIONS.indexOf('2.5')
    : Math.max(
        0,
        VERSIONS.findLastIndex((known) => number(known) <= wanted),
      );
  const find = (place: string): Change | undefined =>
    (places ??= readPlaces()).get(place)?.findLast(({ since }) => since <= at);
  return {
    version: VERSIONS[at]!,
    segment: (name) => find(name)?.name,
    part: (of, position) => find(`${of}.${position}`),
    meaning: (table, code) => (meanings ??= readMeanings()).get(`${table}\t${code}`),
  };
}

/** 2.3.1 as 20301, so that versions can be compared. */
function number(version: string): number {
  const match = /^(\d{1,2})\.(\d{1,2})(?:\.(\d{1,2}))?$/.exec(version);
  return match === null ? NaN : Number(match[1]) * 10_000 + Number(match[2]) * 100 + Number(match[3] ?? 0);
}

function readPlaces(): Map<string, Change[]> {
  const found = new Map<string, Change[]>();
  for (const [place, version, name, dataType = '', table] of rows('places.tsv')) {
    const changes = found.get(place!) ?? [];
    const since = (VERSIONS as readonly string[]).indexOf(version!);
    changes.push({ since, name: name!, dataType, table: table === undefined ? undefined : Number(table) });
    found.set(place!, changes);
  }
  return found;
}

function readMeanings(): Map<string, string> {
  return new Map(rows('tables.tsv').map(([table, code, meaning]) => [`${table}\t${code}`, meaning!]));
}

function rows(file: string): string[][] {
  const lines = readFileSync(`${NAMES_FOLDER}/${file}`, 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split('\t'));
}
