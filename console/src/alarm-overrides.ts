/** Alarms silenced or tuned for a time, and the end of that before its time. */
import { createHash } from 'node:crypto';
import {
  allAlerts,
  type AlertName,
  type AlertOverride,
  type Alerts,
  type AlertSettings,
} from '@integration-hub/api';
import type { AlarmOverride } from './api.js';
import { ConsoleError } from './console-error.js';
import { type OverrideStore, type OverrideSubject, subjectKey } from './override-store.js';
import { turns } from './turns.js';

/** Nobody may be silenced longer; what is to be so for good belongs into the resource. */
export const mostOverrideMs = 30 * 86_400_000;
/** What one resource may have at the same time; an annotation has no room for more. */
const mostOfOne = 40;

/** Who, until when (milliseconds since 1970) and why. */
export interface OverrideWish {
  readonly by: string;
  readonly until: number;
  readonly why: string;
}

export class AlarmOverrides {
  readonly #store: OverrideStore;
  readonly #planned: () => readonly AlertSettings[];
  readonly #now: () => number;
  readonly #inTurn = turns();

  /** @param planned the settings as the plan has them now */
  constructor(store: OverrideStore, planned: () => readonly AlertSettings[], now: () => number = Date.now) {
    this.#store = store;
    this.#planned = planned;
    this.#now = now;
  }

  /** The settings of all that is watched, with the overrides that hold by now. */
  get settings(): AlertSettings[] {
    const planned = this.#planned();
    const hub = planned.find(({ kind }) => kind === 'Hub');
    const hubOverrides = hub === undefined ? [] : [...this.#store.of(hub, hub.hubOverrides)];
    return planned.map((one) => ({
      ...one,
      hubOverrides,
      overrides: one.kind === 'Hub' ? [] : [...this.#store.of(one, one.overrides)],
    }));
  }

  /** All that hold now; those that end first come first. */
  get list(): AlarmOverride[] {
    return this.settings
      .flatMap((one) =>
        ownOverrides(one)
          .filter((override) => this.#holds(override))
          .map((override) => shownOf(one, override)),
      )
      .sort((a, b) => Date.parse(a.until) - Date.parse(b.until));
  }

  /** Nobody is told of an alert until then; what the same alert was silenced by before is replaced. */
  async silence(subject: OverrideSubject, alert: AlertName, { by, until, why }: OverrideWish): Promise<void> {
    const override: AlertOverride = { until: new Date(until).toISOString(), by, why, silence: [alert] };
    await this.#change(subject, (present) => [
      ...present.flatMap((one) => {
        if (!Array.isArray(one.silence)) return one;
        const silence = one.silence.filter((name) => name !== alert);
        return silence.length === 0 ? [] : { ...one, silence };
      }),
      override,
    ]);
  }

  /** Other limits hold until then; what the same alert was tuned by before is replaced. */
  async tune(
    subject: OverrideSubject,
    alert: AlertName,
    thresholds: Alerts,
    { by, until, why }: OverrideWish,
  ): Promise<void> {
    const override: AlertOverride = { until: new Date(until).toISOString(), by, why, thresholds };
    await this.#change(subject, (present) => [
      ...present.flatMap((one) => {
        if (one.thresholds?.[alert] === undefined) return one;
        const left = Object.entries(one.thresholds).filter(([name]) => name !== alert);
        return left.length === 0 ? [] : { ...one, thresholds: Object.fromEntries(left) };
      }),
      override,
    ]);
  }

  /** @throws ConsoleError NOT_FOUND where it has ended already */
  async end({ of, id }: Pick<AlarmOverride, 'of' | 'id'>): Promise<void> {
    await this.#change(of, (present) => {
      const left = present.filter((one) => shownOf(of, one).id !== id);
      if (left.length === present.length) throw ended();
      return left;
    });
  }

  /** @throws ConsoleError NOT_FOUND */
  find(id: string): AlarmOverride {
    const found = this.list.find((one) => one.id === id);
    if (found === undefined) throw ended();
    return found;
  }

  async #change(
    subject: OverrideSubject,
    change: (present: readonly AlertOverride[]) => readonly AlertOverride[],
  ): Promise<void> {
    await this.#inTurn(async () => {
      const settings = this.#planned().find((one) => subjectKey(one) === subjectKey(subject));
      if (settings === undefined) {
        throw new ConsoleError('NOT_FOUND', `There is no ${subject.kind} ${subject.name}: see the overview.`);
      }
      await this.#store.change(subject, ownOverrides(settings), (present) => {
        const next = change(present.filter((one) => this.#holds(one)));
        if (next.length > mostOfOne) {
          const sentence = `${subject.kind} ${subject.name} is silenced or tuned ${mostOfOne} times already: end some.`;
          throw new ConsoleError('CONFLICT', sentence);
        }
        return next;
      });
    });
  }

  #holds({ until }: AlertOverride): boolean {
    return Date.parse(until) > this.#now();
  }
}

/**
 * The limits of one alert as its settings.
 *
 * @throws ConsoleError BAD_REQUEST where the alert has no such limits, or they may not be such
 */
export function thresholdsOf(alert: AlertName, limits: Readonly<Record<string, number | string>>): Alerts {
  const parsed = allAlerts.safeParse({ [alert]: limits });
  if (parsed.success && Object.keys(limits).length > 0) return parsed.data;
  const [issue] = parsed.error?.issues ?? [];
  const field = String(issue?.path[1] ?? 'limits');
  const sentence = `The limit "${field}" of ${alert} ${issue?.message ?? 'must be given'}.`;
  throw new ConsoleError('BAD_REQUEST', sentence);
}

/** Those that stand on the resource itself. */
function ownOverrides({ kind, hubOverrides, overrides }: AlertSettings): readonly AlertOverride[] {
  return kind === 'Hub' ? hubOverrides : overrides;
}

function shownOf({ kind, name }: OverrideSubject, override: AlertOverride): AlarmOverride {
  const { until, by, why, silence, thresholds } = override;
  // Its content names it: wherever it stands in the list by then, that very one is ended.
  const hash = createHash('sha256').update(JSON.stringify([until, by, why, silence, thresholds]));
  return {
    id: `${kind}.${name}.${hash.digest('hex').slice(0, 16)}`,
    of: { kind, name },
    kind: silence === undefined ? 'tune' : 'silence',
    alerts: silence === true ? [] : (silence ?? Object.keys(thresholds ?? {})),
    until: new Date(until).toISOString(),
    ...{ by, why },
  };
}

function ended(): ConsoleError {
  return new ConsoleError('NOT_FOUND', 'That has ended already: load the page again.');
}
