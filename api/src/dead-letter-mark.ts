/**
 * What people have done with a dead letter: a record in the topic of the letter, written in the transaction that does
 * it. So the topic itself says what is still to be done, and who did the rest and why.
 */
import type { RecordHeaders } from './message-record.js';

export type DeadLetterAction = 'replayed' | 'dropped';

export interface DeadLetterMark {
  readonly action: DeadLetterAction;
  /** The letter: partition/offset in the topic that the mark is in. */
  readonly letter: string;
  readonly who: string;
  readonly why: string;
  /** ISO 8601, UTC. */
  readonly time: string;
  /** The topic that it was written to again; empty where it was dropped. */
  readonly target: string;
  /** The places of the message that were changed before it was sent again, as `PID-7`; without values. */
  readonly corrected: readonly string[];
  /** Of the letter's message; empty in marks that were made before they said it. */
  readonly correlationId: string;
  /** When the listener had the message; ISO 8601, UTC. */
  readonly receivedTime: string;
  /** The stage that had given the letter up. */
  readonly stage: string;
}

const typePrefix = 'dev.integrationhub.dead-letter.';

/** Builds a mark's headers; its record has no value worth reading. */
export function markHeaders(mark: DeadLetterMark): RecordHeaders {
  return {
    ce_specversion: '1.0',
    ce_id: `${mark.letter}-${mark.action}-${mark.time}`,
    ce_source: '/ihub/dead-letters',
    ce_type: `${typePrefix}${mark.action}.v1`,
    ce_time: mark.time,
    ce_subject: mark.letter,
    ce_who: mark.who,
    ce_why: mark.why,
    ce_target: mark.target,
    ce_corrected: mark.corrected.join(' '),
    ce_correlationid: mark.correlationId,
    ce_receivedtime: mark.receivedTime,
    ce_stage: mark.stage,
  };
}

/** Reads a mark back; undefined where the record is none. */
export function readMark(headers: Readonly<Record<string, Buffer | undefined>>): DeadLetterMark | undefined {
  const text = (name: string): string => headers[name]?.toString('utf8') ?? '';
  const type = text('ce_type');
  const action = (['replayed', 'dropped'] as const).find((one) => type === `${typePrefix}${one}.v1`);
  if (action === undefined) return undefined;
  return {
    action,
    letter: text('ce_subject'),
    who: text('ce_who'),
    why: text('ce_why'),
    time: text('ce_time'),
    target: text('ce_target'),
    corrected: text('ce_corrected')
      .split(' ')
      .filter((path) => path !== ''),
    correlationId: text('ce_correlationid'),
    receivedTime: text('ce_receivedtime'),
    stage: text('ce_stage'),
  };
}
