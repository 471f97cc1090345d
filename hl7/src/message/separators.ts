import { MessageError } from './message-error.js';

/** The separators that a message declares in MSH-1 and MSH-2 (HL7 v2.5 section 2.5.4; truncation: v2.7). */
export interface Separators {
  readonly field: string;
  readonly component: string;
  readonly repetition: string | undefined;
  readonly escape: string | undefined;
  readonly subcomponent: string | undefined;
  readonly truncation: string | undefined;
  /** MSH-2 as it stands in the message. */
  readonly encodingCharacters: string;
}

const STANDARD = separatorsOf('|', '^~\\&');

/**
 * Reads the separators of a message.
 *
 * @param msh the MSH segment, one character a byte, beginning with `MSH`
 * @throws MessageError BAD_SEPARATORS when MSH-1 or MSH-2 is missing, has more than five characters, or characters
 *   that are letters, digits, blanks, control characters or the same twice
 */
export function readSeparators(msh: string): Separators {
  if (msh.startsWith('MSH|^~\\&|')) return STANDARD;
  const field = msh.charAt(3);
  const encodingCharacters = field === '' ? '' : part(msh, field, 2);
  const all = field + encodingCharacters;
  const wellFormed = /^[!-/:-@[-`{-~]{2,6}$/.test(all) && new Set(all).size === all.length;
  if (!wellFormed) {
    throw new MessageError(
      'BAD_SEPARATORS',
      'MSH-1 and MSH-2 do not declare separators: expected a field separator and one to five encoding ' +
        'characters, all different and none of them a letter, digit or blank, as in MSH|^~\\&|',
    );
  }
  return separatorsOf(field, encodingCharacters);
}

function separatorsOf(field: string, encodingCharacters: string): Separators {
  return {
    field,
    component: encodingCharacters.charAt(0),
    repetition: encodingCharacters[1],
    escape: encodingCharacters[2],
    subcomponent: encodingCharacters[3],
    truncation: encodingCharacters[4],
    encodingCharacters,
  };
}

/** The part at `position` (from 1) of a text split by a separator; '' where there is none. */
export function part(text: string, separator: string | undefined, position: number): string {
  if (separator === undefined) return position === 1 ? text : '';
  let start = 0;
  for (let passed = 1; passed < position; passed++) {
    const end = text.indexOf(separator, start);
    if (end === -1) return '';
    start = end + 1;
  }
  const end = text.indexOf(separator, start);
  return end === -1 ? text.slice(start) : text.slice(start, end);
}

/** All parts of a text split by a separator; the whole text where the message has no such separator. */
export function parts(text: string, separator: string | undefined): string[] {
  return separator === undefined ? [text] : text.split(separator);
}
