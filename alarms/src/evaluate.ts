/**
 * The evaluator: from what was so until now and what is measured now to the alarms, and to what people are to be told.
 * Pure. What is so must be so for a while before it is an alarm, and the alarm ends after it has not been so for a while
 * (keepFiringMs), so that what comes and goes is one alarm. Prometheus' rules, which the operator renders, say the same.
 */
import {
  alertsInForce,
  alertTexts,
  durationToMs,
  keepFiringMs,
  type AlertName,
  type AlertsInForce,
  type AlertSettings,
} from '@integration-hub/api';
import type { Alarm, AlarmChange } from './alarm.js';
import { check, type Finding } from './check.js';
import type { Measurement, Snapshot } from './snapshot.js';

/** Messages of a part of a window. */
interface Count {
  readonly at: number;
  readonly handled: number;
  readonly failed: number;
}

interface Subject {
  readonly seenAt: number;
  /** Oldest first. */
  readonly counts: readonly Count[];
}

interface Entry {
  readonly alarm: Alarm;
  /** When it was so last. */
  readonly lastSoAt: number;
  /** Whether people know of it. */
  readonly isTold: boolean;
}

/**
 * What is remembered from snapshot to snapshot; it is JSON, so that whoever can may keep it over a restart. Without it,
 * what is so becomes an alarm anew, after its time, and is told once more.
 */
export interface AlarmState {
  readonly subjects: Readonly<Record<string, Subject>>;
  readonly entries: Readonly<Record<string, Entry>>;
}

export const noAlarms: AlarmState = { subjects: {}, entries: {} };

/** A window is kept in so many parts. */
const windowParts = 60;

export interface Evaluation {
  readonly state: AlarmState;
  /** The worst first, then the oldest. */
  readonly alarms: readonly Alarm[];
  /** In the order of the settings. */
  readonly changes: readonly AlarmChange[];
}

/** Holds a snapshot against the thresholds that are in force at its time. */
export function evaluate(former: AlarmState, snapshot: Snapshot): Evaluation {
  const { at } = snapshot;
  const measurements = new Map(snapshot.measurements.map((one) => [subjectKey(one), one]));
  const subjects: Record<string, Subject> = {};
  const entries: Record<string, Entry> = {};
  const changes: AlarmChange[] = [];

  for (const settings of snapshot.settings) {
    const key = subjectKey(settings);
    const measured: Measurement = measurements.get(key) ?? { kind: settings.kind, name: settings.name };
    const inForce = alertsInForce(settings, at);
    const window = durationToMs(inForce.thresholds.errorRate.window);
    const subject = counted(former.subjects[key], measured, at, window);
    subjects[key] = subject;
    const context = { at, seenAt: subject.seenAt, counted: sum(subject.counts) };
    for (const name of inForce.watched) {
      const id = `${key}/${name}`;
      const entry = next(
        former.entries[id],
        check(name, inForce.thresholds, measured, context),
        at,
        (finding, since, firedAt) => alarmOf(settings, name, inForce, finding, since, firedAt),
      );
      if (entry === undefined) continue;
      const { alarm } = entry;
      const mustTell = alarm.state === 'firing' && alarm.silenced === undefined && !entry.isTold;
      if (mustTell) changes.push({ type: 'firing', alarm, at });
      entries[id] = mustTell ? { ...entry, isTold: true } : entry;
    }
  }
  for (const [id, { alarm, isTold }] of Object.entries(former.entries)) {
    if (isTold && entries[id] === undefined) changes.push({ type: 'resolved', alarm, at });
  }
  const alarms = Object.values(entries).map(({ alarm }) => alarm);
  return { state: { subjects, entries }, alarms: alarms.sort(worstFirst), changes };
}

/** @returns undefined where there is no alarm, not even a pending one */
function next(
  former: Entry | undefined,
  finding: Finding | undefined,
  at: number,
  make: (finding: Finding, since: number, firedAt: number | undefined) => { alarm: Alarm; forMs: number },
): Entry | undefined {
  // What can't be said now is as it was.
  const isSo = finding?.isSo ?? former !== undefined;
  if (!isSo && former === undefined) return undefined;
  const known = finding ?? { isSo: true, sentence: former!.alarm.sentence };
  const since = former?.alarm.since ?? at;
  const lastSoAt = isSo ? at : former!.lastSoAt;
  const isFiring = former?.alarm.state === 'firing';
  if (!isSo && (!isFiring || at - lastSoAt >= keepFiringMs)) return undefined;
  const sentence = isSo ? known.sentence : former!.alarm.sentence;
  const made = make({ isSo, sentence }, since, former?.alarm.firedAt);
  const hasLasted = finding !== undefined && at - since >= made.forMs;
  const firedAt = made.alarm.firedAt ?? (isSo && hasLasted ? at : undefined);
  const alarm: Alarm = { ...made.alarm, firedAt, state: firedAt === undefined ? 'pending' : 'firing' };
  return { alarm, lastSoAt, isTold: former?.isTold ?? false };
}

function alarmOf(
  { kind, name }: AlertSettings,
  alert: AlertName,
  { thresholds, silenced }: AlertsInForce,
  { sentence }: Finding,
  since: number,
  firedAt: number | undefined,
): { alarm: Alarm; forMs: number } {
  const { severity, for: duration } = thresholds[alert];
  const { title, whatToDo, section } = alertTexts[alert];
  const override = silenced.get(alert);
  const alarm: Alarm = {
    id: `${kind}/${name}/${alert}`,
    ...{ kind, name, alert, severity, since, firedAt, title, sentence, whatToDo, section },
    state: 'pending',
    silenced: override && { until: override.until, by: override.by, why: override.why },
  };
  return { alarm, forMs: durationToMs(duration) };
}

/** Adds what came since the former snapshot to the last part of the window, or begins a new one. */
function counted(
  former: Subject | undefined,
  { messages }: Measurement,
  at: number,
  windowMs: number,
): Subject {
  const { seenAt, counts } = former ?? { seenAt: at, counts: [] };
  const kept = counts.filter((count) => count.at > at - windowMs);
  if (messages === undefined || messages.handled + messages.failed === 0) return { seenAt, counts: kept };
  const last = kept.at(-1);
  if (last !== undefined && at - last.at < windowMs / windowParts) {
    const { handled, failed } = last;
    const more = { at: last.at, handled: handled + messages.handled, failed: failed + messages.failed };
    return { seenAt, counts: [...kept.slice(0, -1), more] };
  }
  return { seenAt, counts: [...kept, { at, ...messages }] };
}

function sum(counts: readonly Count[]): { handled: number; failed: number } {
  let [handled, failed] = [0, 0];
  for (const count of counts) {
    handled += count.handled;
    failed += count.failed;
  }
  return { handled, failed };
}

function subjectKey({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind}/${name}`;
}

function worstFirst(one: Alarm, other: Alarm): number {
  const rank = ({ state, severity }: Alarm): number =>
    (state === 'firing' ? 0 : 2) + (severity === 'Critical' ? 0 : 1);
  return rank(one) - rank(other) || one.since - other.since || (one.id < other.id ? -1 : 1);
}
