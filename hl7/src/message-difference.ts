/** How two messages differ, field by field, for developers who look at test messages: values are shown. */
import { diffArrays } from 'diff';
import { Message, type ParseOptions } from './message/message.js';
import { MessageError } from './message/message-error.js';
import type { Separators } from './message/separators.js';

/** One place in which a message is not as expected. */
export interface Difference {
  /** As `PID-3[2].1`; of a whole segment `NK1[2]`; '' of the message as a whole. */
  readonly path: string;
  /** The ER7 that stands there, '' for nothing. */
  readonly expected: string;
  readonly got: string;
  /** What is wrong, where the values don't say it. */
  readonly problem?: string;
}

interface Segment {
  readonly name: string;
  /** `PID`, or `PID[2]` where the message has several. */
  readonly path: string;
  readonly er7: string;
  /** Where in the message it is, from 1. */
  readonly position: number;
  /** By their numbers; the segment's name at 0. */
  readonly fields: readonly string[];
  readonly separators: Separators;
}

interface Pair {
  readonly expected: Segment;
  readonly got: Segment;
}

/**
 * Compares two messages in ER7, each in its own separators and character set.
 *
 * @param options how messages are read whose MSH-18 is empty
 * @returns where they differ; nothing when they are the same byte for byte
 */
export function messageDifference(expected: Buffer, got: Buffer, options: ParseOptions = {}): Difference[] {
  if (expected.equals(got)) return [];
  const wanted = segmentsOf(expected, options);
  if (typeof wanted === 'string') return [asAWhole(`the expected message can not be read: ${wanted}`)];
  const made = segmentsOf(got, options);
  if (typeof made === 'string') return [asAWhole(`what came out can not be read: ${made}`)];

  const { pairs, moved, missing, unexpected } = aligned(wanted, made);
  const differences = [
    ...missing.map(({ path, er7 }) => ({ path, expected: er7, got: '', problem: 'missing' })),
    ...unexpected.map(({ path, er7 }) => ({ path, expected: '', got: er7, problem: 'not expected' })),
    ...moved.map(outOfOrder),
    ...[...pairs, ...moved].flatMap(fieldDifferences),
  ];
  if (differences.length > 0) return differences;
  return [asAWhole('the segments are the same and their ends are not: each must end with one CR')];
}

/** A difference as people read it, on one line. */
export function differenceLine({ path, expected, got, problem }: Difference): string {
  const place = path === '' ? '' : `${path}: `;
  if (problem === undefined) return `${place}expected ${shown(expected)}, got ${shown(got)}`;
  return place + problem + (expected === got ? '' : `: ${shown(expected || got)}`);
}

