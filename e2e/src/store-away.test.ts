/**
 * The message store is away for a while, under a steady load. IHUB_STORE_AWAY_MINUTES says how long, and
 * IHUB_STORE_AWAY_RATE how many messages a second; six seconds and 40 where they say nothing.
 */
import { readFileSync } from 'node:fs';
import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArchivistConfiguration } from '@integration-hub/api';
import { TopicAdmin } from '@integration-hub/kafka';
import { type Archive, cursorOf, openArchive } from '@integration-hub/store';
import { expect } from 'chai';
import { flows, phwAsDelivered, samples } from './flows.js';
import { Hospital } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';

const awayMs = Number(process.env['IHUB_STORE_AWAY_MINUTES'] ?? 0.1) * 60_000;
const perSecond = Number(process.env['IHUB_STORE_AWAY_RATE'] ?? 40);
const isLong = awayMs > 60_000;
/** Before and after. */
const besideMs = Math.max(awayMs / 5, 3_000);
/** Connections to each flow; their messages are in one order each. */
const connections = 4;

interface Phase {
  readonly name: string;
  readonly sent: number;
  readonly seconds: number;
  /** From when a message was due until the receiver had it, in milliseconds, in growing order. */
  readonly latencies: readonly number[];
  /** The most that the archivist took, in MiB. */
  readonly archivistMib: number;
}

