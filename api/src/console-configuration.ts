/**
 * What the console's process reads: a JSON file that the plan has filled in completely. Its `plan` is what changes
 * with every flow, and is read again when the file changes; all else is read once.
 */
import { z } from 'zod';
import { notifierConfiguration } from './alert-notifications.js';
import { alertSettings } from './effective-alerts.js';
import { listenerConfiguration } from './worker-configuration.js';
import {
  archiveAccess,
  common,
  contentPolicy,
  milliseconds,
  ordering,
  tcpPort,
  text,
} from './worker-parts.js';

/** Who may do what, by the values of a claim of the identity provider's token. */
const roleValues = z.array(text);

const plannedFlow = z.strictObject({
  name: text,
  ordering,
  contentPolicy,
  listener: text,
  /** The topic that its listener writes to. */
  intake: text,
  /** What its listener asks of each message. */
  checks: listenerConfiguration.pick({ accept: true, charset: true, schema: true, maxMessageBytes: true }),
  /** null: its listener writes to the destination's topic itself. */
  transformer: z.strictObject({ stage: text, group: text, topic: text, mapping: text }).nullable(),
  destinations: z.array(text),
  deadLetterTopic: text,
});

const plannedDestination = z.strictObject({
  name: text,
  sender: text,
  group: text,
  topic: text,
  deadLetterTopic: text,
  messagesPerMinute: z.int().nullable(),
});

/** What the console shows and does of flows and destinations. */
export const consolePlan = z.strictObject({
  flows: z.array(plannedFlow),
  destinations: z.array(plannedDestination),
  /** The Hub's zones. */
  zones: z.array(text),
  /** What is watched, of the Hub, flows and destinations. */
  alerts: z.array(alertSettings),
  /** Where each worker's /metrics is, where that is known by heart (on a laptop); null: they are found by name. */
  workers: z.array(z.strictObject({ stage: text, host: text, port: tcpPort })).nullable(),
});

/** Configuration of the console. */
export const consoleConfiguration = z.strictObject({
  ...common,
  role: z.literal('console'),
  hub: text,
  listen: z.strictObject({ host: text, port: tcpPort }),
  /** How its users' browsers reach it, as https://hub.example; null: on this machine only, without a login. */
  publicUrl: z.url().nullable(),
  /** null: without a login; then it listens on loopback only, whatever `listen` says. */
  login: z
    .strictObject({
      issuer: z.url(),
      clientId: text,
      clientSecretFile: text,
      /** PEM of the authorities that issue the provider's certificate; null: the public ones. */
      caFile: text.nullable(),
      scopes: z.array(text),
      rolesClaim: text,
      roles: z.strictObject({
        viewer: roleValues,
        operator: roleValues,
        administrator: roleValues,
        /** Beside their role: who may see what is in messages. */
        mayReadContent: roleValues,
      }),
    })
    .nullable(),
  session: z.strictObject({ idleMs: milliseconds, absoluteMs: milliseconds }),
  auditTopic: text,
  /** Who is told of alarms. */
  notifier: notifierConfiguration,
  /** Where it is kept what is silenced and tuned; null: as annotations of the resources, in Kubernetes. */
  alertOverridesFile: text.nullable(),
  /** null: there is none. */
  archive: archiveAccess.nullable(),
  /** A name whose addresses are those of all workers; null: `plan.workers` says where they are. */
  workers: z.strictObject({ host: text, port: tcpPort }).nullable(),
  plan: consolePlan,
});

export type ConsoleConfiguration = z.output<typeof consoleConfiguration>;
export type ConsolePlan = z.output<typeof consolePlan>;
export type PlannedFlow = ConsolePlan['flows'][number];
export type PlannedDestination = ConsolePlan['destinations'][number];