function shown(er7: string): string {
  if (er7 === '') return 'nothing';
  if (er7 === '""') return '"" (null)';
  const control = /\p{Cc}/gu;
  return `"${er7.replace(control, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;
}

function asAWhole(problem: string): Difference {
  return { path: '', expected: '', got: '', problem };
}

function outOfOrder({ expected, got }: Pair): Difference {
  const problem = `out of order: expected as segment ${expected.position}, got as segment ${got.position}`;
  return { path: expected.path, expected: '', got: '', problem };
}

/** @returns a sentence when the message can't be read */
function segmentsOf(bytes: Buffer, options: ParseOptions): Segment[] | string {
  let message: Message;
  try {
    message = Message.parse(bytes, options);
  } catch (error) {
    if (error instanceof MessageError) return error.message;
    throw error;
  }
  const segments = message.segments();
  return segments.map((segment, index) => {
    const { name } = segment;
    const number = segments.slice(0, index + 1).filter((one) => one.is(name)).length;
    const alone = segments.filter((one) => one.is(name)).length === 1;
    return {
      name,
      path: alone ? name : `${name}[${number}]`,
      er7: message.decode(segment.er7),
      position: index + 1,
      fields: segment.fields().map((field) => message.decode(field)),
      separators: message.separators,
    };
  });
}

interface Alignment {
  /** Segments of one name in the same place. */
  readonly pairs: Pair[];
  /** Segments of one name in different places. */
  readonly moved: Pair[];
  readonly missing: Segment[];
  readonly unexpected: Segment[];
}

/** Segments that are the same hold the messages together; between those, segments of one name belong together. */
function aligned(wanted: readonly Segment[], made: readonly Segment[]): Alignment {
  const pairs: Pair[] = [];
  const missing: Segment[] = [];
  const unexpected: Segment[] = [];
  let [wantedAt, madeAt] = [0, 0];
  let removed: Segment[] = [];
  const texts = (segments: readonly Segment[]): string[] => segments.map(({ er7 }) => er7);
  const settle = (added: Segment[]): void => {
    pairs.push(...taken(removed, added));
    missing.push(...removed);
    unexpected.push(...added);
    removed = [];
  };
  for (const { added, removed: gone, count } of diffArrays(texts(wanted), texts(made))) {
    if (gone) {
      removed = wanted.slice(wantedAt, (wantedAt += count));
    } else if (added) {
      settle(made.slice(madeAt, (madeAt += count)));
    } else {
      settle([]);
      wantedAt += count;
      madeAt += count;
    }
  }
  settle([]);
  return { pairs, moved: taken(missing, unexpected), missing, unexpected };
}

/** Takes pairs of the same name, first to first, out of two lists. */
function taken(wanted: Segment[], made: Segment[]): Pair[] {
  const pairs: Pair[] = [];
  for (const expected of [...wanted]) {
    const at = made.findIndex(({ name }) => name === expected.name);
    if (at === -1) continue;
    const [got] = made.splice(at, 1);
    wanted.splice(wanted.indexOf(expected), 1);
    pairs.push({ expected, got: got! });
  }
  return pairs;
}

function fieldDifferences({ expected, got }: Pair): Difference[] {
  const differences: Difference[] = [];
  const count = Math.max(expected.fields.length, got.fields.length);
  const separators = [expected.separators, got.separators].map(
    ({ repetition, component, subcomponent }) => [repetition, component, subcomponent] as const,
  );
  for (let number = 1; number < count; number++) {
    const values = [expected.fields[number] ?? '', got.fields[number] ?? ''] as const;
    // MSH-1 and MSH-2 are separators, and have no parts.
    const level = expected.name === 'MSH' && number < 3 ? SUBCOMPONENT + 1 : REPETITION;
    differences.push(...partDifferences(`${expected.path}-${number}`, values, level, separators));
  }
  if (differences.length > 0 || expected.er7 === got.er7) return differences;
  return [{ path: expected.path, expected: expected.er7, got: got.er7 }];
}

const REPETITION = 0;
const COMPONENT = 1;
const SUBCOMPONENT = 2;

/** The smallest parts that differ of two values that are separated by the separators from `level` on. */
function partDifferences(
  path: string,
  [expected, got]: readonly [string, string],
  level: number,
  separators: readonly (readonly (string | undefined)[])[],
): Difference[] {
  if (expected === got) return [];
  const whole = [{ path, expected, got }];
  if (expected === '' || got === '' || level > SUBCOMPONENT) return whole;
  const [ofExpected, ofGot] = [expected, got].map((value, side) => split(value, separators[side]![level]));
  const count = Math.max(ofExpected!.length, ofGot!.length);
  // A part that stands alone is not numbered; the component around subcomponents is.
  const numbered = count > 1 || (level === COMPONENT && hasSubcomponents([expected, got], separators));
  const differences: Difference[] = [];
  for (let number = 1; number <= count; number++) {
    const values = [ofExpected![number - 1] ?? '', ofGot![number - 1] ?? ''] as const;
    const name = level === REPETITION ? `[${number}]` : `.${number}`;
    differences.push(...partDifferences(numbered ? path + name : path, values, level + 1, separators));
  }
  // Only empty ends differ.
  return differences.length > 0 ? differences : whole;
}

function split(value: string, separator: string | undefined): string[] {
  return separator === undefined ? [value] : value.split(separator);
}

function hasSubcomponents(
  values: readonly string[],
  separators: readonly (readonly (string | undefined)[])[],
): boolean {
  return values.some((value, side) => split(value, separators[side]![SUBCOMPONENT]).length > 1);
}
