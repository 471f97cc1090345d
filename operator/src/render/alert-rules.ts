/**
 * From the thresholds of a resource to a PrometheusRule object (monitoring.coreos.com/v1), which a Prometheus Operator
 * hands to its Prometheus. It says of the metrics what alarms/ says of what the console measures. Pure: no I/O, no clock.
 */
import {
  alertTexts,
  durationToMs,
  keepFiringMs,
  minutesOf,
  offsetChanges,
  offsetOf,
  runbookOf,
  standardRunbooks,
  weekdays,
  type AlertName,
  type AlertsInForce,
  type AlertSettings,
  type Hub,
  type Thresholds,
} from '@integration-hub/api';
import { resourceTypes } from '../kubernetes/object.js';
import { managedLabels, ownerLabels } from './names.js';
import type { Rendered, RenderInput } from './stage-objects.js';

export interface AlertRulesInput {
  readonly settings: AlertSettings;
  readonly inForce: AlertsInForce;
  readonly hub: Hub;
  readonly owner: RenderInput['owner'];
  /** Milliseconds since 1970. Only its year counts, for when clocks change. */
  readonly now: number;
}

interface Expression {
  readonly expr: string;
  /** Of the value, as Prometheus fills it in. */
  readonly description: string;
}

/** Clock changes are rendered for so many years. */
const years = 3;
const secondsOfDay = 86_400;

const suffixes: Readonly<Record<AlertSettings['kind'], string>> = {
  IntegrationFlow: 'flow',
  Destination: 'destination',
  Hub: 'hub',
};

/** The name of a resource's PrometheusRule. */
export function alertRulesName({ kind, name }: Pick<AlertSettings, 'kind' | 'name'>): string {
  return `${name}-${suffixes[kind]}-alerts`;
}

/** @returns undefined where nothing is watched, or everything is silenced */
export function renderAlertRules(input: AlertRulesInput): Rendered | undefined {
  const { settings, inForce, hub, owner, now } = input;
  const { kind, name } = settings;
  const { namespace } = hub.metadata;
  const runbooks = hub.spec.alerts?.runbooks ?? standardRunbooks;
  const watched = inForce.watched.filter((alert) => !inForce.silenced.has(alert));
  if (watched.length === 0) return undefined;
  const rules = watched.map((alert) => {
    const { severity, for: duration } = inForce.thresholds[alert];
    const { prometheusName, title, whatToDo } = alertTexts[alert];
    const { expr, description } = expressions[alert](inForce.thresholds, { kind, name, namespace, now });
    return {
      alert: prometheusName,
      expr,
      for: duration,
      keep_firing_for: `${keepFiringMs / 1_000}s`,
      labels: { severity: severity.toLowerCase(), namespace, [suffixes[kind]]: name },
      annotations: {
        summary: `${name}: ${title.toLowerCase()}`,
        description: `${description} ${whatToDo}`,
        runbook_url: runbookOf(alert, runbooks),
      },
    };
  });
  const { apiVersion, kind: ownerKind, name: ownerName, uid } = owner;
  const type = resourceTypes.prometheusRule;
  return {
    type,
    object: {
      apiVersion: type.apiVersion,
      kind: type.kind,
      metadata: {
        name: alertRulesName(settings),
        namespace,
        labels: {
          ...hub.spec.alerts?.ruleLabels,
          ...managedLabels,
          'app.kubernetes.io/component': 'alerts',
          [ownerLabels[kind]]: name,
        },
        ownerReferences: [{ apiVersion, kind: ownerKind, name: ownerName, uid, controller: true }],
      },
      spec: { groups: [{ name: `integration-hub.${namespace}.${alertRulesName(settings)}`, rules }] },
    },
  };
}

interface Subject {
  readonly kind: AlertSettings['kind'];
  readonly name: string;
  readonly namespace: string;
  readonly now: number;
}

/** A worker's metrics of the subject. */
function ofWorkers({ kind, name, namespace }: Subject, more = ''): string {
  return `{namespace="${namespace}", ${suffixes[kind]}="${name}"${more}}`;
}

/** The operator's metrics of the subject. Prometheus sets `namespace` to the operator's own. */
function ofOperator({ kind, name, namespace }: Subject, more = ''): string {
  return `{resource_namespace="${namespace}", kind="${kind}", name="${name}"${more}}`;
}

const orNone = (expr: string): string => `(${expr} or vector(0))`;

