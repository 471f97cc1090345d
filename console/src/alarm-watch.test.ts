import { alertSettings, notifierConfiguration } from '@integration-hub/api';
import { createLog } from '@integration-hub/workers';
import { expect } from 'chai';
import { AlarmWatch, missingZones } from './alarm-watch.js';
import { alarms as answer, type WorkerSummary } from './api.js';

describe('alarm watch', () => {
  const log = createLog('error', {});
  log.silent = true;
  const configuration = notifierConfiguration.parse({
    ...{ hub: 'hub', namespace: 'hospital', groupWaitMs: 0, runbooks: 'docs/alerts.md' },
    ...{ email: null, webhooks: [] },
  });
  const begin = Date.parse('2026-11-21T12:00:00Z');
  const who = { by: 'Ann', why: 'migration', until: '2026-11-21T12:30:00.000Z' };
  const settings = (override?: object) =>
    alertSettings.parse({
      ...{ kind: 'Destination', name: 'mpi', hub: {}, own: {}, zones: 2, hasArchive: false },
      ...{ hubOverrides: [], overrides: override === undefined ? [] : [override] },
    });
  const waiting = { kind: 'Destination', name: 'mpi', oldestWaitingSeconds: 3_600 } as const;

  it('shows alarms as the page wants them, with their limits', async () => {
    const watch = new AlarmWatch(configuration, log);
    watch.look(begin, [settings()], [waiting]);
    expect(answer.parse({ alarms: watch.alarms, overrides: [] }).alarms[0]).to.deep.include({
      id: 'Destination.mpi.backlogAge',
      of: { kind: 'Destination', name: 'mpi' },
      state: 'pending',
      since: '2026-11-21T12:00:00.000Z',
      limits: { above: '15m', for: '1m' },
    });
    expect(watch.counts).to.deep.equal({ firing: 0, silenced: 0 });
    watch.look(begin + 60_000, [settings()], [waiting]);
    expect(watch.alarms[0]).to.include({ state: 'firing' });
    expect(watch.counts).to.deep.equal({ firing: 1, silenced: 0 });
    await watch.stop();
  });

  it('says who has silenced or tuned it', async () => {
    const watch = new AlarmWatch(configuration, log);
    const silence = settings({ ...who, silence: true });
    for (const at of [begin, begin + 60_000]) watch.look(at, [silence], [waiting]);
    expect(answer.parse({ alarms: watch.alarms, overrides: [] }).alarms[0]!.override).to.deep.equal({
      kind: 'silence',
      ...who,
    });
    expect(watch.counts).to.deep.equal({ firing: 0, silenced: 1 });
    watch.look(
      begin + 60_000,
      [settings({ ...who, thresholds: { backlogAge: { above: '30m' } } })],
      [waiting],
    );
    expect(watch.alarms[0]).to.deep.include({
      limits: { above: '30m', for: '1m' },
      override: { kind: 'tune', ...who },
    });
    await watch.stop();
  });

  it('knows which zones are missing, where it knows in which workers are', () => {
    const worker = (stage: string, zone: string, ready = true): WorkerSummary => ({
      stage,
      zone,
      ready,
      up: ready,
    });
    const zones = ['a', 'b'];
    const all = [worker('l', 'a'), worker('l', 'b'), worker('t', 'a'), worker('t', 'b', false)];
    expect(missingZones(zones, ['l'], all)).to.deep.equal([]);
    expect(missingZones(zones, ['l', 't'], all)).to.deep.equal(['b']);
    expect(missingZones(zones, ['l'], [worker('l', '')])).to.equal(undefined);
  });
});
