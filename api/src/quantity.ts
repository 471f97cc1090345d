/** Durations, sizes and shares of processors as people write them in a resource. They stay strings there; the plan holds numbers. */
import type { z } from 'zod';
import { celMatches, textMatching, withRule, type Rule } from './cel-rule.js';

const durationUnits = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const sizeUnits = { '': 1, Ki: 1_024, Mi: 1_048_576, Gi: 1_073_741_824 } as const;

const durationPattern = /^([0-9]{1,9})(ms|s|m|h|d)$/;
const sizePattern = /^([0-9]{1,12}|[0-9]{1,9}(Ki|Mi|Gi))$/;
const cpuPattern = /^([0-9]{1,6})(m?)$/;

/**
 * Reads a duration such as `500ms`, `30s`, `15m`, `12h` or `14d`.
 * @returns milliseconds
 * @throws RangeError when the text is not a duration
 */
export function durationToMs(text: string): number {
  const match = durationPattern.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a duration such as 500ms, 30s, 15m, 12h or 14d`);
  return Number(match[1]) * durationUnits[match[2] as keyof typeof durationUnits];
}

/**
 * Reads a size such as `1048576`, `512Ki` or `1Mi`.
 * @returns bytes
 * @throws RangeError when the text is not a size
 */
export function sizeToBytes(text: string): number {
  const match = sizePattern.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a size such as 1048576, 512Ki or 1Mi`);
  return parseInt(text, 10) * sizeUnits[(match[2] ?? '') as keyof typeof sizeUnits];
}

/**
 * Reads a share of processors such as `250m` or `2`.
 * @returns thousandths of a processor
 * @throws RangeError when the text is not such a share
 */
export function cpuToMillis(text: string): number {
  const match = cpuPattern.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a share of processors such as 250m or 2`);
  return Number(match[1]) * (match[2] === 'm' ? 1 : 1_000);
}

/** One kind of quantity: how it is read here and in CEL. */
interface Quantity {
  readonly pattern: RegExp;
  readonly longest: number;
  readonly message: string;
  readonly read: (text: string) => number;
  /** CEL for the number of a text that matches the pattern. */
  readonly cel: (text: string) => string;
}

/** @param bare the factor of a number without a unit */
const celUnits = (units: Readonly<Record<string, number>>, bare: number) => (text: string) =>
  `int(${text}.find('^[0-9]+')) * (${Object.entries(units)
    // The longest first: 5ms ends with s as well.
    .sort(([one], [other]) => other.length - one.length)
    .reduceRight(
      (rest, [unit, factor]) => `${text}.endsWith('${unit}') ? ${factor} : ${rest}`,
      String(bare),
    )})`;

const durations: Quantity = {
  pattern: durationPattern,
  longest: 11,
  message: 'must be a duration such as 500ms, 30s, 15m, 12h or 14d',
  read: durationToMs,
  cel: celUnits(durationUnits, 1),
};
const sizes: Quantity = {
  pattern: sizePattern,
  longest: 14,
  message: 'must be a size in bytes such as 1048576, 512Ki or 1Mi',
  read: sizeToBytes,
  cel: celUnits({ Ki: sizeUnits.Ki, Mi: sizeUnits.Mi, Gi: sizeUnits.Gi }, 1),
};
const cpus: Quantity = {
  pattern: cpuPattern,
  longest: 7,
  message: 'must be a share of processors in quotes, such as "250m" or "2"',
  read: cpuToMillis,
  cel: celUnits({ m: 1 }, 1_000),
};

/** Schema of a duration between two others, both included. */
export const duration = (least: string, most: string): z.ZodString => between(durations, least, most);

/** Schema of a size between two others, both included. */
export const size = (least: string, most: string): z.ZodString => between(sizes, least, most);

/** Schema of a share of processors between two others, both included. */
export const cpu = (least: string, most: string): z.ZodString => between(cpus, least, most);

function between(
  { pattern, longest, message, read, cel }: Quantity,
  least: string,
  most: string,
): z.ZodString {
  // What isn't a quantity at all has its own message.
  const bound = (sign: '>=' | '<=', limit: string, words: string): Rule<string> => ({
    cel: `!${celMatches('self', pattern)} || ${cel('self')} ${sign} ${read(limit)}`,
    holds: (text) =>
      !pattern.test(text) || (sign === '>=' ? read(text) >= read(limit) : read(text) <= read(limit)),
    message: `must be ${words} ${limit}`,
  });
  return withRule(
    withRule(textMatching(pattern, longest, message), bound('>=', least, 'at least')),
    bound('<=', most, 'at most'),
    // crds/ puts it into the description.
  ).meta({ range: `From ${least} to ${most}.` });
}

/** CEL for the milliseconds of the duration that an expression is; 0 where it is none, of which its own rule speaks. */
export const celMilliseconds = (expression: string): string =>
  `(${celMatches(expression, durations.pattern)} ? ${durations.cel(expression)} : 0)`;

/** The rule that one duration of an object is not longer than another of its durations. */
export function notLonger<A extends string, B extends string>(one: A, other: B): Rule<Record<A | B, string>> {
  const { pattern, cel } = durations;
  const [first, second] = [`self.${one}`, `self.${other}`];
  return {
    cel: `!(${celMatches(first, pattern)} && ${celMatches(second, pattern)}) || ${cel(first)} <= ${cel(second)}`,
    holds: (value) =>
      !(pattern.test(value[one]) && pattern.test(value[other])) ||
      durationToMs(value[one]) <= durationToMs(value[other]),
    message: `must not be longer than ${other}`,
    field: one,
  };
}