describe('A message store that is away', function () {
  this.timeout(1_200_000 + 6 * awayMs);
  let hub: HubUnderTest;
  let archive: Archive | undefined;
  let admin: TopicAdmin;
  let hospitals: readonly (readonly [string, Hospital])[];

  before(async () => {
    hub = await HubUnderTest.start({ manifests: flows(), archive: true });
    hospitals = Array.from({ length: connections }, (_, index) => [
      [`phw${index}`, 2575, samples.phw, phwAsDelivered] as const,
      [`paris${index}`, 2577, samples.paris, undefined] as const,
    ])
      .flat()
      .map(([name, port, template, expected]) => {
        const { journal } = hub;
        const hospital = new Hospital({
          ...{ name, port: hub.port(port), journal, template },
          ...(expected !== undefined && { expected }),
        });
        return [name, hospital] as const;
      });
    const connection = { bootstrapServers: hub.broker.bootstrapServers, clientId: 'test' };
    admin = await TopicAdmin.connect({ connection });
  });
  after(async () => {
    for (const [, hospital] of hospitals) hospital.close();
    await archive?.close();
    await admin.close();
    await hub.stop();
  });

  const settings = (): ArchivistConfiguration =>
    hub.worker('archivist').stage.configuration as ArchivistConfiguration;
  /** Records that the archivist has not read yet, up to a number of each topic. */
  async function waitingFor(limit: number): Promise<number> {
    const { group, topics } = settings();
    let sum = 0;
    for (const topic of topics) sum += await admin.remaining(group, topic, limit);
    return sum;
  }

  const numbers = new Map<string, number>();
  /** Sends at the same pace all the while. */
  async function load(name: string, forMs: number): Promise<Phase> {
    const due = new Map<string, number>();
    const began = performance.now();
    const everyMs = (hospitals.length * 1_000) / perSecond;
    const sending = hospitals.map(async ([sender, hospital], index) => {
      for (let at = began + (everyMs * index) / hospitals.length; at < began + forMs; at += everyMs) {
        await sleep(Math.max(0, at - performance.now()));
        const number = (numbers.get(sender) ?? 0) + 1;
        numbers.set(sender, number);
        due.set(`${sender}-${number}`, at);
        await hospital.send(1);
      }
    });
    let [isOver, archivistMib] = [false, 0];
    const over = Promise.all(sending).finally(() => (isOver = true));
    while (!isOver) {
      archivistMib = Math.max(archivistMib, residentMib(hub.worker('archivist').pid!));
      await Promise.race([over, sleep(500)]);
    }
    await over;
    const seconds = (performance.now() - began) / 1_000;
    await until('all is delivered', () => hub.journal.complete, 60_000);
    const arrivals = hub.journal.firstArrivals();
    const latencies = [...due].map(([id, at]) => arrivals.get(id)! - at).sort((a, b) => a - b);
    return { name, sent: due.size, seconds, latencies, archivistMib };
  }

  it('slows no flow, and has every message with its whole road once it is back', async () => {
    await load('warming up', 2_000);
    const before = await load('before', besideMs);
    const restore = await takeAway();
    const away = await load('away', awayMs);
    const [waiting, kafkaMib] = [await waitingFor(1e7), await mibOf(join(hub.directory, 'kafka'))];
    const log = readFileSync(hub.worker('archivist').logFile, 'utf8');
    expect(log).to.include('DATABASE_AWAY');
    await restore();
    const back = performance.now();
    const after = await load('after', besideMs);
    await until(
      'the archivist has read everything',
      async () => (await waitingFor(1)) === 0,
      60_000 + awayMs,
    );
    const caughtUpMs = performance.now() - back;

    const acknowledged = hub.journal.verdict();
    expect(acknowledged).to.deep.include({ lost: [], altered: [], doubled: [], outOfOrder: [] });
    expect(await roads()).to.deep.equal(
      new Map([
        ['received transformed delivered', acknowledged.acknowledged / 2],
        ['received delivered', acknowledged.acknowledged / 2],
      ]),
    );
    if (isLong) {
      for (const phase of [before, away, after]) console.log(`      ${told(phase)}`);
      console.log(
        `      ${waiting} records waited, Kafka's folder had ${kafkaMib.toFixed(0)} MiB, all was archived ${(caughtUpMs / 1_000).toFixed(0)} s after the store was back`,
      );
    }
    expect(waiting).to.be.greaterThan(2 * away.sent);
    // A flow that waited for the store would do so as long as it is away.
    expect(at(away, 0.95)).to.be.lessThan(1_500 + 3 * at(before, 0.95));
    expect(away.sent / away.seconds).to.be.greaterThan((0.7 * before.sent) / before.seconds);
    expect(away.archivistMib).to.be.lessThan(before.archivistMib + 100);
    // While it catches up every fetch is full, however long the store was away; its container has 384 MiB.
    expect(after.archivistMib).to.be.lessThan(350);
  });

  /** The kinds of steps of every message of the load, and how many messages have them. */
  async function roads(): Promise<Map<string, number>> {
    archive = await openArchive(settings(), {
      ...{ applicationName: 'test', connections: 1, identifierPolicy: 'Hashed' },
    });
    const kinds = new Map<string, string[]>();
    let after: string | undefined;
    do {
      const found = await archive.search({ after, limit: 1_000 });
      for (const { controlId } of found) expect(kinds.has(controlId), controlId).to.equal(false);
      const ids = new Map(found.map(({ correlationId, controlId }) => [correlationId, controlId]));
      for (const { correlationId, kind } of await archive.roads(found)) {
        const controlId = ids.get(correlationId)!;
        kinds.set(controlId, [...(kinds.get(controlId) ?? []), kind]);
      }
      after = found.length === 0 ? undefined : cursorOf(found.at(-1)!);
    } while (after !== undefined);
    const counts = new Map<string, number>();
    for (const [sender, last] of numbers) {
      for (let number = 1; number <= last; number += 1) {
        const road = kinds.get(`${sender}-${number}`)?.join(' ') ?? 'not found';
        counts.set(road, (counts.get(road) ?? 0) + 1);
      }
    }
    return counts;
  }

  /** Kills PostgreSQL, and sees to it that it does not start. @returns brings it back */
  async function takeAway(): Promise<() => Promise<void>> {
    const data = join(hub.directory, 'hub', 'archive', 'postgres', 'data');
    const [file, hidden] = ['PG_VERSION', 'PG_VERSION.hidden'].map((name) => join(data, name)) as [
      string,
      string,
    ];
    await rename(file, hidden);
    process.kill(hub.hub.archivePid!, 'SIGKILL');
    return () => rename(hidden, file);
  }
});

function at({ latencies }: Phase, share: number): number {
  return latencies[Math.floor(share * latencies.length)]!;
}

function told(phase: Phase): string {
  const { name, sent, seconds, archivistMib } = phase;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => at(phase, share).toFixed(0));
  return `${name}: ${sent} in ${seconds.toFixed(0)} s, p50 ${p50}, p95 ${p95}, p99 ${p99} ms; archivist ${archivistMib.toFixed(0)} MiB`;
}

async function mibOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  let bytes = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    // Kafka may have done away with one meanwhile. Its index files are mostly holes.
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    bytes += (found?.blocks ?? 0) * 512;
  }
  return bytes / 1_048_576;
}

/** 0 where it has just ended. */
function residentMib(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kib ?? 0) / 1_024;
  } catch {
    return 0;
  }
}
