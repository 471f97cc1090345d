import { isDateTime } from '../calendar.js';
import { type DraftSegment, MessageDraft } from '../message/draft.js';
import type { Message } from '../message/message.js';
import { part } from '../message/separators.js';
import { type Mapping, MappingError } from './mapping.js';

/**
 * Public Health Wales to the Master Patient Index, HL7 2.5: MSH-7 and PID-29 change, MSH-1 to 21 and PID-1 to 39 are
 * copied, and so is every other segment, Z segments and the patient groups of a merge (ADT_A39) included, in order.
 *
 * Throws MappingError BAD_DATE_TIME when MSH-7.1 is not a real date and time.
 */
export const phw: Mapping = {
  name: 'phw',
  map(message) {
    const draft = MessageDraft.from(message);
    for (const segment of draft.segments) {
      if (segment.name === 'MSH') mapHeader(segment, message);
      if (segment.name === 'PID') mapPatient(segment, message);
    }
    return draft.toBytes();
  },
};

function mapHeader({ fields }: DraftSegment, message: Message): void {
  fields.splice(22);
  fields[7] = compactDateTime(message.er7('MSH-7.1'));
}

function mapPatient({ fields }: DraftSegment, message: Message): void {
  fields.splice(40);
  if (fields[29] !== undefined) fields[29] = timeOfDeath(fields[29], message);
}

/** PHW writes times as YYYY-MM-DD HH:MM:SS; HL7 wants YYYYMMDDHHMMSS, and some of its messages have that already. */
function compactDateTime(text: string): string {
  const compact = text.replace(/^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)$/, '$1$2$3$4$5$6');
  if (isDateTime(compact)) return compact;
  throw new MappingError(
    'BAD_DATE_TIME',
    'MSH-7.1',
    'MSH-7.1 is not a date and time: expected YYYY-MM-DD HH:MM:SS or YYYYMMDDHHMMSS, with a real date and time of day',
  );
}

/** PID-29.1 of PHW holds RESURREC when a death is taken back: the index is then told to delete it. */
function timeOfDeath(field: string, message: Message): string {
  const { repetition, component } = message.separators;
  const text = message.decode(part(part(field, repetition, 1), component, 1)).trim();
  return text.toUpperCase() === 'RESURREC' ? '""' : message.encode(text);
}
