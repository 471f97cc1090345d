/**
 * What the console's page and its server say to each other, as JSON over HTTP. The page imports the types only.
 *
 * Times are ISO 8601 in UTC, rates are by second, and null means that it is not known now.
 */
import { z } from 'zod';

const time = z.iso.datetime();
const count = z.number().min(0);
const known = count.nullable();

export const roles = ['viewer', 'operator', 'administrator'] as const;
export const role = z.enum(roles);

/** GET /api/session */
export const session = z.strictObject({
  user: z.strictObject({ name: z.string(), roles: z.array(role) }),
  /** local: on a laptop, without a login. */
  mode: z.enum(['local', 'oidc']),
  /** To be sent as the header `x-csrf-token` with every POST. */
  csrf: z.string(),
  language: z.enum(['en', 'cy']),
  /** Whether this user may see what is in messages. */
  mayReadContent: z.boolean(),
});

export const workerSummary = z.strictObject({
  stage: z.string(),
  /** '' where it is not known. */
  zone: z.string(),
  /** Whether it can do its work now. */
  ready: z.boolean(),
  /** Whether it answers. */
  up: z.boolean(),
});

export const flowSummary = z.strictObject({
  name: z.string(),
  /** Whether each of its stages has a worker that can do its work. */
  ready: z.boolean(),
  workers: z.array(workerSummary),
  receivedPerSecond: known,
  deliveredPerSecond: known,
  failedPerSecond: known,
  /** Share of the messages that failed, of those that came in the last minute: 0 to 1. */
  errorRate: z.number().min(0).max(1).nullable(),
  /** Messages that wait for its transformer; of a flow without one, null. */
  backlog: known,
  oldestWaitingSeconds: known,
  /** Those that nothing has been done with yet. */
  deadLetters: known,
  lastReceivedAt: time.nullable(),
});

export const destinationSummary = z.strictObject({
  name: z.string(),
  /** Whether the last try to deliver has reached the receiver; null: none was made lately. */
  reachable: z.boolean().nullable(),
  workers: z.array(workerSummary),
  sentPerSecond: known,
  refusedPerSecond: known,
  backlog: known,
  oldestWaitingSeconds: known,
  deadLetters: known,
  throttlePerMinute: z.int().optional(),
});

export const zoneSummary = z.strictObject({
  /** '' where brokers name none. */
  name: z.string(),
  brokers: z.array(z.strictObject({ id: z.int(), up: z.boolean() })),
  /** Whether at least one of its brokers is up. */
  redundant: z.boolean(),
});

/** GET /api/overview; the data of `event: overview`. */
export const overview = z.strictObject({
  hub: z.string(),
  at: time,
  /** Whether Kafka answers; where not, what is told of it is null. */
  kafka: z.boolean(),
  /** Whether there is a message store that can be searched. */
  archive: z.boolean(),
  zones: z.array(zoneSummary),
  flows: z.array(flowSummary),
  destinations: z.array(destinationSummary),
  /** null: they are not evaluated here. */
  alarms: z.strictObject({ firing: z.int(), silenced: z.int() }).nullable(),
});

export const roadStep = z.strictObject({
  /** The worker's stage; '' of a topic. */
  stage: z.string(),
  kind: z.enum(['listener', 'topic', 'transformer', 'destination']),
  name: z.string(),
  /** Messages since the console looks. */
  count: known,
  perSecond: known,
  /** Of a topic: messages that its reader has yet to take. */
  lag: known,
});

export const condition = z.strictObject({
  type: z.string(),
  ok: z.boolean(),
  sentence: z.string(),
});

export const failure = z.strictObject({
  at: time,
  code: z.string(),
  sentence: z.string(),
  correlationId: z.string(),
  stage: z.string(),
});

/** GET /api/flows/:name; the data of `event: flow`. */
export const flowDetail = z.strictObject({
  summary: flowSummary,
  /** When the console began to look: from then on it has counted. */
  since: time,
  road: z.array(roadStep),
  ordering: z.strictObject({ by: z.enum(['Flow', 'Field']), path: z.string().optional() }),
  contentPolicy: z.enum(['None', 'Redacted', 'Full']),
  conditions: z.array(condition),
  recentFailures: z.array(failure),
});

