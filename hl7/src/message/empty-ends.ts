import type { Separators } from './separators.js';

/**
 * Empty ends are subcomponents, components and fields that are empty and have none behind them that is not. Where they
 * are is plain to see: a separator stands before one further out, or before the end. Empty repetitions at an end are
 * none, for how many there are means something.
 */

/** For each byte: 1 to 4 for the separators from the innermost, 5 for the ends of segments, 0 for any other. */
const known = new WeakMap<Separators, Uint8Array>();

const REPETITION = 3;
const SEGMENT_END = 5;

/** 1 where a separator of rank n behind one of rank m, or behind none (0), means an empty end; at m * 8 + n. */
const meansEmptyEnd = Uint8Array.from({ length: 64 }, (_, index) => {
  const [before, rank] = [index >> 3, index & 7];
  return rank > before && before !== 0 && before !== REPETITION ? 1 : 0;
});

function ranks(separators: Separators): Uint8Array {
  let ranksOf = known.get(separators);
  if (ranksOf === undefined) {
    ranksOf = new Uint8Array(256);
    const { subcomponent, component, repetition, field } = separators;
    [subcomponent, component, repetition, field, '\r'].forEach((character, index) => {
      if (character !== undefined) ranksOf![character.charCodeAt(0)] = index + 1;
    });
    ranksOf['\n'.charCodeAt(0)] = SEGMENT_END;
    known.set(separators, ranksOf);
  }
  return ranksOf;
}

/**
 * Looks a whole message through once for empty ends.
 *
 * @param from where to begin: behind MSH-2, which holds every separator
 */
export function hasEmptyEnds(bytes: Uint8Array, from: number, separators: Separators): boolean {
  const ranksOf = ranks(separators);
  let before = 0;
  let found = 0;
  // Without a branch in it: separators are where a processor can't guess them.
  for (let at = from; at < bytes.length; at++) {
    const rank = ranksOf[bytes[at]!]!;
    found |= meansEmptyEnd[(before << 3) | rank]!;
    before = rank;
  }
  return (found | meansEmptyEnd[(before << 3) | SEGMENT_END]!) !== 0;
}

/**
 * ER7 without its empty ends.
 *
 * @param er7 a segment, several that end with CR, or a part of one, as a latin1 view
 * @param from where to begin: behind MSH-2 where that is in it
 * @returns the same string where there is nothing to take off
 */
export function withoutEmptyEnds(er7: string, separators: Separators, from = 0): string {
  const bytes = Buffer.from(er7, 'latin1');
  if (!hasEmptyEnds(bytes, from, separators)) return er7;
  const ranksOf = ranks(separators);
  let length = from;
  for (let at = from; at <= bytes.length; at++) {
    const rank = at === bytes.length ? SEGMENT_END : ranksOf[bytes[at]!]!;
    while (length > from && meansEmptyEnd[(ranksOf[bytes[length - 1]!]! << 3) | rank] === 1) length -= 1;
    if (at < bytes.length) bytes[length++] = bytes[at]!;
  }
  return bytes.toString('latin1', 0, length);
}
