/** Hours in which messages are expected: by the clocks of a time zone, on some days of the week, but for holidays. */
import { z } from 'zod';
import { distinct, textMatching, withRule } from './cel-rule.js';

/** As `Intl.DateTimeFormat` names them in English. */
export const weekdays = [
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
  'Sunday',
] as const;

const timeOfDay = textMatching(
  /^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/,
  5,
  'must be a time of day such as 08:00, or 24:00',
);

/** CEL for the minutes that a time of day is after midnight. */
export const celMinutes = (expression: string): string =>
  `(int(${expression}.substring(0, 2)) * 60 + int(${expression}.substring(3, 5)))`;

/** Working hours as a resource says them. */
export const workingHours = withRule(
  z.strictObject({
    timeZone: textMatching(
      /^[A-Za-z]+([/_+-][A-Za-z0-9]+)*$/,
      64,
      'must be the name of a time zone such as Europe/London',
    )
      .default('Europe/London')
      .describe('Time zone of the hours and days, by its name in the IANA database.'),
    days: distinct(
      z
        .array(z.enum(weekdays, `must be one of ${weekdays.join(', ')}`))
        .min(1, 'must name a day')
        .max(7),
      'must not name a day twice',
    )
      .default(['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday'])
      .describe('Days of the week.'),
    from: timeOfDay.default('08:00').describe('When the hours begin, as HH:MM.'),
    to: timeOfDay.default('18:00').describe('When they end, as HH:MM; 24:00 is the end of the day.'),
  }),
  {
    cel: 'self.from < self.to',
    holds: ({ from, to }) => from < to,
    message: 'must be earlier than to',
    field: 'from',
  },
);

export type WorkingHours = z.output<typeof workingHours>;

/** A list of days on which nobody works. */
export const holidays = distinct(
  z
    .array(
      textMatching(
        /^2[0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$/,
        10,
        'must be a date such as 2026-12-25',
      ),
    )
    .max(100),
  'must not name a day twice',
);

const dayMs = 86_400_000;

/** @returns minutes since midnight of a time of day such as `08:30` */
export function minutesOf(time: string): number {
  const [hours, minutes] = time.split(':').map(Number) as [number, number];
  return hours * 60 + minutes;
}

/** Whether this machine knows a time zone of that name. */
export function isTimeZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * What the clocks of a time zone are ahead of UTC.
 * @param at milliseconds since 1970
 * @returns milliseconds
 * @throws RangeError where there is no such time zone
 */
export function offsetOf(timeZone: string, at: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(at)) parts[type] = Number(value);
  const { year, month, day, hour, minute, second } = parts;
  const second0 = Math.floor(at / 1_000) * 1_000;
  return Date.UTC(year!, month! - 1, day, hour, minute, second) - second0;
}

/**
 * Since when, on end, it has been working hours.
 * @param at milliseconds since 1970
 * @param holidaysOfYear dates as `2026-12-25`, by the clocks of the hours' time zone
 * @returns milliseconds since 1970; undefined where it is none now
 */
export function workingSince(
  { timeZone, days, from, to }: WorkingHours,
  holidaysOfYear: readonly string[],
  at: number,
): number | undefined {
  const local = at + offsetOf(timeZone, at);
  const midnight = Math.floor(local / dayMs) * dayMs;
  // 1970 began on a Thursday.
  const weekday = weekdays[(midnight / dayMs + 3) % 7]!;
  const isHoliday = holidaysOfYear.includes(new Date(midnight).toISOString().slice(0, 10));
  const sinceBegin = local - midnight - minutesOf(from) * 60_000;
  if (!days.includes(weekday) || isHoliday || sinceBegin < 0) return undefined;
  return local - midnight < minutesOf(to) * 60_000 ? at - sinceBegin : undefined;
}

/**
 * When the clocks of a time zone are put forward or back.
 * @param from milliseconds since 1970
 * @param to milliseconds since 1970
 * @returns each change in order: the second it happens in, and from then on the offset from UTC; both in seconds
 */
export function offsetChanges(
  timeZone: string,
  from: number,
  to: number,
): { readonly at: number; readonly offset: number }[] {
  const changes: { at: number; offset: number }[] = [];
  let before = offsetOf(timeZone, from);
  for (let day = from; day < to; day += dayMs) {
    const after = offsetOf(timeZone, day + dayMs);
    if (after === before) continue;
    let [low, high] = [day, day + dayMs];
    while (high - low > 1_000) {
      const middle = Math.floor((low + high) / 2_000) * 1_000;
      if (offsetOf(timeZone, middle) === before) low = middle;
      else high = middle;
    }
    changes.push({ at: high / 1_000, offset: after / 1_000 });
    before = after;
  }
  return changes;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  formats.set(timeZone, made);
  return made;
}
