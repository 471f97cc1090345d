/** Whether one alert is so, by its threshold and what is measured. Pure. */
import { durationToMs, workingSince, type AlertName, type Thresholds } from '@integration-hub/api';
import type { Measurement } from './snapshot.js';

/** What beside the measurement counts. */
export interface CheckContext {
  readonly at: number;
  /** Since when the resource is watched. */
  readonly seenAt: number;
  /** Messages within the window of errorRate. */
  readonly counted: { readonly handled: number; readonly failed: number };
}

export interface Finding {
  readonly isSo: boolean;
  readonly sentence: string;
}

type Check<Name extends AlertName> = (
  threshold: Thresholds[Name],
  measured: Measurement,
  context: CheckContext,
) => Finding | undefined;

const checks: { readonly [Name in AlertName]: Check<Name> } = {
  errorRate: ({ above, minimum, window }, { kind, name }, { counted: { handled, failed } }) => {
    const share = handled === 0 ? 0 : (failed / handled) * 100;
    const what = kind === 'Destination' ? 'tries to deliver' : 'messages';
    return {
      isSo: handled >= minimum && share > above,
      sentence: `${name}: ${figure(share)} % of ${what} failed in the last ${window} (${failed} of ${handled}); up to ${above} % are borne.`,
    };
  },
  backlogAge: ({ above }, { name, oldestWaitingSeconds: seconds }) =>
    seconds === undefined
      ? undefined
      : {
          isSo: seconds * 1_000 > durationToMs(above),
          sentence: `${name}: the oldest message has waited for ${time(seconds)}; ${above} are borne.`,
        },
  backlogSize: ({ above }, { name, backlog }) =>
    backlog === undefined
      ? undefined
      : { isSo: backlog > above, sentence: `${name}: ${backlog} messages wait; up to ${above} are borne.` },
  noMessages: ({ after, hours, holidays }, { name, lastReceivedAt }, { at, seenAt }) => {
    const begin = workingSince(hours, holidays, at);
    // Right after a start nothing is known of what came before.
    const since = Math.max(begin ?? at, lastReceivedAt ?? seenAt);
    const last =
      lastReceivedAt === undefined ? '' : ` The last came at ${new Date(lastReceivedAt).toISOString()}.`;
    return {
      isSo: at - since > durationToMs(after),
      sentence: `${name}: no message for more than ${after} of the hours in which they are expected.${last}`,
    };
  },
  deadLetters: ({ above }, { name, deadLetters }) =>
    deadLetters === undefined
      ? undefined
      : {
          isSo: deadLetters > above,
          sentence: `${name}: ${deadLetters} ${deadLetters === 1 ? 'dead letter is' : 'dead letters are'} open; up to ${above} are borne.`,
        },
  zoneRedundancy: (_, { kind, name, missingZones }) =>
    missingZones && {
      isSo: missingZones.length > 0,
      sentence: `${name}: ${kind === 'Hub' ? 'Kafka has no broker' : 'not every stage has a ready worker'} in ${missingZones.join(' and ')}.`,
    },
  notReady: (_, { name, readiness }) =>
    readiness && {
      isSo: !readiness.ready,
      sentence: `${name}: ${readiness.reason ?? 'it does not work.'}`,
    },
  archiveLag: ({ above }, { archiveLagSeconds: seconds }) =>
    seconds === undefined
      ? undefined
      : {
          isSo: seconds * 1_000 > durationToMs(above),
          sentence: `The archive: the oldest record has waited for ${time(seconds)}; ${above} are borne.`,
        },
};

/** @returns undefined where it can't be said now */
export function check(
  name: AlertName,
  thresholds: Thresholds,
  measured: Measurement,
  context: CheckContext,
): Finding | undefined {
  // Each check takes the thresholds of its own name.
  const of = checks[name] as Check<AlertName>;
  return of(thresholds[name], measured, context);
}

function figure(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(1);
}

function time(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}
