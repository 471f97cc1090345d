/** Reads the values of options. Each reader is named for its option, so that it can say which one is wrong. */
import { durationToMs } from '@integration-hub/api';
import { UsageError } from './usage-error.js';

/**
 * A reader of whole numbers.
 *
 * @throws UsageError from the reader when the text is not a number from `least` to `most`
 */
export function wholeNumber(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^[0-9]+$/.test(text) && number >= least && number <= most) return number;
    throw new UsageError(`${option} must be a whole number from ${least} to ${most}, not "${text}"`);
  };
}

/**
 * A reader of durations such as `500ms` or `30s`, in milliseconds.
 *
 * @throws UsageError from the reader when the text is not a duration above 0 and below 24 days
 */
export function duration(option: string): (text: string) => number {
  return (text) => {
    try {
      const ms = durationToMs(text);
      if (ms > 0 && ms < 2 ** 31) return ms;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    throw new UsageError(`${option} must be a duration such as 500ms or 30s, not "${text}"`);
  };
}

/**
 * A reader of times such as `2026-11-21` or `2026-11-21T10:30`, in UTC unless they name a zone.
 *
 * @throws UsageError from the reader when the text is no time
 */
export function time(option: string): (text: string) => Date {
  return (text) => {
    const [, day, clock = 'T00:00', zone = 'Z'] =
      /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
    const date = new Date(`${day ?? ''}${clock}${zone}`);
    if (!Number.isNaN(date.getTime())) return date;
    throw new UsageError(`${option} must be a time such as 2026-11-21 or 2026-11-21T10:30, not "${text}"`);
  };
}

/**
 * A reader of rates such as `200/s`, or plainly `200`, in messages a second.
 *
 * @throws UsageError from the reader when the text is not a rate above 0
 */
export function rate(option: string): (text: string) => number {
  return (text) => {
    const number = Number(/^([0-9]+(?:\.[0-9]+)?)(?:\/s)?$/.exec(text)?.[1]);
    if (number > 0) return number;
    throw new UsageError(`${option} must be a number of messages a second such as 200/s, not "${text}"`);
  };
}
