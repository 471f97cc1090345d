/** The alarms: thresholds held against each look, and those told who are to be told. */
import {
  evaluate,
  noAlarms,
  Notifier,
  type Alarm,
  type Evaluation,
  type Measurement,
} from '@integration-hub/alarms';
import { alertsInForce, type AlertSettings, type NotifierConfiguration } from '@integration-hub/api';
import type { Log } from '@integration-hub/workers';
import type { Alarms, WorkerSummary } from './api.js';

type Shown = Alarms['alarms'][number];

/** What of a threshold is a limit. */
const limitNames = ['above', 'after', 'for'];

export class AlarmWatch {
  readonly #notifier: Notifier;
  #last: Evaluation = { state: noAlarms, alarms: [], changes: [] };
  #shown: readonly Shown[] = [];

  constructor(configuration: NotifierConfiguration, log: Log) {
    this.#notifier = new Notifier({
      configuration,
      log: (level, message, fields) => log.log(level, message, fields),
    });
  }

  /**
   * @param at milliseconds since 1970
   * @param settings of all that is watched
   */
  look(at: number, settings: readonly AlertSettings[], measurements: readonly Measurement[]): void {
    this.#last = evaluate(this.#last.state, { at, settings, measurements });
    this.#notifier.tell(this.#last.changes);
    const bySubject = new Map(settings.map((one) => [`${one.kind}/${one.name}`, one]));
    this.#shown = this.#last.alarms.map((alarm) =>
      shownOf(alarm, bySubject.get(`${alarm.kind}/${alarm.name}`)!, at),
    );
  }

  /** The worst first. */
  get alarms(): readonly Shown[] {
    return this.#shown;
  }

  get counts(): { firing: number; silenced: number } {
    const firing = this.#last.alarms.filter(({ state }) => state === 'firing');
    const silenced = firing.filter((alarm) => alarm.silenced !== undefined).length;
    return { firing: firing.length - silenced, silenced };
  }

  /** Tells what is to be told still, and ends. */
  async stop(): Promise<void> {
    await this.#notifier.stop();
  }
}

function shownOf(alarm: Alarm, settings: AlertSettings, at: number): Shown {
  const { kind, name, alert, severity, state, since, sentence, whatToDo, silenced } = alarm;
  const { thresholds, overrides } = alertsInForce(settings, at);
  const limits = Object.entries(thresholds[alert]).filter(([field]) => limitNames.includes(field));
  const tuned = overrides.findLast((one) => one.thresholds?.[alert] !== undefined);
  const override = silenced ?? tuned;
  return {
    id: `${kind}.${name}.${alert}`,
    of: { kind, name },
    ...{ alert, severity, state, sentence, whatToDo },
    since: new Date(since).toISOString(),
    limits: Object.fromEntries(limits),
    ...(override && {
      override: {
        kind: silenced ? 'silence' : 'tune',
        until: new Date(override.until).toISOString(),
        by: override.by,
        why: override.why,
      },
    }),
  };
}

/** A field of a measurement, left out where it is not known now. */
export function known<Name extends string, Value>(
  name: Name,
  value: Value | null | undefined,
): Partial<Record<Name, Value>> {
  return (value === null || value === undefined ? {} : { [name]: value }) as Partial<Record<Name, Value>>;
}

/** @returns zones in which a stage has no ready worker; undefined where it is not known in which zones workers are */
export function missingZones(
  zones: readonly string[],
  stages: readonly string[],
  workers: readonly WorkerSummary[],
): string[] | undefined {
  if (workers.some(({ up, zone }) => up && zone === '')) return undefined;
  const isThere = (zone: string, stage: string): boolean =>
    workers.some((one) => one.stage === stage && one.zone === zone && one.ready);
  return zones.filter((zone) => !stages.every((stage) => isThere(zone, stage)));
}
