/**
 * What one worker process reads at its start: a JSON file that the plan has filled in completely. Nothing is
 * defaulted here, so what a worker does can be read off its file.
 */
import { z } from 'zod';
import {
  archiveAccess,
  common,
  contentPolicy,
  milliseconds,
  ordering,
  tcpPort,
  text,
} from './worker-parts.js';

const tlsVersion = z.enum(['TLSv1.2', 'TLSv1.3']);

/** Of stages on the road of messages. */
const onTheRoad = {
  ...common,
  /** The topic that takes what this stage can't process. */
  deadLetterTopic: text,
  /** The topic that takes what this stage tells of messages; null: it tells nothing. */
  eventsTopic: text.nullable(),
};

const origin = {
  flow: text,
  /** Metric labels; empty where the flow names none. */
  healthBoard: z.string(),
  peer: z.string(),
};

/** Configuration of a listener: MLLP in, Kafka out. */
export const listenerConfiguration = z.strictObject({
  ...onTheRoad,
  ...origin,
  role: z.literal('listener'),
  listen: z.strictObject({
    host: text,
    port: tcpPort,
    maxConnections: z.int().min(1),
    frameTimeoutMs: milliseconds,
    /** null: plain TCP. */
    tls: z
      .strictObject({
        /** PEM, as the other two; read again when they change. */
        certificateFile: text,
        keyFile: text,
        /** null: clients are not asked for a certificate. */
        caFile: text.nullable(),
        clientAuth: z.enum(['None', 'Request', 'Require']),
        /** null: any name. */
        allowedNames: z.array(text).nullable(),
        minVersion: tlsVersion,
        handshakeTimeoutMs: milliseconds,
      })
      .nullable(),
  }),
  maxMessageBytes: z.int().min(1),
  charset: text,
  accept: z.strictObject({
    /** null: any. */
    versions: z.array(text).nullable(),
    /** null: any. */
    sendingApplications: z.array(text).nullable(),
    rules: z.array(z.strictObject({ name: text, when: text, message: text })),
  }),
  /** null: no validation. */
  schema: z
    .strictObject({
      set: text,
      onlyReference: z.boolean(),
      lengths: z.enum(['ignore', 'warning', 'error']),
      tables: z.enum(['ignore', 'warning', 'error']),
    })
    .nullable(),
  /** The topic of security events. */
  securityTopic: text,
  /** What they may quote of messages. */
  contentPolicy,
  onReject: z.enum(['Close', 'Nak']),
  storeTimeoutMs: milliseconds,
  ordering,
  topic: text,
});

/** Configuration of a transformer: Kafka in, Kafka out. */
export const transformerConfiguration = z.strictObject({
  ...onTheRoad,
  ...origin,
  role: z.literal('transformer'),
  group: text,
  topic: text,
  charset: text,
  mapping: text,
  routes: z.array(z.strictObject({ destination: text, topic: text, when: text.nullable() })).min(1),
  /** null: what comes again is passed on again. */
  deduplication: z
    .strictObject({
      /** Has as many partitions as the topic that is read. */
      topic: text,
      partitions: z.int().min(1),
      windowMs: milliseconds,
      maxMessages: z.int().min(1),
    })
    .nullable(),
});

/** Of memory, for each message that a transformer remembers: its table at its emptiest, while it grows. */
const bytesPerRememberedMessage = 112;

/** What a worker needs in memory, beside what any of its role does, to know messages that come again; in bytes, whole MiB. */
export function deduplicationBytes({
  deduplication,
}: {
  readonly role: string;
  readonly deduplication?: TransformerConfiguration['deduplication'];
}): number {
  return Math.ceil(((deduplication?.maxMessages ?? 0) * bytesPerRememberedMessage) / 1_048_576) * 1_048_576;
}

/** Configuration of a sender: Kafka in, MLLP out. */
export const senderConfiguration = z.strictObject({
  ...onTheRoad,
  role: z.literal('sender'),
  destination: text,
  group: text,
  topic: text,
  partitions: z.int().min(1),
  mllp: z.strictObject({
    host: text,
    port: tcpPort,
    connectTimeoutMs: milliseconds,
    connections: z.int().min(1),
    /** null: plain TCP. */
    tls: z
      .strictObject({
        /** PEM, as the other two; read again for each connection. null: no certificate is shown. */
        certificateFile: text.nullable(),
        keyFile: text.nullable(),
        /** null: the public authorities. */
        caFile: text.nullable(),
        serverName: text,
        minVersion: tlsVersion,
      })
      .nullable(),
  }),
  ackTimeoutMs: milliseconds,
  /** null: as fast as the receiver acknowledges. */
  messagesPerMinute: z.int().min(1).nullable(),
  retry: z.strictObject({
    initialMs: milliseconds,
    maxMs: milliseconds,
    onRefusal: z.enum(['DeadLetter', 'Retry']),
  }),
});

/** Configuration of an archivist: Kafka in, PostgreSQL out. */
export const archivistConfiguration = z.strictObject({
  ...common,
  role: z.literal('archivist'),
  group: text,
  /** The topics of flows and destinations, and the events'. */
  topics: z.array(text).min(1),
  eventsTopic: text,
  /** Where replays keep how far they have come. */
  replaysTopic: text,
  /** By flow. A flow that is not here any more is Redacted. */
  contentPolicies: z.record(text, contentPolicy),
  patientIdentifiers: z.enum(['Hashed', 'Clear']),
  retentionMs: milliseconds,
  ...archiveAccess.shape,
});

/** Configuration of any worker; its role says which. */
export const workerConfiguration = z.discriminatedUnion('role', [
  listenerConfiguration,
  transformerConfiguration,
  senderConfiguration,
  archivistConfiguration,
]);

export type ListenerConfiguration = z.output<typeof listenerConfiguration>;
export type TransformerConfiguration = z.output<typeof transformerConfiguration>;
export type SenderConfiguration = z.output<typeof senderConfiguration>;
export type ArchivistConfiguration = z.output<typeof archivistConfiguration>;
export type WorkerConfiguration = z.output<typeof workerConfiguration>;
export type TelemetryConfiguration = NonNullable<WorkerConfiguration['telemetry']>;
