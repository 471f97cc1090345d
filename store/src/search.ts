/** What can be searched for, and how. */
import { ArchiveError } from './archive-error.js';

/** All that is given must hold. */
export interface MessageSearch {
  readonly correlationId?: string | undefined;
  /** MSH-10. */
  readonly controlId?: string | undefined;
  readonly flow?: string | undefined;
  /** MSH-9.1 and 9.2, as `ADT^A31`. */
  readonly messageType?: string | undefined;
  /** An identifier of the patient, as it stands in PID-2.1, PID-3.1 or MRG-1.1. */
  readonly patient?: string | undefined;
  readonly from?: Date | undefined;
  /** Messages before it. */
  readonly until?: Date | undefined;
  /** The cursor of a message: those that come behind it. */
  readonly after?: string | undefined;
  /** The most messages that are given. */
  readonly limit: number;
}

export interface FoundMessage {
  readonly receivedAt: Date;
  readonly correlationId: string;
  readonly flow: string;
  readonly controlId: string;
  readonly messageType: string;
  readonly sendingApplication: string;
}

/** Where a message stands among all, to go on behind it. */
export function cursorOf({ receivedAt, correlationId }: FoundMessage): string {
  return `${receivedAt.toISOString()}/${correlationId}`;
}

/** A patient's latest messages that are looked at, where more than the patient is asked for. */
const MOST_OF_A_PATIENT = 10_000;

/**
 * @param stored all forms in which an identifier may stand in the database
 * @throws ArchiveError BAD_SEARCH
 */
export function searchStatement(
  search: MessageSearch,
  stored: (identifier: string) => Buffer[],
): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const value = (one: unknown): string => `$${values.push(one)}`;
  const place: string[] = [];
  if (search.from !== undefined) place.push(`received_at >= ${value(search.from)}`);
  if (search.until !== undefined) place.push(`received_at < ${value(search.until)}`);
  if (search.after !== undefined) {
    const [time = '', id = ''] = search.after.split('/');
    if (Number.isNaN(Date.parse(time)) || !/^[0-9a-f-]{36}$/.test(id)) {
      throw new ArchiveError(
        'BAD_SEARCH',
        'The cursor is none: take the one that the former page has given.',
      );
    }
    const at = `${value(new Date(time))}::timestamptz`;
    // The first says nothing new, but lets PostgreSQL pass over whole days.
    place.push(`received_at <= ${at}`, `(received_at, correlation_id) < (${at}, ${value(id)}::uuid)`);
  }
  const wanted: string[] = [];
  if (search.correlationId !== undefined)
    wanted.push(`correlation_id = ${value(search.correlationId)}::uuid`);
  if (search.controlId !== undefined) wanted.push(`control_id = ${value(search.controlId)}`);
  if (search.flow !== undefined) wanted.push(`flow = ${value(search.flow)}`);
  if (search.messageType !== undefined) wanted.push(`message_type = ${value(search.messageType)}`);
  const conditions = (all: readonly string[]): string =>
    all.length === 0 ? '' : `WHERE ${all.join(' AND ')}`;
  const order = 'ORDER BY received_at DESC, correlation_id DESC';

  let of = 'ihub.message';
  let before = '';
  if (search.patient !== undefined) {
    const identified = `identifier = ANY(${value(stored(search.patient))}::bytea[])`;
    // First the patient's messages, which are few; were the planner let to choose, it might read all others.
    before = `WITH patients AS MATERIALIZED (
      SELECT DISTINCT received_at, correlation_id FROM ihub.patient_identifier
      ${conditions([identified, ...place])} ${order} LIMIT ${MOST_OF_A_PATIENT})`;
    of = 'patients JOIN ihub.message USING (received_at, correlation_id)';
  }
  const text = `${before}
    SELECT received_at AS "receivedAt", correlation_id AS "correlationId", flow, control_id AS "controlId",
      message_type AS "messageType", sending_application AS "sendingApplication"
    FROM ${of} ${conditions(search.patient === undefined ? [...place, ...wanted] : wanted)}
    ${order} LIMIT ${value(search.limit)}`;
  return { text, values };
}
