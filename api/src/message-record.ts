/**
 * A message as a Kafka record: the value is the message's own bytes, and the headers are CloudEvents 1.0 in Kafka's
 * binary content mode (CloudEvents Kafka Protocol Binding 1.0.2, section 3.2) with W3C Trace Context beside them.
 */

/** What the hub knows of a message beside its bytes. It holds no patient data. */
export interface MessageDescription {
  /** Unique for the received message (a UUID), the same on its whole road; names it in logs and events. */
  readonly correlationId: string;
  readonly namespace: string;
  readonly flow: string;
  /** When the listener had the whole message: ISO 8601, UTC. */
  readonly receivedTime: string;
  /** MSH-10 of the message as received. */
  readonly controlId: string;
  /** Such as `x-application/hl7-v2+er7; charset=utf-8`. */
  readonly contentType: string;
  /** W3C `traceparent`. */
  readonly traceparent: string;
  /** Labels of metrics, as the flow says; empty where it says none. */
  readonly healthBoard: string;
  readonly peer: string;
  /** Of a message that somebody has sent again; on its whole road from there. */
  readonly replay?: ReplayMark | undefined;
}

/** That and why a message is on its way once more. */
export interface ReplayMark {
  /** What it repeats: the correlation id of a message, or a dead letter as owner/partition/offset. */
  readonly of: string;
  /** The replay that it is part of; empty where it is a dead letter's. */
  readonly id: string;
}

/** Which stage's output a record is, as its CloudEvents type. */
export type RecordType = 'received' | 'transformed' | 'dead-letter';

/** Why a message became a dead letter. */
export interface DeadLetterReason {
  /** Stable code, such as BAD_DATE_TIME. */
  readonly code: string;
  /** A sentence for people, without patient data. */
  readonly reason: string;
  /** The stage that gave up, such as phw-to-mpi-transformer. */
  readonly stage: string;
  readonly attempts: number;
  /** ISO 8601, UTC. */
  readonly failedTime: string;
  /** Where it was read from, as topic/partition/offset; empty where it never was in a topic. */
  readonly origin: string;
  /** True where the value is only the beginning of what came, because it was too large. */
  readonly truncated: boolean;
}

export type RecordHeaders = Record<string, string | Buffer>;

/** Builds a record's headers. */
export function recordHeaders(description: MessageDescription, type: RecordType): RecordHeaders {
  return {
    ce_specversion: '1.0',
    ce_id: type === 'received' ? description.correlationId : `${description.correlationId}-${type}`,
    ce_source: `/ihub/${description.namespace}/${description.flow}`,
    ce_type: `dev.integrationhub.message.${type}.v1`,
    ce_time: description.receivedTime,
    ce_correlationid: description.correlationId,
    ce_flow: description.flow,
    ce_controlid: description.controlId,
    'content-type': description.contentType,
    traceparent: description.traceparent,
    ...(description.healthBoard !== '' && { ce_healthboard: description.healthBoard }),
    ...(description.peer !== '' && { ce_peer: description.peer }),
    ...replayHeaders(description.replay),
  };
}

function replayHeaders(replay: ReplayMark | undefined): RecordHeaders {
  if (replay === undefined) return {};
  return { ce_replayof: replay.of, ...(replay.id !== '' && { ce_replayid: replay.id }) };
}

/** Builds a dead letter's headers: those of its message and the reason. */
export function deadLetterHeaders(description: MessageDescription, reason: DeadLetterReason): RecordHeaders {
  return {
    ...recordHeaders(description, 'dead-letter'),
    ce_reasoncode: reason.code,
    ce_reason: reason.reason,
    ce_stage: reason.stage,
    ce_attempts: String(reason.attempts),
    ce_failedtime: reason.failedTime,
    ce_origin: reason.origin,
    ce_truncated: String(reason.truncated),
  };
}

type ReadHeaders = Readonly<Record<string, Buffer | undefined>>;

/** Reads a record's headers back. A header that is missing (a record written by another tool) reads as empty. */
export function readDescription(headers: ReadHeaders): MessageDescription {
  const text = (name: string): string => headers[name]?.toString('utf8') ?? '';
  const [, , namespace = ''] = text('ce_source').split('/');
  return {
    correlationId: text('ce_correlationid'),
    namespace,
    flow: text('ce_flow'),
    receivedTime: text('ce_time'),
    controlId: text('ce_controlid'),
    contentType: text('content-type'),
    traceparent: text('traceparent'),
    healthBoard: text('ce_healthboard'),
    peer: text('ce_peer'),
    ...(headers['ce_replayof'] !== undefined && {
      replay: { of: text('ce_replayof'), id: text('ce_replayid') },
    }),
  };
}

/** Reads a dead letter's reason back; undefined where the record is no dead letter. */
export function readDeadLetterReason(headers: ReadHeaders): DeadLetterReason | undefined {
  if (headers['ce_reasoncode'] === undefined) return undefined;
  const text = (name: string): string => headers[name]?.toString('utf8') ?? '';
  return {
    code: text('ce_reasoncode'),
    reason: text('ce_reason'),
    stage: text('ce_stage'),
    attempts: Number(text('ce_attempts')),
    failedTime: text('ce_failedtime'),
    origin: text('ce_origin'),
    truncated: text('ce_truncated') === 'true',
  };
}