/** GET /api/flows/:name/history?minutes=60; messages in each minute. */
export const history = z.strictObject({
  points: z.array(
    z.strictObject({
      at: time,
      received: known,
      delivered: known,
      failed: known,
      /** From receipt to the receiver's acknowledgement, milliseconds. */
      p50Ms: known,
      p99Ms: known,
    }),
  ),
});

/** POST /api/messages/search; all that is given must hold. */
export const messageSearch = z.strictObject({
  flow: z.string().max(63).optional(),
  from: time.optional(),
  /** Before it. */
  to: time.optional(),
  /** MSH-9.1 and 9.2, as `ADT^A31`. */
  type: z.string().max(200).optional(),
  /** MSH-10. */
  controlId: z.string().max(200).optional(),
  correlationId: z.uuid().optional(),
  /** An identifier of the patient, as in PID-2, PID-3 or MRG-1. */
  patient: z.string().min(1).max(250).optional(),
  outcome: z
    .enum(['delivered', 'waiting', 'failed', 'dead-letter', 'dropped', 'filtered', 'duplicate'])
    .optional(),
  after: z.string().max(100).optional(),
  limit: z.int().min(1).max(200).default(50),
});

export const messageSummary = z.strictObject({
  correlationId: z.uuid(),
  receivedAt: time,
  flow: z.string(),
  controlId: z.string(),
  type: z.string(),
  sendingApplication: z.string(),
  /** In a few words. */
  outcome: z.string(),
});

export const foundMessages = z.strictObject({
  messages: z.array(messageSummary),
  /** Given as `after` to go on; absent: there are no more. */
  next: z.string().optional(),
});

export const field = z.strictObject({
  /** As `PID-3[2].4`. */
  path: z.string(),
  number: z.int(),
  name: z.string().optional(),
  /** 0 of a field, 1 of a component, 2 of a subcomponent. */
  depth: z.int(),
  /** Escapes resolved; null: the HL7 null; absent: its parts follow. */
  value: z.string().nullable().optional(),
  /** Of a code of an HL7 table. */
  meaning: z.string().optional(),
});

export const content = z.union([
  z.strictObject({
    segments: z.array(
      z.strictObject({
        id: z.string(),
        path: z.string(),
        name: z.string().optional(),
        fields: z.array(field),
      }),
    ),
  }),
  /** Why there is none: the flow's policy, the reader's role, or that it can't be read as a message. */
  z.strictObject({ withheld: z.enum(['Redacted', 'None', 'role', 'unreadable']) }),
]);

export const messageStep = z.strictObject({
  at: time,
  /** Since the message was received. */
  ms: z.number(),
  kind: z.enum([
    'received',
    'transformed',
    'filtered',
    'duplicate',
    'delivered',
    'failed',
    'dead-letter',
    'letter-replayed',
    'letter-dropped',
  ]),
  stage: z.string(),
  destination: z.string(),
  code: z.string(),
  sentence: z.string(),
  attempts: z.int(),
  replayed: z.boolean(),
});

export const difference = z.strictObject({
  path: z.string(),
  from: z.string().optional(),
  to: z.string().optional(),
});

/** GET /api/messages/:correlationId */
export const messageDetail = z.strictObject({
  message: messageSummary,
  road: z.array(messageStep),
  traceId: z.string().optional(),
  received: content.optional(),
  written: z
    .array(z.strictObject({ destination: z.string(), content, differences: z.array(difference) }))
    .optional(),
});

