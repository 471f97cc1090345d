import { DefinitionError } from './definition-error.js';
import type { Level, Place } from './place.js';

/** A rule's place, for finding rules that write to the same one. */
export interface Claim {
  readonly place: Place;
  /** How people find the rule: its number in the segment's list. */
  readonly rule: string;
  readonly conditional: boolean;
  /** Copies what stands there, changing nothing. */
  readonly plainCopy: boolean;
}

/**
 * Finds out whether a rule may write to a place that an earlier rule writes to. It may where that is plainly wanted:
 * to a part of what is copied, or under a condition.
 *
 * @throws DefinitionError when one of the two rules has no effect, or the later one destroys what the earlier wrote
 */
export function checkClaim(earlier: readonly Claim[], claim: Claim): void {
  for (const before of earlier) {
    if (!meet(before.place, claim.place)) continue;
    const [one, other] = [before.place.source, claim.place.source];
    if (before.place.level > claim.place.level) {
      throw new DefinitionError(
        `${other} is written over ${one} of rule ${before.rule}: put this rule in front of that one`,
      );
    }
    if (claim.conditional) continue;
    const isMeant = before.conditional
      ? !covers(claim.place, before.place)
      : before.plainCopy &&
        !claim.plainCopy &&
        covers(before.place, claim.place) &&
        !covers(claim.place, before.place);
    if (isMeant) continue;
    throw new DefinitionError(
      before.conditional
        ? `${other} is always written, so that rule ${before.rule} never has an effect: put this rule in front of it`
        : `${other} is written by rule ${before.rule} as well (${one}): leave it out of one of them`,
    );
  }
}

/** Whether two places have something in common. */
function meet(a: Place, b: Place): boolean {
  for (let level = 0; level <= Math.min(a.level, b.level); level++) {
    const [[aFirst, aLast], [bFirst, bLast]] = [numbers(a, level as Level), numbers(b, level as Level)];
    if (aFirst > bLast || bFirst > aLast) return false;
  }
  return true;
}

/** Whether a place is another one or a part of it. */
function covers(larger: Place, smaller: Place): boolean {
  if (larger.level !== smaller.level) return larger.level < smaller.level;
  const [[first, last], [smallFirst, smallLast]] = [
    numbers(larger, larger.level),
    numbers(smaller, larger.level),
  ];
  return first <= smallFirst && smallLast <= last;
}

function numbers({ at, level, last }: Place, of: Level): readonly [first: number, last: number] {
  const first = at[of];
  if (first === '*') return [1, Infinity];
  return [first, of === level ? last : first];
}
