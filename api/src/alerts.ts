/**
 * Alerts: what is watched of flows, destinations and the Hub, and from when on it is an alarm. A resource says only what
 * is otherwise than on its Hub, and the Hub what is otherwise than here; an annotation may tune or silence for a time.
 */
import { z } from 'zod';
import { withRule } from './cel-rule.js';
import { celMilliseconds, duration, durationToMs } from './quantity.js';
import { celMinutes, holidays, minutesOf, workingHours, type WorkingHours } from './working-hours.js';

/** What is said of every alert. */
interface Common {
  readonly enabled: boolean;
  readonly severity: 'Critical' | 'Warning';
  /** How long it must be so before it is an alarm. */
  readonly for: string;
}

/** Every alert's settings, complete. */
export interface Thresholds {
  readonly errorRate: Common & { readonly above: number; readonly window: string; readonly minimum: number };
  readonly backlogAge: Common & { readonly above: string };
  readonly backlogSize: Common & { readonly above: number };
  readonly noMessages: Common & {
    readonly after: string;
    readonly hours: WorkingHours;
    readonly holidays: readonly string[];
  };
  readonly deadLetters: Common & { readonly above: number };
  readonly zoneRedundancy: Common;
  readonly notReady: Common;
  readonly archiveLag: Common & { readonly above: string };
}

export type AlertName = keyof Thresholds;

/** What holds where neither Hub nor resource says otherwise. */
export const standardThresholds: Thresholds = {
  errorRate: { enabled: true, severity: 'Warning', for: '2m', above: 5, window: '15m', minimum: 20 },
  backlogAge: { enabled: true, severity: 'Critical', for: '1m', above: '15m' },
  backlogSize: { enabled: true, severity: 'Warning', for: '5m', above: 10_000 },
  noMessages: {
    enabled: false,
    severity: 'Warning',
    for: '1m',
    after: '1h',
    hours: workingHours.parse({}),
    holidays: [],
  },
  deadLetters: { enabled: true, severity: 'Warning', for: '1m', above: 0 },
  zoneRedundancy: { enabled: true, severity: 'Warning', for: '5m' },
  notReady: { enabled: true, severity: 'Critical', for: '3m' },
  archiveLag: { enabled: true, severity: 'Warning', for: '5m', above: '30m' },
};

export const alertNames = Object.keys(standardThresholds) as AlertName[];

/** An alarm ends when it has not been so for this long: what comes and goes is one alarm. In milliseconds. */
export const keepFiringMs = 300_000;

const whole = (least: number, most: number): z.ZodInt =>
  z.int().min(least).max(most).meta({ format: 'int32' });

/** Adds what applies where nothing is said, in words: it is no default of the field's, else it would hide the Hub's. */
function absent(alert: AlertName, field: string, text: string): string {
  const value = (standardThresholds[alert] as unknown as Record<string, unknown>)[field];
  return `${text} Absent: as the Hub says, or else ${String(value)}.`;
}

function alertOf<Shape extends z.ZodRawShape>(alert: AlertName, shape: Shape, text: string) {
  return z
    .strictObject({
      enabled: z
        .boolean()
        .optional()
        .describe(absent(alert, 'enabled', 'Whether this is watched.')),
      severity: z
        .enum(['Critical', 'Warning'], 'must be Critical or Warning')
        .optional()
        .describe(
          absent(alert, 'severity', 'Critical wakes somebody, Warning waits until somebody is at work.'),
        ),
      for: duration('0s', '24h')
        .optional()
        .describe(absent(alert, 'for', 'How long it must be so before it is an alarm.')),
      ...shape,
    })
    .describe(text);
}

const noMessages = withRule(
  alertOf(
    'noMessages',
    {
      after: duration('1m', '24h')
        .optional()
        .describe(
          absent(
            'noMessages',
            'after',
            'How long no message may come. Time outside the hours does not count.',
          ),
        ),
      hours: workingHours
        .optional()
        .describe(
          'When messages are expected. It is taken as a whole. Absent: as the Hub says, or else Monday to Friday, 08:00 to 18:00 in Europe/London.',
        ),
      holidays: holidays
        .optional()
        .describe(
          'Days on which no messages are expected, such as the bank holidays of Wales, as 2026-12-25. Absent: as the Hub says, or else none.',
        ),
    },
    'No message has come for too long, in hours in which messages are expected. Of flows.',
  ),
  {
    cel: `!has(self.after) || !has(self.hours) || ${celMilliseconds('self.after')} < (${celMinutes('self.hours.to')} - ${celMinutes('self.hours.from')}) * 60000`,
    holds: ({ after, hours }) =>
      after === undefined ||
      hours === undefined ||
      durationOrZero(after) < (minutesOf(hours.to) - minutesOf(hours.from)) * 60_000,
    message: 'must be shorter than the hours, else it never is an alarm',
    field: 'after',
  },
);

/** What is not a duration has its own message. */
function durationOrZero(text: string): number {
  try {
    return durationToMs(text);
  } catch {
    return 0;
  }
}

/** Of flows and destinations alike. */
const ofBoth = {
  errorRate: alertOf(
    'errorRate',
    {
      above: whole(0, 99)
        .optional()
        .describe(absent('errorRate', 'above', 'Percentage of failed messages that is still borne.')),
      window: duration('1m', '24h')
        .optional()
        .describe(absent('errorRate', 'window', 'Time over which messages are counted.')),
      minimum: whole(1, 1_000_000)
        .optional()
        .describe(absent('errorRate', 'minimum', 'With fewer messages in that time, nothing is said.')),
    },
    'Too many messages fail: a flow’s that are rejected or can’t be transformed; a destination’s tries that don’t succeed.',
  ),
  backlogAge: alertOf(
    'backlogAge',
    {
      above: duration('10s', '30d')
        .optional()
        .describe(absent('backlogAge', 'above', 'How long the oldest may wait.')),
    },
    'A message waits for too long to be transformed or delivered.',
  ),
  backlogSize: alertOf(
    'backlogSize',
    {
      above: whole(1, 1_000_000_000)
        .optional()
        .describe(absent('backlogSize', 'above', 'Number of messages that may wait.')),
    },
    'Too many messages wait to be transformed or delivered.',
  ),
  deadLetters: alertOf(
    'deadLetters',
    {
      above: whole(0, 9_999)
        .optional()
        .describe(absent('deadLetters', 'above', 'Number of open dead letters that is still borne.')),
    },
    'Messages were set aside, and nobody has replayed or dropped them yet.',
  ),
  zoneRedundancy: alertOf(
    'zoneRedundancy',
    {},
    'A stage has no ready worker, or Kafka no broker, in one of the Hub’s zones. Where the Hub names fewer than two zones, this is not watched.',
  ),
  notReady: alertOf('notReady', {}, 'The condition Ready is False: something does not work at all.'),
};

const archiveLag = alertOf(
  'archiveLag',
  {
    above: duration('10s', '30d')
      .optional()
      .describe(absent('archiveLag', 'above', 'How long the oldest may wait.')),
  },
  'What is not yet in the archive has waited for too long. Of a Hub with an archive.',
);

/** `spec.alerts` of an IntegrationFlow. */
export const flowAlerts = z.strictObject({ ...ofBoth, noMessages }).partial();
/** `spec.alerts` of a Destination. */
export const destinationAlerts = z.strictObject(ofBoth).partial();
/** All thresholds, of which a Hub says some, for itself and for those that say nothing. */
export const allAlerts = z.strictObject({ ...ofBoth, noMessages, archiveLag }).partial();

/** Thresholds of which only some are said. */
export type Alerts = z.output<typeof allAlerts>;
