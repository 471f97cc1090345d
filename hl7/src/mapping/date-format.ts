const PARTS = ['YYYY', 'MM', 'DD', 'hh', 'mm', 'ss'] as const;
export type DatePart = (typeof PARTS)[number];

/** Where each part is in `YYYYMMDDhhmmss`, the one form that all others are turned into and made from. */
const OFFSETS: Readonly<Record<DatePart, number>> = { YYYY: 0, MM: 4, DD: 6, hh: 8, mm: 10, ss: 12 };

/** A form in which dates are written, such as `YYYY-MM-DD hh:mm:ss`. */
export interface DateFormat {
  readonly source: string;
  /** Whether it has a time of day. */
  readonly timed: boolean;
  /** Whether a text has this form; the date itself need not exist. */
  matches(text: string): boolean;
  /** `YYYYMMDDhhmmss` of a text that matches; what the form leaves out is midnight. */
  read(text: string): string;
  /** The text in this form of `YYYYMMDDhhmmss`. */
  write(compact: string): string;
}

/** A date format that can't be understood. */
export class DateFormatError extends Error {
  override readonly name = 'DateFormatError';
  readonly code = 'BAD_DATE_FORMAT';
}

/**
 * Reads a date format: `YYYY`, `MM` and `DD`, and if there is a time of day `hh`, `mm` and `ss`, each at most once;
 * `T`, `Z` and everything but letters and digits stand for themselves.
 *
 * @throws DateFormatError
 */
export function parseDateFormat(source: string): DateFormat {
  const pieces = source.split(/(YYYY|MM|DD|hh|mm|ss)/).filter((piece) => piece !== '');
  for (const piece of pieces) {
    if (isPart(piece) || !/[A-SU-Ya-z0-9]|[^ -~]/.test(piece)) continue;
    throw new DateFormatError(
      `the date format "${source}" has "${piece}", which means nothing: write YYYY MM DD for the date ` +
        'and hh mm ss for the time of day, as in YYYY-MM-DD hh:mm:ss',
    );
  }
  const parts = pieces.filter(isPart);
  if (parts.length < 3 || !PARTS.slice(0, parts.length).every((part) => parts.includes(part))) {
    throw new DateFormatError(
      `the date format "${source}" must have each of YYYY, MM and DD once, and of hh, mm and ss ` +
        'no finer one without the coarser ones',
    );
  }
  /** Where in a text each part begins. */
  const starts = new Map(parts.map((part) => [part, source.indexOf(part)]));
  const inOrder = PARTS.slice(0, parts.length).map((part) => [starts.get(part)!, part.length] as const);
  const asItIs = source === 'YYYYMMDDhhmmss'.slice(0, source.length);
  const midnight = '00'.repeat(PARTS.length - parts.length);
  return {
    source,
    timed: parts.includes('hh'),
    matches(text) {
      if (text.length !== source.length) return false;
      for (let at = 0; at < source.length; at++) {
        const [expected, found] = [source.charCodeAt(at), text.charCodeAt(at)];
        if (isLetterOfPart(expected) ? found < 0x30 || found > 0x39 : found !== expected) return false;
      }
      return true;
    },
    read(text) {
      if (asItIs) return text + midnight;
      let compact = '';
      for (const [start, length] of inOrder) compact += text.slice(start, start + length);
      return compact + midnight;
    },
    write(compact) {
      if (asItIs) return compact.slice(0, source.length);
      let text = '';
      for (const piece of pieces) {
        text += isPart(piece) ? compact.slice(OFFSETS[piece], OFFSETS[piece] + piece.length) : piece;
      }
      return text;
    },
  };
}

function isPart(piece: string): piece is DatePart {
  return (PARTS as readonly string[]).includes(piece);
}

/** Of the letters that a format has, only T and Z stand for themselves. */
function isLetterOfPart(code: number): boolean {
  const small = code | 0x20;
  return small >= 0x61 && small <= 0x7a && code !== 0x54 && code !== 0x5a;
}
