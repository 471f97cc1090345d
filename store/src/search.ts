/** What can be searched for, and how. */
import { ArchiveError } from './archive-error.js';
import type { NotableStep } from './archived-step.js';

/** Which messages are meant; all that is given must hold. */
export interface MessageCriteria {
  readonly correlationId?: string | undefined;
  /** One of these. */
  readonly correlationIds?: readonly string[] | undefined;
  /** MSH-10. */
  readonly controlId?: string | undefined;
  readonly flow?: string | undefined;
  /** MSH-9.1 and 9.2, as `ADT^A31`. */
  readonly messageType?: string | undefined;
  /** An identifier of the patient, as it stands in PID-2.1, PID-3.1 or MRG-1.1. */
  readonly patient?: string | undefined;
  /** Those that have such a step on their road, whatever came behind it. */
  readonly step?: NotableStep | undefined;
  readonly from?: Date | undefined;
  /** Messages before it. */
  readonly until?: Date | undefined;
}

export interface MessageSearch extends MessageCriteria {
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

/** The latest messages of a patient or with a step that are looked at, where more is asked for: test patients have many. */
const MOST_LOOKED_AT = 100_000;

/** Takes a parameter of a statement, and gives how the statement names it. */
export type Parameter = (value: unknown) => string;

/** Parts of a statement over the messages that are chosen. */
interface Choice {
  readonly from: string;
  readonly where: string;
  /** The latest first. */
  readonly order: string;
}

const latestFirst = 'ORDER BY received_at DESC, correlation_id DESC';

/**
 * @param stored all forms in which an identifier may stand in the database
 * @throws ArchiveError BAD_SEARCH
 */
export function searchStatement(
  search: MessageSearch,
  stored: (identifier: string) => Buffer[],
): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const value: Parameter = (one) => `$${values.push(one)}`;
  const behind: string[] = [];
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
    behind.push(`received_at <= ${at}`, `(received_at, correlation_id) < (${at}, ${value(id)}::uuid)`);
  }
  const { from, where, order } = choose(search, stored, value, behind, MOST_LOOKED_AT);
  const text = `SELECT received_at AS "receivedAt", correlation_id AS "correlationId", flow,
      control_id AS "controlId", message_type AS "messageType", sending_application AS "sendingApplication"
    FROM ${from} ${where} ${order} LIMIT ${value(search.limit)}`;
  return { text, values };
}

/**
 * Says criteria in SQL.
 *
 * @param stored all forms in which an identifier may stand in the database
 * @param behind conditions on received_at and correlation_id beside the criteria
 * @param mostLookedAt how many messages of a patient or with a step are looked at, the latest of them; absent: all
 */
export function choose(
  criteria: MessageCriteria,
  stored: (identifier: string) => Buffer[],
  value: Parameter,
  behind: readonly string[] = [],
  mostLookedAt?: number,
): Choice {
  const place = [...behind];
  if (criteria.from !== undefined) place.push(`received_at >= ${value(criteria.from)}`);
  if (criteria.until !== undefined) place.push(`received_at < ${value(criteria.until)}`);
  const wanted: string[] = [];
  if (criteria.correlationId !== undefined)
    wanted.push(`correlation_id = ${value(criteria.correlationId)}::uuid`);
  if (criteria.correlationIds !== undefined)
    wanted.push(`correlation_id = ANY(${value(criteria.correlationIds)}::uuid[])`);
  if (criteria.controlId !== undefined) wanted.push(`control_id = ${value(criteria.controlId)}`);
  if (criteria.flow !== undefined) wanted.push(`flow = ${value(criteria.flow)}`);
  if (criteria.messageType !== undefined) wanted.push(`message_type = ${value(criteria.messageType)}`);
  const conditions = (all: readonly string[]): string =>
    all.length === 0 ? '' : `WHERE ${all.join(' AND ')}`;
  const { patient, step } = criteria;
  if (patient === undefined && step === undefined) {
    return { from: 'ihub.message', where: conditions([...place, ...wanted]), order: latestFirst };
  }
  const ofKind = step === undefined ? [] : [`kind = ${value(step)}`];
  // The indexes have each of these in the order of time, so that of many no more are read than are wanted.
  const limit = mostLookedAt === undefined ? '' : `${latestFirst} LIMIT ${mostLookedAt}`;
  const among = (table: string, which: readonly string[]): string =>
    `(SELECT received_at, correlation_id FROM ihub.${table} ${conditions([...which, ...place])} ${limit})`;
  const sources =
    patient === undefined
      ? [among('step', ofKind)]
      : stored(patient).map((form) => among('patient_identifier', [`identifier = ${value(form)}::bytea`]));
  if (patient !== undefined && step !== undefined) {
    const own = ['received_at = chosen_time', 'correlation_id = chosen_id', ...ofKind];
    wanted.push(`EXISTS (SELECT FROM ihub.step ${conditions(own)})`);
  }
  // First those, which are few, then each message by its key: the planner may not turn that round (OFFSET 0), or it
  // might read all messages.
  return {
    from: `(SELECT DISTINCT received_at, correlation_id FROM (${sources.join(' UNION ALL ')}) AS sources ${latestFirst})
        AS chosen_first (chosen_time, chosen_id)
      CROSS JOIN LATERAL (
        SELECT * FROM ihub.message WHERE received_at = chosen_time AND correlation_id = chosen_id OFFSET 0
      ) AS message`,
    where: conditions(wanted),
    order: 'ORDER BY chosen_time DESC, chosen_id DESC',
  };
}
