/**
 * Security events: what a listener refuses that may be an attack or a broken set-up. JSON in a topic of their own
 * (`ihub.<namespace>.security`), with CloudEvents of a type of their own (`dev.integrationhub.security.…`), so that a
 * security team's tools can read them alone.
 */
import { z } from 'zod';
import type { RecordHeaders } from './message-record.js';

export const securityEventTypes = [
  /** A message above the flow's maxMessageSize; its connection was closed. */
  'MESSAGE_TOO_LARGE',
  /** MSH-3 is none that the flow accepts. */
  'SENDER_REFUSED',
  /** A client without TLS, without a certificate, or with a wrong one. */
  'TLS_FAILED',
  /** More connections than the flow allows. */
  'TOO_MANY_CONNECTIONS',
] as const;

/** The most of a message that an event quotes, in bytes. */
export const mostQuotedBytes = 1_000;

/** Version 1. */
export const securityEvent = z.object({
  version: z.literal(1),
  type: z.enum(securityEventTypes),
  /** ISO 8601, UTC. */
  time: z.iso.datetime(),
  namespace: z.string(),
  flow: z.string(),
  stage: z.string(),
  /** Stable, such as WRONG_NAME of TLS_FAILED. */
  code: z.string(),
  /** A sentence without patient data. */
  reason: z.string(),
  /**
   * How many more of the type there were than were told one by one, since the last such event of the stage. Then the
   * rest is of all of them. Absent: the event is of one.
   */
  leftOut: z.int().min(1).optional(),
  /** IP address of the client, which may be a balancer's; empty where it is gone, and of those left out. */
  remoteAddress: z.string(),
  /** Of a message that was kept as a dead letter. */
  correlationId: z.string().optional(),
  /** The message's beginning in base64, at most `mostQuotedBytes`: only where the flow's contentPolicy is Full. */
  content: z.base64().optional(),
});

/** Code of an event that tells how many were left out. */
export const leftOutCode = 'NOT_TOLD_ONE_BY_ONE';

export type SecurityEvent = z.output<typeof securityEvent>;
export type SecurityEventType = SecurityEvent['type'];

/** Builds the headers of a security event's record. */
export function securityEventHeaders(event: SecurityEvent, id: string): RecordHeaders {
  return {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: `/ihub/${event.namespace}/${event.stage}`,
    ce_type: `dev.integrationhub.security.${event.type.toLowerCase()}.v${event.version}`,
    ce_time: event.time,
    ce_subject: event.flow,
    'content-type': 'application/json',
  };
}
