/** What is kept of a message whose patients' data must not be kept. */
import type { Message } from '@integration-hub/hl7';

/** Fields of the MSH that say how a message travels, and of nobody what ails him. */
const keptHeaderFields = new Set([2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 18]);
const [CR, STAR] = [0x0d, 0x2a];

/**
 * A message with `*` in place of every value outside the header: one sees which segments, fields, repetitions and
 * components it has, and nothing of what is in them.
 *
 * @returns the message in its own character set, its segments ended by CR
 */
export function redacted(message: Message): Buffer {
  const { field, component, repetition = '', subcomponent = '' } = message.separators;
  const fieldCode = field.charCodeAt(0);
  const isSeparator = new Uint8Array(256);
  for (const text of [field, component, repetition, subcomponent]) {
    if (text !== '') isSeparator[text.charCodeAt(0)] = 1;
  }
  const segments = message.segments();
  const lengths = segments.map(({ er7 }) => er7.length + 1);
  // A value is never shorter than the star in its place.
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length, 0));
  let end = 0;
  for (const { er7, index } of segments) {
    // Before the first separator is the segment's name.
    let [place, isKept, isInValue] = [0, true, false];
    for (let at = 0; at < er7.length; at += 1) {
      const code = er7.charCodeAt(at);
      if (isSeparator[code] === 1) {
        // MSH-1 is the separator itself.
        if (code === fieldCode) {
          place += 1;
          isKept = index === 0 && keptHeaderFields.has(place + 1);
        }
        bytes[end++] = code;
        isInValue = false;
      } else if (isKept) {
        bytes[end++] = code;
      } else if (!isInValue) {
        bytes[end++] = STAR;
        isInValue = true;
      }
    }
    bytes[end++] = CR;
  }
  return bytes.subarray(0, end);
}
