/**
 * What people have done with replays, for audit: JSON in `ihub.<namespace>.events`, beside the events of messages, which
 * readers of those pass over. Unlike those they are never dropped: each waits in the database until Kafka has it.
 */
import type { RecordHeaders } from './message-record.js';

export interface ReplayAuditEvent {
  readonly version: 1;
  readonly type: 'REPLAY';
  readonly action: 'started' | 'paused' | 'resumed' | 'cancelled' | 'completed' | 'failed';
  /** The replay's id. */
  readonly replay: string;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly namespace: string;
  readonly who: string;
  readonly why: string;
  /** Messages that the replay sends, and that it has sent by then. */
  readonly total: number;
  readonly done: number;
}

/** @param id the same however often the event is written */
export function replayAuditHeaders(event: ReplayAuditEvent, id: string): RecordHeaders {
  return {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: `/ihub/${event.namespace}/replays`,
    ce_type: `dev.integrationhub.audit.replay.${event.action}.v${event.version}`,
    ce_time: event.time,
    ce_subject: event.replay,
    'content-type': 'application/json',
  };
}