const expressions: Readonly<Record<AlertName, (thresholds: Thresholds, subject: Subject) => Expression>> = {
  errorRate: ({ errorRate: { above, window, minimum } }, subject) => {
    const increase = (metric: string, labels: string): string =>
      `sum(increase(${metric}${labels}[${window}]))`;
    const isFlow = subject.kind === 'IntegrationFlow';
    const setAside = increase(
      'ihub_dead_letters_total',
      isFlow
        ? ofWorkers(subject, `, stage="${subject.name}-transformer"`)
        : `{namespace="${subject.namespace}", stage="${subject.name}-sender"}`,
    );
    const failures = isFlow ? 'ihub_messages_rejected_total' : 'ihub_delivery_failures_total';
    const failed = `(${orNone(increase(failures, ofWorkers(subject)))} + ${orNone(setAside)})`;
    const all = isFlow
      ? increase('ihub_messages_received_total', ofWorkers(subject))
      : `(${orNone(increase('ihub_messages_sent_total', ofWorkers(subject)))} + ${failed})`;
    return {
      expr: `100 * ${failed} / ${all} > ${above} and ${all} >= ${minimum}`,
      description: `{{ $value | printf "%.1f" }} % of ${isFlow ? 'messages' : 'tries to deliver'} failed in the last ${window}; up to ${above} % are borne.`,
    };
  },
  backlogAge: ({ backlogAge: { above } }, subject) => oldest(above, ofWorkers(subject)),
  backlogSize: ({ backlogSize: { above } }, subject) => ({
    expr: `max(ihub_backlog_messages${ofOperator(subject)}) > ${above}`,
    description: `{{ $value }} messages wait; up to ${above} are borne.`,
  }),
  noMessages: ({ noMessages: { after, hours, holidays } }, subject) => {
    const afterSeconds = durationToMs(after) / 1_000;
    // What a listener that is gone has said counts as well.
    const last = `max(max_over_time(ihub_last_received_timestamp_seconds${ofWorkers(subject)}[${after}]))`;
    const started = `min(min_over_time(ihub_worker_started_timestamp_seconds${ofWorkers(subject, ', role="listener"')}[${after}]))`;
    const local = localTime(hours.timeZone, subject.now);
    const day = `floor(vector(${local}) / ${secondsOfDay})`;
    const first = minutesOf(hours.from) * 60 + afterSeconds;
    const conditions = [
      `and on() (vector(${local}) % ${secondsOfDay} > ${first} < ${minutesOf(hours.to) * 60})`,
      // 1970 began on a Thursday.
      `and on() (${hours.days.map((one) => `(${day} + 3) % 7 == ${weekdays.indexOf(one)}`).join(' or ')})`,
      ...(holidays.length === 0
        ? []
        : [`unless on() (${holidays.map((date) => `${day} == ${dayNumber(date)}`).join(' or ')})`]),
    ];
    return {
      expr: `time() - (${last} > ${started} or ${started}) > ${afterSeconds} ${conditions.join(' ')}`,
      description: `No message has come for {{ $value | humanizeDuration }}, in hours in which messages are expected.`,
    };
  },
  deadLetters: ({ deadLetters: { above } }, subject) => ({
    expr: `max(ihub_dead_letters_open${ofOperator(subject)}) > ${above}`,
    description: `{{ $value }} dead letters are open; up to ${above} are borne.`,
  }),
  zoneRedundancy: (_, subject) =>
    condition('ZoneRedundant', subject, 'Not every zone has what it needs to go on alone.'),
  notReady: (_, subject) => condition('Ready', subject, 'The condition Ready is False.'),
  archiveLag: ({ archiveLag: { above } }, { namespace }) =>
    oldest(above, `{namespace="${namespace}", stage="archivist"}`),
};

function oldest(above: string, labels: string): Expression {
  return {
    // A worker that is just being replaced says nothing for a moment.
    expr: `max(max_over_time(ihub_oldest_waiting_seconds${labels}[2m])) > ${durationToMs(above) / 1_000}`,
    description: `The oldest has waited for {{ $value | humanizeDuration }}; ${above} are borne.`,
  };
}

function condition(type: string, subject: Subject, description: string): Expression {
  return { expr: `max(ihub_condition${ofOperator(subject, `, type="${type}"`)}) == 0`, description };
}

/** PromQL for what the clocks of a time zone show, as seconds since 1970 as if they showed UTC. */
function localTime(timeZone: string, now: number): string {
  const year = new Date(now).getUTCFullYear();
  const [from, to] = [Date.UTC(year, 0, 1), Date.UTC(year + years, 0, 1)];
  let offset = offsetOf(timeZone, from) / 1_000;
  let expr = `time() + ${offset}`;
  for (const change of offsetChanges(timeZone, from, to)) {
    const by = change.offset - offset;
    expr += ` ${by < 0 ? '-' : '+'} ${Math.abs(by)} * (time() >= bool ${change.at})`;
    offset = change.offset;
  }
  return expr;
}

/** The days from 1970 to a date such as `2026-12-25`. */
function dayNumber(date: string): number {
  return Date.parse(date) / 1_000 / secondsOfDay;
}
