import { escapeText } from '../message/escape.js';
import { MessageError } from '../message/message-error.js';
import type { Separators } from '../message/separators.js';
import type { Context } from './context.js';

/** Something that gives ER7, as a latin1 view, for the message that is being mapped. */
export type Text = (context: Context) => string;

/** A text of the mapping, escaped for the message that it is written into. `""` is the HL7 null. */
export function compileConstant(text: string): Text {
  // No separator is a letter, a digit or a blank.
  if (/^[A-Za-z0-9 ]*$/.test(text)) return () => text;
  if (text === '""') return nullValue;
  if (/[^\x20-\x7e]/.test(text)) {
    return ({ message, separators }) => message.encode(escapeText(text, separators));
  }
  let known: Separators | undefined;
  let er7 = '';
  return ({ separators }) => {
    if (separators !== known) {
      er7 = escapeText(text, separators);
      known = separators;
    }
    return er7;
  };
}

function nullValue({ separators: { field, encodingCharacters } }: Context): string {
  if (field !== '"' && !encodingCharacters.includes('"')) return '""';
  throw new MessageError(
    'UNENCODABLE_TEXT',
    'The message declares " a separator in MSH-1 or MSH-2, so that the null "" can not be written',
  );
}
