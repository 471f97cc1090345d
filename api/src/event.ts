/**
 * Events: what each stage tells of each message, for audit, the archive and whoever watches. JSON in the topic
 * `ihub.<namespace>.events`, with CloudEvents 1.0 in the headers. An event holds no field of a message but MSH-10.
 *
 * They are a report, not a record: a stage never waits for one, and drops what Kafka doesn't take in time. What was
 * stored and acknowledged is what stands in the messages' own topics.
 */
import { z } from 'zod';
import type { RecordHeaders } from './message-record.js';

export const eventTypes = [
  /** A listener has read a message off a connection. */
  'MESSAGE_RECEIVED',
  /** It passed, or did not pass, the flow's checks and schema. */
  'VALIDATION_SUCCESS',
  'VALIDATION_FAILED',
  /** A stage has done its work: the listener has stored and acknowledged it; the transformer has passed it on. */
  'MESSAGE_PROCESSED',
  /** The receiver has acknowledged it. */
  'MESSAGE_SENT',
  /** A stage has refused it, set it aside, or could not deliver it for now. */
  'MESSAGE_FAILED',
] as const;

/** Version 1. A reader passes over fields that it doesn't know; a change that it couldn't bear is another version. */
export const messageEvent = z.object({
  version: z.literal(1),
  type: z.enum(eventTypes),
  /** ISO 8601, UTC. */
  time: z.iso.datetime(),
  namespace: z.string(),
  flow: z.string(),
  /** The stage that tells it, such as phw-to-mpi-listener. */
  stage: z.string(),
  correlationId: z.string(),
  /** When the listener had the message; ISO 8601, UTC. */
  receivedTime: z.string(),
  /** MSH-10. */
  controlId: z.string(),
  /** Of a message that somebody has sent again: the replay, or '' where it was a dead letter's. */
  replay: z.string().optional(),
  /** Of what a transformer has processed: where the message goes on to; none where no condition was true. */
  destinations: z.array(z.string()).optional(),
  /** Of what a transformer has dropped: when the same message was received that it has passed on. */
  duplicateOf: z.iso.datetime().optional(),
  /** Of what was sent, or could not be. */
  destination: z.string().optional(),
  /** Of VALIDATION_FAILED and MESSAGE_FAILED: a stable code, and a sentence without patient data. */
  error: z
    .object({
      code: z.string(),
      reason: z.string(),
      attempts: z.int(),
      /** False where the stage will try again. */
      isFinal: z.boolean(),
    })
    .optional(),
});

export type MessageEvent = z.output<typeof messageEvent>;
export type MessageEventType = MessageEvent['type'];

/** Builds the headers of an event's record. */
export function eventHeaders(event: MessageEvent, id: string): RecordHeaders {
  return {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: `/ihub/${event.namespace}/${event.stage}`,
    ce_type: `dev.integrationhub.event.${event.type.toLowerCase()}.v${event.version}`,
    ce_time: event.time,
    ce_subject: event.correlationId,
    'content-type': 'application/json',
  };
}

/** Reads an event back; undefined where it is none, or of a later version. */
export function readEvent(value: Buffer): MessageEvent | undefined {
  let json: unknown;
  try {
    json = JSON.parse(value.toString('utf8'));
  } catch {
    return undefined;
  }
  return messageEvent.safeParse(json).data;
}
