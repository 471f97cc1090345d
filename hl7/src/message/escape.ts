import { MessageError } from './message-error.js';
import type { Separators } from './separators.js';

/**
 * Escapes a text so that it can stand in a subcomponent (HL7 v2.5 section 2.7): separators as \F\ \S\ \T\ \R\ \E\ \P\,
 * control characters, line ends among them, as \Xhh\.
 *
 * @throws MessageError NO_SEPARATOR when something must be escaped and the message declares no escape character
 */
export function escapeText(text: string, separators: Separators): string {
  const { escape } = separators;
  let escaped = '';
  for (const character of text) {
    const sequence = letterOf(character, separators) ?? hexOf(character);
    if (sequence === undefined) {
      escaped += character;
    } else if (escape === undefined) {
      throw new MessageError(
        'NO_SEPARATOR',
        'The text holds a separator or a control character, and the message declares no escape character in MSH-2',
      );
    } else {
      escaped += escape + sequence + escape;
    }
  }
  return escaped;
}

/**
 * Resolves the escape sequences of a latin1 view. Unknown ones, \H\ \N\ \C..\ \M..\ and \Z..\ among them, are kept as
 * they are; so is an escape character without its pair.
 *
 * @param hex whether \X..\ sequences are resolved to the bytes that they stand for
 */
export function resolveEscapes(er7: string, separators: Separators, hex: boolean): string {
  const { escape } = separators;
  if (escape === undefined || !er7.includes(escape)) return er7;
  const pieces = er7.split(escape);
  let text = pieces[0]!;
  for (let at = 1; at < pieces.length; at += 2) {
    const sequence = pieces[at]!;
    const next = pieces[at + 1];
    if (next === undefined) text += escape + sequence;
    else text += (resolve(sequence, separators, hex) ?? escape + sequence + escape) + next;
  }
  return text;
}

function resolve(sequence: string, separators: Separators, hex: boolean): string | undefined {
  switch (sequence) {
    case 'E':
      return separators.escape;
    case 'P':
      return separators.truncation;
    case '.br':
      return '\n';
  }
  if (hex && /^X(?:[0-9A-Fa-f]{2})+$/.test(sequence)) {
    return Buffer.from(sequence.slice(1), 'hex').toString('latin1');
  }
  return separatorOf(sequence, separators);
}

/** The separator that the letter of an escape sequence stands for (HL7 v2.5, section 2.7.1), where it is one. */
export function separatorOf(letter: string, separators: Separators): string | undefined {
  switch (letter) {
    case 'F':
      return separators.field;
    case 'S':
      return separators.component;
    case 'T':
      return separators.subcomponent;
    case 'R':
      return separators.repetition;
  }
  return undefined;
}

/** The opposite: the letter of the escape sequence for a character, where that is a separator. */
export function separatorLetterOf(character: string, separators: Separators): string | undefined {
  switch (character) {
    case separators.field:
      return 'F';
    case separators.component:
      return 'S';
    case separators.subcomponent:
      return 'T';
    case separators.repetition:
      return 'R';
  }
  return undefined;
}

function letterOf(character: string, separators: Separators): string | undefined {
  switch (character) {
    case separators.escape:
      return 'E';
    case separators.truncation:
      return 'P';
  }
  return separatorLetterOf(character, separators);
}

function hexOf(character: string): string | undefined {
  if (character >= ' ' || character === '\t') return undefined;
  return 'X' + character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
}
