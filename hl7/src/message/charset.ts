import { isAscii, isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';

/**
 * A character set in which every byte of an HL7 separator means that separator and nothing else. Text in a message's
 * own bytes is passed as a latin1 view: a string with one character (U+0000 to U+00FF) for each byte.
 */
export interface Charset {
  /** The IANA name, in lower case: `utf-8`, `iso-8859-1`, `us-ascii`. */
  readonly name: string;
  /** The offset of the first byte that is not valid in this set, or -1. */
  firstInvalid(bytes: Buffer): number;
  /** Text of a latin1 view; U+FFFD for what is not valid. */
  decode(latin1: string): string;
  /** The latin1 view of a text, or undefined when the set has no code for some character of it. */
  encode(text: string): string | undefined;
}

/** The names that are understood, for error texts. */
export const KNOWN_CHARSETS = 'ASCII, 8859/1 to 8859/16, WINDOWS-1250 to WINDOWS-1258 and UNICODE UTF-8';

const NOT_ASCII = /[\u0080-\u00ff]/;
const BEYOND_ASCII = /[^\0-\x7f]/;

const utf8: Charset = {
  name: 'utf-8',
  firstInvalid(bytes) {
    if (isUtf8(bytes)) return -1;
    let at = 0;
    for (;;) {
      const lead = bytes[at] ?? 0;
      const length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
      if (!isUtf8(bytes.subarray(at, at + length))) return at;
      at += length;
    }
  },
  decode: (latin1) => (NOT_ASCII.test(latin1) ? Buffer.from(latin1, 'latin1').toString('utf8') : latin1),
  encode(text) {
    if (!BEYOND_ASCII.test(text)) return text;
    return text.isWellFormed() ? Buffer.from(text, 'utf8').toString('latin1') : undefined;
  },
};

/** A set of which the first 128 characters are those of ASCII. */
function singleByte(name: string): Charset {
  // Made when it is first needed: iconv-lite keeps 64 KiB for each set that it has been asked for.
  let characters: string | undefined;
  const isInvalid = (byte: number): boolean => {
    characters ??= iconv.decode(Buffer.from(Uint8Array.from({ length: 256 }, (_, each) => each)), name);
    return characters[byte] === '\ufffd';
  };
  return {
    name,
    firstInvalid: (bytes) => (isAscii(bytes) ? -1 : bytes.findIndex(isInvalid)),
    decode: (latin1) => (NOT_ASCII.test(latin1) ? iconv.decode(Buffer.from(latin1, 'latin1'), name) : latin1),
    encode(text) {
      if (!BEYOND_ASCII.test(text)) return text;
      const bytes = iconv.encode(text, name);
      return iconv.decode(bytes, name) === text ? bytes.toString('latin1') : undefined;
    },
  };
}

/** By name in upper case without punctuation, so that `UTF-8`, `utf8` and `UNICODE UTF-8` all find their set. */
const charsets = new Map<string, Charset>();
// The first, as every message without an MSH-18 asks for it, also as it is written in the table.
for (const name of ['UNICODE UTF-8', 'UNICODEUTF8', 'UTF8', 'UNICODE']) charsets.set(name, utf8);
const ascii = singleByte('us-ascii');
for (const name of ['ASCII', 'USASCII', 'ISOIR6']) charsets.set(name, ascii);
for (const part of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16]) {
  const charset = singleByte(`iso-8859-${part}`);
  for (const prefix of ['8859', 'ISO8859', 'ISOIEC8859', 'UNICODEISO8859']) {
    charsets.set(prefix + String(part), charset);
  }
}
for (let page = 1250; page <= 1258; page++) {
  const charset = singleByte(`windows-${page}`);
  for (const prefix of ['WINDOWS', 'CP', 'ANSI']) charsets.set(prefix + String(page), charset);
}

/**
 * Finds a character set by a name from HL7 table 0211 (MSH-18) or a usual misspelling of one.
 *
 * @returns undefined for a name that is unknown, and for sets whose characters can hold the bytes of separators
 *   (UTF-16, UTF-32, GB 18030, BIG-5, ISO IR87 and their like), which can't be split safely
 */
export function findCharset(name: string): Charset | undefined {
  return charsets.get(name) ?? charsets.get(name.toUpperCase().replace(/[^A-Z0-9]/g, ''));
}
