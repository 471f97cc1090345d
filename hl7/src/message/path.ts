/** A place in a message. Every number counts from 1; `'*'` stands for all. */
export interface Path {
  /** The path as it was written. */
  readonly source: string;
  readonly segment: string;
  /** Which of the segments with that name; 1 where the path does not say. */
  readonly occurrence: number | '*';
  /** Undefined when the path names a whole segment. */
  readonly field: number | undefined;
  readonly repetition: number | '*' | undefined;
  readonly component: number | undefined;
  readonly subcomponent: number | undefined;
}

/** A path that can't be understood, or can't be used as it is. Paths come from configuration, so it is shown. */
export class PathError extends Error {
  override readonly name = 'PathError';
  readonly code = 'BAD_PATH';

  constructor(
    readonly path: string,
    problem: string,
  ) {
    super(`The path "${path}" ${problem}`);
  }
}

const EXAMPLE = 'A right path looks like PID-3, PID-3[2].4.1 or OBX[*]-5[*].1';

const SEGMENT = /[A-Z][A-Z0-9]{2}/y;
const INDEX = /\[(\*|[1-9]\d{0,5})\]/y;
const FIELD = /-([1-9]\d{0,2})/y;
const PART = /\.([1-9]\d{0,2})/y;

// Paths are few and come from configuration; the limit is for expressions that make paths as they run.
const CACHE_LIMIT = 10_000;
const cache = new Map<string, Path>();

/**
 * Reads a path: `SEG`, `SEG[n]`, then `-field`, `[repetition]`, `.component`, `.subcomponent`, as in `PID-3[2].4.1`,
 * `PID[2]-3` (the second PID segment) or `OBX[*]-5[*].1` (all repetitions in all OBX segments). MSH-1 is the field
 * separator and MSH-2 the encoding characters, so MSH-3 is the sending application.
 *
 * @throws PathError that says at which character it stopped making sense
 */
export function parsePath(source: string): Path {
  const known = cache.get(source);
  if (known !== undefined) return known;

  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match === null) return undefined;
    at += match[0].length;
    return match[1] ?? match[0];
  };
  const wrong = (expected: string): PathError =>
    new PathError(source, `is wrong at character ${at + 1}: expected ${expected}. ${EXAMPLE}`);
  const index = (): number | '*' | undefined => {
    const taken = take(INDEX);
    return taken === '*' ? '*' : number(taken);
  };

  const segment = take(SEGMENT);
  if (segment === undefined) throw wrong('a segment name (three capital letters or digits)');
  const occurrence = index() ?? 1;
  const field = number(take(FIELD));
  const repetition = field === undefined ? undefined : index();
  const component = field === undefined ? undefined : number(take(PART));
  const subcomponent = component === undefined ? undefined : number(take(PART));
  if (at < source.length) {
    if (subcomponent !== undefined) throw wrong('nothing after the subcomponent');
    if (component !== undefined) throw wrong('a dot and a subcomponent number, or the end');
    if (repetition !== undefined) throw wrong('a dot and a component number, or the end');
    if (field !== undefined) throw wrong('[repetition], a dot and a component number, or the end');
    throw wrong('a hyphen and a field number from 1, or the end');
  }

  const path = { source, segment, occurrence, field, repetition, component, subcomponent };
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(source, path);
  return path;
}

function number(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}
