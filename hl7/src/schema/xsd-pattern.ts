import { SchemaError } from './schema-error.js';

/** Escapes of XSD's regular expressions (XML Schema part 2, appendix F) that JavaScript has otherwise or not. */
const ESCAPES: Readonly<Record<string, string>> = {
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  s: '[ \\t\\n\\r]',
  S: '[^ \\t\\n\\r]',
};

/**
 * Turns an XSD pattern into a regular expression that matches the same whole texts.
 *
 * @param place of the pattern, for the error text
 * @throws SchemaError SCHEMA_UNSUPPORTED for name classes (\i \c), words (\w), blocks (\p{Is…}) and subtraction
 */
export function compilePattern(pattern: string, place: string): RegExp {
  let source = '';
  let inClass = false;
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    if (character === '\\') {
      at++;
      source += escaped(pattern[at] ?? '', inClass, pattern.slice(at + 1), place);
    } else if (inClass) {
      if (character === '[') throw unsupported('a class within a class', place);
      if (character === ']') inClass = false;
      source += character;
    } else if (character === '[') {
      inClass = true;
      source += character;
    } else if (character === '.') {
      source += '[^\\n\\r]';
    } else {
      source += character === '^' || character === '$' ? `\\${character}` : character;
    }
  }
  try {
    return new RegExp(`^(?:${source})$`, 'u');
  } catch {
    throw unsupported('something that is no regular expression', place);
  }
}

function escaped(letter: string, inClass: boolean, rest: string, place: string): string {
  if (/[wWiIcC]/.test(letter)) throw unsupported(`\\${letter}`, place);
  if (/[pP]/.test(letter) && rest.startsWith('{Is')) throw unsupported(`\\${letter}{Is…}`, place);
  if (/[sSD]/.test(letter) && inClass) throw unsupported(`\\${letter} in a class`, place);
  // In JavaScript a hyphen may be escaped only in a class.
  if (letter === '-' && !inClass) return '-';
  return ESCAPES[letter] ?? `\\${letter}`;
}

function unsupported(what: string, place: string): SchemaError {
  return new SchemaError(
    'SCHEMA_UNSUPPORTED',
    `${place}: the pattern uses ${what}, which the compiled validator doesn't know: write it with [ ] classes`,
  );
}
