import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alertSettings, type AlertOverride, type AlertSettings } from '@integration-hub/api';
import { createLog } from '@integration-hub/workers';
import { expect } from 'chai';
import { AlarmOverrides, thresholdsOf } from './alarm-overrides.js';
import { ConsoleError } from './console-error.js';
import { OverrideFile } from './override-file.js';

describe('alarm overrides', () => {
  const log = createLog('error', {});
  log.silent = true;
  const begin = Date.parse('2026-11-21T12:00:00Z');
  const hour = 3_600_000;
  const mpi = { kind: 'Destination', name: 'mpi' } as const;
  const wish = { by: 'Ann', until: begin + hour, why: 'it is moved' };
  let directory: string;
  let now: number;
  let planned: AlertSettings[];

  const settings = (
    kind: AlertSettings['kind'],
    name: string,
    overrides: AlertOverride[] = [],
  ): AlertSettings =>
    alertSettings.parse({
      ...{ kind, name, hub: {}, own: {}, zones: 2, hasArchive: false, hubOverrides: [], overrides },
    });
  const open = async (): Promise<AlarmOverrides> => {
    const store = await OverrideFile.open(join(directory, 'overrides.json'), log);
    return new AlarmOverrides(
      store,
      () => planned,
      () => now,
    );
  };
  const shown = ({ list }: AlarmOverrides): string[] =>
    list.map(({ of, kind, alerts, by }) => `${of.name} ${kind} ${alerts.join('+') || 'all'} ${by}`);

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-overrides-'));
    now = begin;
    planned = [settings('Hub', 'hub'), settings('Destination', 'mpi')];
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('replace what the same alert had before, and leave what others have said of others', async () => {
    const [by, until] = ['Nia', '2026-11-21T18:00:00+01:00'];
    planned[1] = settings('Destination', 'mpi', [
      { by, until, why: 'load', silence: ['backlogAge', 'backlogSize'] },
      { by, until, why: 'load', thresholds: { backlogSize: { above: 7 }, errorRate: { above: 50 } } },
      { by: 'Huw', until, why: 'all of it', silence: true },
    ]);
    const overrides = await open();
    await overrides.silence(mpi, 'backlogAge', wish);
    await overrides.tune(mpi, 'backlogSize', thresholdsOf('backlogSize', { above: 9 }), wish);
    await overrides.tune(mpi, 'backlogSize', thresholdsOf('backlogSize', { above: 11 }), wish);
    expect(shown(overrides)).to.have.members([
      'mpi silence backlogSize Nia',
      'mpi tune errorRate Nia',
      'mpi silence all Huw',
      'mpi silence backlogAge Ann',
      'mpi tune backlogSize Ann',
    ]);
    expect(overrides.list.map((one) => one.until)).to.include('2026-11-21T17:00:00.000Z');
    expect(shown(await open()), 'after a restart').to.deep.equal(shown(overrides));
  });

  it('end by themselves, or are ended one by one, and are then kept no longer', async () => {
    const overrides = await open();
    await overrides.silence(mpi, 'backlogAge', wish);
    await overrides.silence(mpi, 'deadLetters', { ...wish, until: begin + 2 * hour });
    await overrides.silence({ kind: 'Hub', name: 'hub' }, 'notReady', { ...wish, until: begin + 3 * hour });
    expect(overrides.settings.map(({ hubOverrides }) => hubOverrides.length)).to.deep.equal([1, 1]);
    now = begin + hour;
    expect(shown(overrides)).to.deep.equal(['mpi silence deadLetters Ann', 'hub silence notReady Ann']);
    const [first] = overrides.list;
    await overrides.end(first!);
    expect(shown(overrides)).to.deep.equal(['hub silence notReady Ann']);
    expect(() => overrides.find(first!.id))
      .to.throw(ConsoleError)
      .with.property('code', 'NOT_FOUND');
    const text = await readFile(join(directory, 'overrides.json'), 'utf8');
    expect(JSON.parse(text)).to.have.deep.property('Destination/mpi', []);
  });

  it('asked for at once are all kept, but no more than there is room for', async () => {
    const overrides = await open();
    const names = ['backlogAge', 'backlogSize', 'deadLetters', 'errorRate', 'notReady'] as const;
    await Promise.all(names.map((name) => overrides.silence(mpi, name, wish)));
    expect(overrides.list.flatMap(({ alerts }) => alerts)).to.have.members([...names]);
    const { by, why } = wish;
    const until = new Date(wish.until).toISOString();
    planned = [
      settings(
        'Destination',
        'wis',
        Array.from({ length: 40 }, () => ({ by, why, until, silence: true })),
      ),
    ];
    const refused = await overrides
      .silence({ kind: 'Destination', name: 'wis' }, 'errorRate', wish)
      .catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(ConsoleError).with.property('code', 'CONFLICT');
  });

  it('refuse limits that an alert does not have, and say which', () => {
    for (const limits of [{}, { above: 'much' }, { after: '1h' }, { above: -1 }]) {
      expect(() => thresholdsOf('backlogSize', limits), JSON.stringify(limits))
        .to.throw(ConsoleError, /backlogSize/)
        .with.property('code', 'BAD_REQUEST');
    }
  });

  it('of a file that can’t be read are none, and the console runs all the same', async () => {
    await writeFile(join(directory, 'overrides.json'), '{"Destination/mpi": [{"by"');
    const overrides = await open();
    expect(overrides.list).to.deep.equal([]);
    await overrides.silence(mpi, 'backlogAge', wish);
    expect(shown(await open())).to.deep.equal(['mpi silence backlogAge Ann']);
  });
});
