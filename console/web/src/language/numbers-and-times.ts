/** How figures and times are written: exactly enough to act on, and the same everywhere. */
import type { Language, TextKey } from './language.js';

/** To make a format takes longer than to use it, and a page of many flows writes thousands of figures at once. */
const formats = new Map<string, Intl.NumberFormat>();

function numberFormat(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `${locale} ${JSON.stringify(options)}`;
  const format = formats.get(key) ?? new Intl.NumberFormat(locale, options);
  formats.set(key, format);
  return format;
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

// The words of units are ours: not every browser has those of Welsh.
const SPANS = [
  ['unitDay', 86_400],
  ['unitHour', 3_600],
  ['unitMinute', 60],
  ['unitSecond', 1],
] as const;

/** A span by its two largest units: `3 min 20 s`. */
export function span(seconds: number, language: Language): string {
  const unit = (value: number, name: TextKey): string => language.t(name, { value: rate(value, language) });
  if (seconds < 1) return unit(Math.round(seconds * 1000), 'unitMillisecond');
  if (seconds < 10) return unit(seconds, 'unitSecond');
  const whole = Math.round(seconds);
  const at = SPANS.findIndex(([, length]) => whole >= length);
  const [largest, next] = [SPANS[at]!, SPANS[at + 1]];
  const rest = next === undefined ? 0 : Math.floor((whole % largest[1]) / next[1]);
  const first = unit(Math.floor(whole / largest[1]), largest[0]);
  return rest === 0 ? first : `${first} ${unit(rest, next![0])}`;
}

/** A time of day where the reader is: `17:04:09`. */
export function clock(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':');
}

/** Day and time where the reader is, as `ihub` writes them: `2026-11-21 17:04:09`, the same in every language. */
export function moment(at: Date, withMilliseconds = false): string {
  const day = [at.getFullYear(), twoDigits(at.getMonth() + 1), twoDigits(at.getDate())].join('-');
  const milliseconds = withMilliseconds ? `.${String(at.getMilliseconds()).padStart(3, '0')}` : '';
  return `${day} ${clock(at)}${milliseconds}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
