/** How figures and times are written: exactly enough to act on, and the same everywhere. */
import type { Language } from './language.js';

/** To make a format takes longer than to use it, and a page of many flows writes thousands of figures at once. */
const formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function numberFormat(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return kept(`number ${locale} ${JSON.stringify(options)}`, () => new Intl.NumberFormat(locale, options));
}

function timeFormat(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return kept(`time ${locale} ${JSON.stringify(options)}`, () => new Intl.DateTimeFormat(locale, options));
}

function kept<Format extends Intl.NumberFormat | Intl.DateTimeFormat>(
  key: string,
  make: () => Format,
): Format {
  const made = (formats.get(key) as Format | undefined) ?? make();
  formats.set(key, made);
  return made;
}

/** A count in full, with its thousands marked. */
export function wholeNumber(value: number, { locale }: Language): string {
  return numberFormat(locale, { maximumFractionDigits: 0 }).format(value);
}

/** A rate: with one place below ten, where it matters. */
export function rate(value: number, { locale }: Language): string {
  return numberFormat(locale, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

/** @param share 0 to 1 */
export function percentage(share: number, { locale }: Language): string {
  return numberFormat(locale, {
    style: 'percent',
    maximumFractionDigits: share > 0 && share < 0.1 ? 1 : 0,
  }).format(share);
}

const SPANS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** A span by its two largest units: `3 min 20 sec`. */
export function span(seconds: number, { locale }: Language): string {
  const unit = (value: number, name: string): string =>
    numberFormat(locale, { style: 'unit', unit: name, unitDisplay: 'short' }).format(value);
  if (seconds < 1) return unit(Math.round(seconds * 1000), 'millisecond');
  if (seconds < 10) return unit(Math.round(seconds * 10) / 10, 'second');
  const whole = Math.round(seconds);
  const at = SPANS.findIndex(([, length]) => whole >= length);
  const [largest, next] = [SPANS[at]!, SPANS[at + 1]];
  const rest = next === undefined ? 0 : Math.floor((whole % largest[1]) / next[1]);
  const first = unit(Math.floor(whole / largest[1]), largest[0]);
  return rest === 0 ? first : `${first} ${unit(rest, next![0])}`;
}

/** A time of day, to the second. */
export function clock(at: Date, { locale }: Language): string {
  return timeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(at);
}

/** Day and time, to the millisecond where it has them and they are wanted. */
export function moment(at: Date, { locale }: Language, withMilliseconds = false): string {
  return timeFormat(locale, {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    ...(withMilliseconds && { fractionalSecondDigits: 3 }),
  }).format(at);
}
