/** Durations and sizes as people write them in a resource. They stay strings there; the plan holds numbers. */
import { z } from 'zod';

const durationUnits = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const sizeUnits = { '': 1, Ki: 1_024, Mi: 1_048_576, Gi: 1_073_741_824 } as const;

const durationPattern = /^([0-9]{1,9})(ms|s|m|h|d)$/;
const sizePattern = /^([0-9]{1,12})(Ki|Mi|Gi)?$/;

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
  return Number(match[1]) * sizeUnits[(match[2] ?? '') as keyof typeof sizeUnits];
}

/** Schema of a duration between two others, both included. */
export function duration(least: string, most: string): z.ZodType<string, string> {
  const [leastMs, mostMs] = [durationToMs(least), durationToMs(most)];
  return z
    .string()
    .regex(durationPattern, 'must be a duration such as 500ms, 30s, 15m, 12h or 14d')
    .refine(
      (text) => !durationPattern.test(text) || durationToMs(text) >= leastMs,
      `must be at least ${least}`,
    )
    .refine((text) => !durationPattern.test(text) || durationToMs(text) <= mostMs, `must be at most ${most}`);
}

/** Schema of a size between two others, both included. */
export function size(least: string, most: string): z.ZodType<string, string> {
  const [leastBytes, mostBytes] = [sizeToBytes(least), sizeToBytes(most)];
  return z
    .string()
    .regex(sizePattern, 'must be a size in bytes such as 1048576, 512Ki or 1Mi')
    .refine((text) => !sizePattern.test(text) || sizeToBytes(text) >= leastBytes, `must be at least ${least}`)
    .refine((text) => !sizePattern.test(text) || sizeToBytes(text) <= mostBytes, `must be at most ${most}`);
}
