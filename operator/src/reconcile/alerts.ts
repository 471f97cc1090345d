/** Brings a resource's alert rules into the cluster, where it knows such, and takes away what is no longer watched. */
import {
  alertSettingsOf,
  alertsInForce,
  type AlertOverride,
  type Destination,
  type Hub,
  type IntegrationFlow,
} from '@integration-hub/api';
import { resourceTypes, type KubeObject } from '../kubernetes/object.js';
import { renderAlertRules } from '../render/alert-rules.js';
import type { Finding } from './conditions.js';
import type { Subject, World } from './world.js';

/** Rules that know when clocks change are looked at again after so long, in milliseconds. */
const lookAgainMs = 86_400_000;

export interface AlertsOutcome {
  /** What is wrong with the alerts, or tuned for a time. */
  readonly finding: Finding | undefined;
  /** After how many milliseconds the rules are others by themselves. */
  readonly againAfterMs: number;
}

/** @param resource as it was read; `object` the same as it stands in the cluster */
export async function applyAlerts(
  world: World,
  { key }: Subject,
  object: KubeObject,
  resource: IntegrationFlow | Destination | Hub,
  hub: Hub,
): Promise<AlertsOutcome> {
  const now = world.now();
  const { settings, problems } = alertSettingsOf(hub, resource);
  const inForce = alertsInForce(settings, now);
  const { apiVersion, kind, metadata } = object;
  const rules = world.caches.get(resourceTypes.prometheusRule);
  // Not installed, or not allowed to the operator: then only the console watches.
  if (rules?.synced === true && !rules.denied) {
    const owner = { apiVersion, kind, name: metadata.name, uid: metadata.uid! };
    const rendered = renderAlertRules({ settings, inForce, hub, owner, now });
    if (rendered) await world.applier.apply(rendered);
    for (const present of rules.indexed(key)) {
      if (present.metadata.name === rendered?.object.metadata.name) continue;
      await world.applier.remove(resourceTypes.prometheusRule, present, 'nothing of it is watched now');
    }
  }
  const untilMs = inForce.until === undefined ? Infinity : inForce.until - now;
  return {
    finding: findingOf(problems, inForce.overrides),
    againAfterMs: Math.max(0, Math.min(untilMs, lookAgainMs)),
  };
}

function findingOf([problem]: readonly string[], overrides: readonly AlertOverride[]): Finding | undefined {
  const type = 'Alerting';
  if (problem !== undefined) return { type, status: 'False', reason: 'Invalid', message: problem };
  if (overrides.length === 0) return undefined;
  const reason = overrides.some(({ silence }) => silence !== undefined) ? 'Silenced' : 'Tuned';
  return { type, status: 'True', reason, message: overrides.map(sentenceOf).join(' ') };
}

function sentenceOf({ silence, until, by }: AlertOverride): string {
  if (silence === undefined) return `Thresholds are tuned until ${until} by ${by}.`;
  const what = silence === true ? 'All alerts are' : `${silence.join(', ')}:`;
  return `${what} silenced until ${until} by ${by}.`;
}
