/** What is kept of a message whose patients' data must not be kept. */
import type { Message } from '@integration-hub/hl7';

/** Fields of the MSH that say how a message travels, and of nobody what ails him. */
const keptHeaderFields = new Set([2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 18]);

/**
 * A message with `*` in place of every value outside the header: one sees which segments, fields, repetitions and
 * components it has, and nothing of what is in them.
 *
 * @returns the message in its own character set, its segments ended by CR
 */
export function redacted(message: Message): Buffer {
  const { field, component, repetition = '', subcomponent = '' } = message.separators;
  const separators = [field, component, repetition, subcomponent].join('').replace(/[\]\\^-]/g, '\\$&');
  const value = new RegExp(`[^${separators}]+`, 'g');
  const segments = message.segments().map((segment) => {
    const fields = segment.er7.split(field);
    return fields
      .map((text, index) => {
        if (index === 0) return text;
        // MSH-1 is the separator itself.
        if (segment.index === 0 && keptHeaderFields.has(index + 1)) return text;
        return text.replace(value, '*');
      })
      .join(field);
  });
  return Buffer.from(segments.map((segment) => `${segment}\r`).join(''), 'latin1');
}
