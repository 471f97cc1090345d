import {
  alertSettings,
  keepFiringMs,
  type AlertOverride,
  type Alerts,
  type AlertSettings,
} from '@integration-hub/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { evaluate, noAlarms, type AlarmState, type Evaluation } from './evaluate.js';
import type { Measurement } from './snapshot.js';

/** A Saturday. */
const begin = Date.parse('2026-11-21T12:00:00Z');
const minute = 60_000;

function settingsOf(kind: AlertSettings['kind'], own: Alerts = {}, override?: AlertOverride): AlertSettings {
  const name = kind === 'Destination' ? 'mpi' : kind === 'Hub' ? 'hub' : 'phw';
  const overrides = override === undefined ? [] : [override];
  return alertSettings.parse({
    ...{ kind, name, hub: {}, own, hubOverrides: [], overrides, zones: 2, hasArchive: true },
  });
}

/** Evaluates snapshots one after another. */
class Watch {
  #state: AlarmState = noAlarms;
  last: Evaluation = { state: noAlarms, alarms: [], changes: [] };

  constructor(
    public settings: AlertSettings[],
    public at = begin,
  ) {}

  /** @returns the changes, as `firing phw/errorRate` */
  see(measured: Partial<Measurement>, afterMs = 0): string[] {
    this.at += afterMs;
    const measurements = this.settings.map(({ kind, name }) => ({ kind, name, ...measured }));
    this.last = evaluate(this.#state, { at: this.at, settings: this.settings, measurements });
    // Whoever keeps it over a restart keeps JSON.
    this.#state = JSON.parse(JSON.stringify(this.last.state)) as AlarmState;
    return this.last.changes.map(({ type, alarm }) => `${type} ${alarm.name}/${alarm.alert}`);
  }

  get states(): string[] {
    return this.last.alarms.map(({ alert, state }) => `${state} ${alert}`);
  }
}

describe('evaluate', () => {
  it('has an alarm once it has been so for long enough, and tells of it once', () => {
    const watch = new Watch([settingsOf('Destination')]);
    expect(watch.see({ oldestWaitingSeconds: 900 })).to.deep.equal([]);
    expect(watch.states).to.deep.equal([]);
    expect(watch.see({ oldestWaitingSeconds: 901 })).to.deep.equal([]);
    expect(watch.states).to.deep.equal(['pending backlogAge']);
    expect(watch.see({ oldestWaitingSeconds: 950 }, minute - 1)).to.deep.equal([]);
    expect(watch.see({ oldestWaitingSeconds: 961 }, 1)).to.deep.equal(['firing mpi/backlogAge']);
    expect(watch.see({ oldestWaitingSeconds: 970 }, 10_000)).to.deep.equal([]);
    const [alarm] = watch.last.alarms;
    expect(alarm).to.deep.include({
      id: 'Destination/mpi/backlogAge',
      severity: 'Critical',
      state: 'firing',
      since: begin,
      firedAt: begin + minute,
      sentence: 'mpi: the oldest message has waited for 16 min; 15m are borne.',
    });
  });

  it('forgets what was so for a moment only', () => {
    const watch = new Watch([settingsOf('Destination')]);
    watch.see({ oldestWaitingSeconds: 901 });
    expect(watch.see({ oldestWaitingSeconds: 1 }, 30_000)).to.deep.equal([]);
    expect(watch.states).to.deep.equal([]);
    watch.see({ oldestWaitingSeconds: 901 }, 40_000);
    expect(watch.states).to.deep.equal(['pending backlogAge']);
  });

  it('has one alarm where it comes and goes, and ends it once it has stayed away', () => {
    const watch = new Watch([settingsOf('Destination', { backlogSize: { for: '0s' } })]);
    expect(watch.see({ backlog: 10_001 })).to.deep.equal(['firing mpi/backlogSize']);
    for (let times = 0; times < 5; times += 1) {
      expect(watch.see({ backlog: 9_000 }, keepFiringMs - 1)).to.deep.equal([]);
      expect(watch.see({ backlog: 11_000 }, 1)).to.deep.equal([]);
    }
    expect(watch.see({ backlog: 0 }, keepFiringMs - 1)).to.deep.equal([]);
    expect(watch.see({ backlog: 0 }, 1)).to.deep.equal(['resolved mpi/backlogSize']);
    expect(watch.states).to.deep.equal([]);
  });

  it('neither begins nor ends an alarm where nothing is known', () => {
    const watch = new Watch([settingsOf('Destination', { deadLetters: { for: '0s' } })]);
    watch.see({});
    expect(watch.states).to.deep.equal([]);
    expect(watch.see({ deadLetters: 1 })).to.deep.equal(['firing mpi/deadLetters']);
    expect(watch.see({}, 24 * 60 * minute)).to.deep.equal([]);
    expect(watch.states).to.deep.equal(['firing deadLetters']);
    expect(watch.last.alarms[0]!.sentence).to.equal('mpi: 1 dead letter is open; up to 0 are borne.');
  });

  describe('counts failures over a window', () => {
    const tuned = { errorRate: { for: '0s', window: '10m', above: 5, minimum: 20 } };

    it('says nothing of few messages', () => {
      const watch = new Watch([settingsOf('IntegrationFlow', tuned)]);
      expect(watch.see({ messages: { handled: 19, failed: 19 } })).to.deep.equal([]);
      expect(watch.see({ messages: { handled: 1, failed: 0 } }, 1_000)).to.deep.equal([
        'firing phw/errorRate',
      ]);
      expect(watch.last.alarms[0]!.sentence).to.equal(
        'phw: 95 % of messages failed in the last 10m (19 of 20); up to 5 % are borne.',
      );
    });

    it('says nothing of a share that is borne', () => {
      const watch = new Watch([settingsOf('IntegrationFlow', tuned)]);
      expect(watch.see({ messages: { handled: 100, failed: 5 } })).to.deep.equal([]);
      expect(watch.see({ messages: { handled: 0, failed: 1 } }, 1_000)).to.deep.equal([
        'firing phw/errorRate',
      ]);
    });

    it('forgets what is older, and remembers little', () => {
      const watch = new Watch([settingsOf('IntegrationFlow', tuned)]);
      watch.see({ messages: { handled: 100, failed: 100 } });
      for (let second = 0; second < 601; second += 1)
        watch.see({ messages: { handled: 1, failed: 0 } }, 1_000);
      expect(watch.states).to.deep.equal(['firing errorRate']);
      expect(watch.last.state.subjects['IntegrationFlow/phw']!.counts.length).to.be.at.most(61);
      watch.see({}, keepFiringMs);
      expect(watch.states).to.deep.equal([]);
    });
  });

  describe('misses messages', () => {
    const own = { noMessages: { enabled: true, for: '0s', after: '30m' } } satisfies Alerts;
    const monday = Date.parse('2026-11-23T08:00:00Z');

    it('in working hours only, whose beginning gives time to send', () => {
      const lastReceivedAt = Date.parse('2026-11-20T17:55:00Z');
      const watch = new Watch([settingsOf('IntegrationFlow', own)]);
      expect(watch.see({ lastReceivedAt })).to.deep.equal([]);
      watch.at = monday;
      expect(watch.see({ lastReceivedAt }, 30 * minute)).to.deep.equal([]);
      expect(watch.see({ lastReceivedAt }, 1)).to.deep.equal(['firing phw/noMessages']);
      expect(watch.last.alarms[0]!.sentence).to.equal(
        'phw: no message for more than 30m of the hours in which they are expected. The last came at 2026-11-20T17:55:00.000Z.',
      );
    });

    it('after its own start only, where it does not know what came before', () => {
      const watch = new Watch([settingsOf('IntegrationFlow', own)], monday + 3 * 60 * minute);
      expect(watch.see({})).to.deep.equal([]);
      expect(watch.see({}, 30 * minute)).to.deep.equal([]);
      expect(watch.see({}, 1)).to.deep.equal(['firing phw/noMessages']);
    });

    it('not on holidays', () => {
      const off = { noMessages: { ...own.noMessages, holidays: ['2026-11-23'] } };
      const watch = new Watch([settingsOf('IntegrationFlow', off)], monday);
      watch.see({ lastReceivedAt: monday - 1 });
      expect(watch.see({ lastReceivedAt: monday - 1 }, 5 * 60 * minute)).to.deep.equal([]);
    });
  });

  it('knows zones, readiness and the archive', () => {
    const now = { for: '0s' };
    const hub = settingsOf('Hub', { zoneRedundancy: now, notReady: now, archiveLag: now });
    const watch = new Watch([hub]);
    const bad = {
      missingZones: ['zone-b'],
      readiness: { ready: false, reason: 'Kafka can’t be reached.' },
      archiveLagSeconds: 7_200,
    };
    expect(watch.see(bad)).to.deep.equal([
      'firing hub/zoneRedundancy',
      'firing hub/notReady',
      'firing hub/archiveLag',
    ]);
    expect(watch.last.alarms.map(({ sentence }) => sentence)).to.deep.equal([
      'hub: Kafka can’t be reached.',
      'The archive: the oldest record has waited for 2 h; 30m are borne.',
      'hub: Kafka has no broker in zone-b.',
    ]);
    const good = { missingZones: [], readiness: { ready: true }, archiveLagSeconds: 0 };
    expect(watch.see(good, keepFiringMs)).to.have.lengthOf(3);
    expect(watch.states).to.deep.equal([]);
  });

  describe('is silenced for a time', () => {
    const who = { by: 'Ann', why: 'the receiver is moved' };
    const until = (ms: number): string => new Date(begin + ms).toISOString();
    const now = { backlogAge: { for: '0s' } };

    it('shows the alarm, tells nobody, and tells when the time is over', () => {
      const silence: AlertOverride = { ...who, until: until(10 * minute), silence: true };
      const watch = new Watch([settingsOf('Destination', now, silence)]);
      expect(watch.see({ oldestWaitingSeconds: 1_000 })).to.deep.equal([]);
      expect(watch.last.alarms[0]).to.deep.include({
        state: 'firing',
        silenced: { ...who, until: until(10 * minute) },
      });
      expect(watch.see({ oldestWaitingSeconds: 1_500 }, 10 * minute)).to.deep.equal([
        'firing mpi/backlogAge',
      ]);
    });

    it('says nothing of what begins and ends meanwhile, but the end of what was told', () => {
      const silence: AlertOverride = { ...who, until: until(60 * minute), silence: ['backlogAge'] };
      const quiet = new Watch([settingsOf('Destination', now, silence)]);
      quiet.see({ oldestWaitingSeconds: 1_000 });
      expect(quiet.see({ oldestWaitingSeconds: 0 }, keepFiringMs)).to.deep.equal([]);
      const told = new Watch([settingsOf('Destination', now)]);
      told.see({ oldestWaitingSeconds: 1_000 });
      told.settings = [settingsOf('Destination', now, silence)];
      expect(told.see({ oldestWaitingSeconds: 0 }, keepFiringMs)).to.deep.equal(['resolved mpi/backlogAge']);
    });

    it('or tuned, by itself only for so long', () => {
      const thresholds = { backlogAge: { above: '1h' } };
      const tuned: AlertOverride = { ...who, until: until(20 * minute), thresholds };
      const watch = new Watch([settingsOf('Destination', now, tuned)]);
      expect(watch.see({ oldestWaitingSeconds: 1_000 })).to.deep.equal([]);
      expect(watch.see({ oldestWaitingSeconds: 2_200 }, 20 * minute)).to.deep.equal([
        'firing mpi/backlogAge',
      ]);
    });
  });

  it('ends the alarms of what is gone, or not watched any more', () => {
    const now = { deadLetters: { for: '0s' } };
    const watch = new Watch([settingsOf('Destination', now), settingsOf('IntegrationFlow', now)]);
    expect(watch.see({ deadLetters: 1 })).to.have.lengthOf(2);
    watch.settings = [settingsOf('IntegrationFlow', { deadLetters: { enabled: false } })];
    expect(watch.see({ deadLetters: 1 }, 1)).to.deep.equal([
      'resolved mpi/deadLetters',
      'resolved phw/deadLetters',
    ]);
  });

  it('tells of each beginning and each end once, whatever comes', () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 1, max: 4 * minute }),
      backlog: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
      deadLetters: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const watch = new Watch([settingsOf('Destination')]);
        const told = new Set<string>();
        for (const { afterMs, backlog, deadLetters } of steps) {
          const measured = {
            ...(backlog !== undefined && { backlog }),
            ...(deadLetters !== undefined && { deadLetters }),
          };
          for (const change of watch.see(measured, afterMs)) {
            const [type, what] = change.split(' ') as [string, string];
            expect(told.has(what)).to.equal(type === 'resolved');
            if (type === 'firing') told.add(what);
            else told.delete(what);
          }
          const firing = watch.last.alarms.filter(({ state }) => state === 'firing');
          expect(firing.map(({ name, alert }) => `${name}/${alert}`)).to.have.members([...told]);
        }
      }),
    );
  });
});
