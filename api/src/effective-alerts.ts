/** From what Hub, resource and annotations say to the thresholds that hold now. */
import { z } from 'zod';
import { alertOverrides, readAlertOverrides, type AlertOverride } from './alert-override.js';
import {
  allAlerts,
  alertNames,
  standardThresholds,
  type AlertName,
  type Alerts,
  type Thresholds,
} from './alerts.js';
import type { Destination } from './destination.js';
import type { Hub } from './hub.js';
import type { IntegrationFlow } from './integration-flow.js';
import { isTimeZone } from './working-hours.js';

/** Everything that the thresholds of one resource come from; it is JSON, and does not depend on the time. */
export const alertSettings = z.strictObject({
  kind: z.enum(['IntegrationFlow', 'Destination', 'Hub']),
  name: z.string(),
  /** What the Hub says for all. */
  hub: allAlerts,
  /** What the resource says; of a Hub, nothing more. */
  own: allAlerts,
  /** What the Hub's annotation says for a time. */
  hubOverrides: alertOverrides,
  /** The same of the resource's own; of a Hub, none. */
  overrides: alertOverrides,
  /** Zones that the Hub names. */
  zones: z.int().min(0),
  hasArchive: z.boolean(),
});

export type AlertSettings = z.output<typeof alertSettings>;

/** What holds at a time. */
export interface AlertsInForce {
  readonly thresholds: Thresholds;
  /** Of them, those that are enabled and make sense for the resource. */
  readonly watched: readonly AlertName[];
  /** Alerts of which nobody is told, and because of whom. */
  readonly silenced: ReadonlyMap<AlertName, AlertOverride>;
  /** The overrides that hold, the Hub's first. */
  readonly overrides: readonly AlertOverride[];
  /** When this is different by itself, in milliseconds since 1970. */
  readonly until: number | undefined;
}

/**
 * @param hub of the resource's namespace; the same again where the Hub itself is meant
 * @returns the settings, and what is wrong with an annotation or a time zone, which are then passed over
 */
export function alertSettingsOf(
  hub: Hub,
  resource: IntegrationFlow | Destination | Hub,
): { readonly settings: AlertSettings; readonly problems: readonly string[] } {
  const isHub = resource.kind === 'Hub';
  const ofHub = readAlertOverrides(hub.metadata.annotations);
  const ofResource = readAlertOverrides(isHub ? undefined : resource.metadata.annotations);
  const hubAlerts = thresholdsOnly(hub.spec.alerts);
  const [hubSound, ownSound] = [hubAlerts, isHub ? {} : (resource.spec.alerts ?? {})].map(withKnownTimeZone);
  const problems = [
    isHub ? ofHub.problem : ofResource.problem,
    isHub ? hubSound!.problem : ownSound!.problem,
  ];
  return {
    settings: {
      kind: resource.kind,
      name: resource.metadata.name,
      hub: hubSound!.alerts,
      own: ownSound!.alerts,
      hubOverrides: [...ofHub.overrides],
      overrides: [...ofResource.overrides],
      zones: hub.spec.zones.length,
      hasArchive: hub.spec.archive !== undefined,
    },
    problems: problems.filter((problem) => problem !== undefined),
  };
}

/** Of a Hub's alerts, also those who are told are said; they are no thresholds. */
function thresholdsOnly(alerts: Alerts = {}): Alerts {
  return Object.fromEntries(Object.entries(alerts).filter(([name]) => name in standardThresholds));
}

/** Without hours in a time zone that this machine does not know. */
function withKnownTimeZone(alerts: Alerts): { alerts: Alerts; problem?: string } {
  const zone = alerts.noMessages?.hours?.timeZone;
  if (zone === undefined || isTimeZone(zone)) return { alerts };
  const problem = `spec.alerts.noMessages.hours.timeZone "${zone}" is no time zone; until it is one such as Europe/London, the hours are passed over.`;
  return { alerts: { ...alerts, noMessages: { ...alerts.noMessages, hours: undefined } }, problem };
}

/**
 * The thresholds at a time: the standard ones, then the Hub's, then the resource's own, then what an annotation says.
 * A Hub's annotation tunes what is its own and what others take from it; its silence is for all.
 *
 * @param at milliseconds since 1970
 */
export function alertsInForce(settings: AlertSettings, at: number): AlertsInForce {
  const { hub, own } = settings;
  const holdsNow = ({ until }: AlertOverride): boolean => Date.parse(until) > at;
  const ofHub = settings.hubOverrides.filter(holdsNow);
  const ofResource = settings.overrides.filter(holdsNow);
  const holding = [...ofHub, ...ofResource];
  const silenced = new Map<AlertName, AlertOverride>();
  for (const one of holding) {
    for (const name of one.silence === true ? alertNames : (one.silence ?? [])) silenced.set(name, one);
  }
  const ends = holding.map(({ until }) => Date.parse(until));
  const tuned = (overrides: readonly AlertOverride[]): Alerts[] =>
    overrides.flatMap((one) => one.thresholds ?? []);
  const thresholds = merged([hub, ...tuned(ofHub), own, ...tuned(ofResource)]);
  return {
    thresholds,
    watched: watchedAlerts(settings, thresholds),
    silenced,
    overrides: holding,
    until: ends.length === 0 ? undefined : Math.min(...ends),
  };
}

function merged(layers: readonly Alerts[]): Thresholds {
  const said = (layer: Alerts, name: AlertName): object =>
    Object.fromEntries(Object.entries(layer[name] ?? {}).filter(([, value]) => value !== undefined));
  return Object.fromEntries(
    alertNames.map((name) => [
      name,
      Object.assign({}, standardThresholds[name], ...layers.map((layer) => said(layer, name))) as object,
    ]),
  ) as unknown as Thresholds;
}

const alertsOf: Readonly<Record<AlertSettings['kind'], readonly AlertName[]>> = {
  IntegrationFlow: alertNames.filter((name) => name !== 'archiveLag'),
  Destination: alertNames.filter((name) => name !== 'archiveLag' && name !== 'noMessages'),
  Hub: ['zoneRedundancy', 'notReady', 'archiveLag'],
};

function watchedAlerts({ kind, zones, hasArchive }: AlertSettings, thresholds: Thresholds): AlertName[] {
  return alertsOf[kind].filter(
    (name) =>
      thresholds[name].enabled &&
      (name !== 'zoneRedundancy' || zones > 1) &&
      (name !== 'archiveLag' || hasArchive),
  );
}
