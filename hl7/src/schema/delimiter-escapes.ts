import { separatorLetterOf, separatorOf } from '../message/escape.js';
import type { Separators } from '../message/separators.js';

/** An escape sequence, or an escape character without its pair. */
function sequences(escape: string): RegExp {
  const quoted = `\\${escape}`;
  return new RegExp(`${quoted}([^${quoted}]*)${quoted}`, 'g');
}

const STANDARD = sequences('\\');

/**
 * The text of a leaf as it stands in XML: \F\, \S\, \T\ and \R\ become the separators that they stand for, which need
 * no escape there. Every other sequence (\E\, \.br\, \X0D\, \H\ …) stays as it is, so that nothing is lost.
 */
export function resolveDelimiters(er7: string, separators: Separators): string {
  const { escape } = separators;
  if (escape === undefined || !er7.includes(escape)) return er7;
  return er7.replace(escape === '\\' ? STANDARD : sequences(escape), (sequence, letter: string) => {
    return separatorOf(letter, separators) ?? sequence;
  });
}

/**
 * The opposite: the text of an XML element with separators and line ends as escape sequences. The escape character
 * itself stays as it is.
 *
 * @returns undefined when something must be escaped and there is no escape character
 */
export function escapeDelimiters(text: string, separators: Separators): string | undefined {
  const { escape } = separators;
  const special = /[^A-Za-z0-9 ]/g;
  if (escape === undefined) {
    return text.match(special)?.some((each) => letterOf(each, separators) !== undefined) ? undefined : text;
  }
  return text.replace(special, (character) => {
    const letter = letterOf(character, separators);
    return letter === undefined ? character : escape + letter + escape;
  });
}

function letterOf(character: string, separators: Separators): string | undefined {
  switch (character) {
    case '\r':
      return 'X0D';
    case '\n':
      return 'X0A';
  }
  return separatorLetterOf(character, separators);
}