/** GET /api/dead-letters?of&code&after&limit */
export const deadLetterSearch = z.strictObject({
  of: z.string().max(63).optional(),
  code: z.string().max(64).optional(),
  after: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

/** As `phw-to-mpi/0/17`: the flow or destination, the partition and the offset. */
export const deadLetterId = z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?\/\d{1,6}\/\d{1,19}$/);

export const deadLetter = z.strictObject({
  id: deadLetterId,
  /** The flow or destination. */
  of: z.string(),
  at: time,
  code: z.string(),
  sentence: z.string(),
  stage: z.string(),
  controlId: z.string(),
  /** MSH-9.1 and 9.2; '' where it is not known. */
  type: z.string(),
  flow: z.string(),
  correlationId: z.string(),
  attempts: z.int(),
  /** A listener has refused it, and the hospital may have sent it again since. */
  rejected: z.boolean(),
  /** Only the beginning was kept: it can't be replayed. */
  truncated: z.boolean(),
});

export const deadLetters = z.strictObject({
  deadLetters: z.array(deadLetter),
  next: z.string().optional(),
  /** Open ones that match, on all pages. */
  total: z.int(),
});

/** GET /api/dead-letters/:id */
export const deadLetterDetail = z.strictObject({
  deadLetter,
  content,
  /** What was done with it meanwhile. */
  handled: z
    .strictObject({ action: z.enum(['replayed', 'dropped']), who: z.string(), why: z.string(), at: time })
    .optional(),
});

const reason = z.string().trim().min(3, 'say why, in some words').max(500);
export const change = z.strictObject({
  /** One field or a part of one, as `PID-7` or `PID-3[2].1`. */
  path: z.string().min(1).max(64),
  /** Text as people read it; '' empties it. */
  value: z.string().max(10_000),
});

/** POST /api/dead-letters/replay */
export const replayLetters = z.strictObject({
  ids: z.array(deadLetterId).min(1).max(1_000),
  reason,
  /** Those that a listener has refused, too. */
  rejected: z.boolean().default(false),
  corrected: z.record(deadLetterId, z.strictObject({ changes: z.array(change).min(1).max(200) })).optional(),
});

/** POST /api/dead-letters/drop */
export const dropLetters = z.strictObject({ ids: z.array(deadLetterId).min(1).max(1_000), reason });

/** The answer to both. */
export const handledLetters = z.strictObject({
  done: z.array(deadLetterId),
  refused: z.array(z.strictObject({ id: deadLetterId, sentence: z.string() })),
});

/** What is watched, of which resource. */
export const alarm = z.strictObject({
  /** As the address of its silence has it: `IntegrationFlow.phw-to-mpi.backlogAge`. */
  id: z.string().regex(/^[A-Za-z]+\.[a-z0-9-]+\.[A-Za-z]+$/),
  of: z.strictObject({ kind: z.enum(['IntegrationFlow', 'Destination', 'Hub']), name: z.string() }),
  /** As in `spec.alerts`: backlogAge. */
  alert: z.string(),
  severity: z.enum(['Critical', 'Warning']),
  /** pending: it is so, but not yet for as long as it must be. */
  state: z.enum(['pending', 'firing']),
  since: time,
  sentence: z.string(),
  whatToDo: z.string(),
  /** What can be tuned for a time: `above`, `after` or `for` as `spec.alerts` writes them. */
  limits: z.record(z.string(), z.union([z.number(), z.string()])),
  /** What holds for a time instead of what Git says. */
  override: z
    .strictObject({ kind: z.enum(['silence', 'tune']), until: time, by: z.string(), why: z.string() })
    .optional(),
});

/** What somebody has silenced or tuned for a time. */
export const alarmOverride = z.strictObject({
  /** As the address of its end has it: the resource, and what its content is known by. */
  id: z.string().regex(/^[A-Za-z]+\.[a-z0-9-]+\.[0-9a-f]+$/),
  /** The resource that it stands on; a Hub's silence is for all of its flows and destinations. */
  of: alarm.shape.of,
  kind: z.enum(['silence', 'tune']),
  /** Of which alerts; none: of all. */
  alerts: z.array(z.string()),
  until: time,
  by: z.string(),
  why: z.string(),
});

/** GET /api/alarms; overrides that end first come first. */
export const alarms = z.strictObject({ alarms: z.array(alarm), overrides: z.array(alarmOverride) });

/** POST /api/alarms/:id/silence */
export const silenceAlarm = z.strictObject({ until: time, why: reason });

/** POST /api/alarms/:id/tune */
export const tuneAlarm = z.strictObject({ until: time, why: reason, limits: alarm.shape.limits });

/** POST /api/alarm-overrides/:id/end */
export const endOverride = z.strictObject({ why: reason });

/** What is to be sent again, and where to. */
const replayChoice = {
  messages: messageSearch.omit({ outcome: true, after: true, limit: true }),
  /** From where: as it was received, through the mapping again; or as it was written for its destination. */
  stage: z.enum(['received', 'outbound']),
  /** A destination to write for in place of where each message stood. */
  toDestination: z.string().max(63).optional(),
};

/** POST /api/replays/preview */
export const previewReplay = z.strictObject(replayChoice);

/** The answer to it. */
export const replayPreview = z.strictObject({
  total: z.int(),
  firstAt: time.nullable(),
  lastAt: time.nullable(),
  /** Messages by flow. */
  flows: z.record(z.string(), z.int()),
  /** Messages that can't be sent: neither archive nor Kafka has their content. */
  leftOut: z.int(),
});

/** POST /api/replays; answered with the replay. */
export const startReplay = z.strictObject({
  ...replayChoice,
  /** Made by the page: who asks twice with one id starts one replay. */
  id: z.uuid(),
  reason,
  /** The most messages a second; absent: as fast as it goes. */
  perSecond: z.int().min(1).max(100_000).optional(),
});

/** POST /api/replays/:id/pause, resume and cancel; answered with the replay. */
export const changeReplay = z.strictObject({ reason: z.string().trim().max(500).default('') });

export const replay = z.strictObject({
  id: z.uuid(),
  createdAt: time,
  who: z.string(),
  reason: z.string(),
  stage: z.enum(['received', 'outbound']),
  /** '' where each message goes to where it stood. */
  toDestination: z.string(),
  perSecond: z.int().nullable(),
  total: z.int(),
  done: z.int(),
  leftOut: z.int(),
  state: z.enum(['running', 'paused', 'cancelled', 'completed', 'failed']),
  /** Of one that failed: why. */
  error: z.string(),
  finishedAt: time.nullable(),
});

/** GET /api/replays, the latest first. */
export const replays = z.strictObject({ replays: z.array(replay) });

/** GET /api/audit */
export const auditRecord = z.strictObject({
  at: time,
  who: z.string(),
  action: z.enum([
    'login',
    'logout',
    'content-read',
    'searched-patient',
    'dead-letters-replayed',
    'dead-letters-dropped',
    'replay-started',
    'replay-changed',
    'alarm-silenced',
    'alarm-tuned',
    'alarm-override-ended',
    'refused',
  ]),
  /** What it was done to: a correlation id, ids of dead letters, a flow. Never anything of a patient. */
  about: z.array(z.string()),
  why: z.string().optional(),
});

export const audit = z.strictObject({ records: z.array(auditRecord), next: z.string().optional() });

/** The body of every answer that is not 2xx. */
export const problem = z.strictObject({ code: z.string(), sentence: z.string() });

export type Role = z.output<typeof role>;
export type Session = z.output<typeof session>;
export type WorkerSummary = z.output<typeof workerSummary>;
export type FlowSummary = z.output<typeof flowSummary>;
export type DestinationSummary = z.output<typeof destinationSummary>;
export type ZoneSummary = z.output<typeof zoneSummary>;
export type Overview = z.output<typeof overview>;
export type RoadStep = z.output<typeof roadStep>;
export type Condition = z.output<typeof condition>;
export type Failure = z.output<typeof failure>;
export type FlowDetail = z.output<typeof flowDetail>;
export type History = z.output<typeof history>;
export type MessageSearch = z.input<typeof messageSearch>;
export type MessageSummary = z.output<typeof messageSummary>;
export type FoundMessages = z.output<typeof foundMessages>;
export type Field = z.output<typeof field>;
export type Content = z.output<typeof content>;
export type MessageStep = z.output<typeof messageStep>;
export type Difference = z.output<typeof difference>;
export type MessageDetail = z.output<typeof messageDetail>;
export type DeadLetter = z.output<typeof deadLetter>;
export type DeadLetters = z.output<typeof deadLetters>;
export type DeadLetterDetail = z.output<typeof deadLetterDetail>;
export type Change = z.output<typeof change>;
export type ReplayLetters = z.input<typeof replayLetters>;
export type DropLetters = z.input<typeof dropLetters>;
export type HandledLetters = z.output<typeof handledLetters>;
export type Alarm = z.output<typeof alarm>;
export type AlarmOverride = z.output<typeof alarmOverride>;
export type Alarms = z.output<typeof alarms>;
export type SilenceAlarm = z.input<typeof silenceAlarm>;
export type TuneAlarm = z.input<typeof tuneAlarm>;
export type EndOverride = z.input<typeof endOverride>;
export type PreviewReplay = z.input<typeof previewReplay>;
export type ReplayPreview = z.output<typeof replayPreview>;
export type StartReplay = z.input<typeof startReplay>;
export type ChangeReplay = z.input<typeof changeReplay>;
export type Replay = z.output<typeof replay>;
export type Replays = z.output<typeof replays>;
export type AuditRecord = z.output<typeof auditRecord>;
export type Audit = z.output<typeof audit>;
export type Problem = z.output<typeof problem>;
