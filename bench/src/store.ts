/**
 * The message store: how many messages a second it takes in, each with the three steps of a whole road, and how long a
 * search takes over many messages.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Archive, EmbeddedPostgres, type MessageSearch } from '@integration-hub/store';
import pg from 'pg';
import type { Figure } from './figure.js';
import { familyCpuSeconds } from './road/processes.js';
import {
  controlId,
  dayMs,
  flows,
  frequentPatient,
  madeId,
  madePatient,
  makeMessages,
  ofOnePatient,
  road,
} from './stored-messages.js';

/** As the archivist does. */
const [batchSteps, writers] = [1_000, 3];
/** Over so many days the messages that are searched are spread. */
const days = 30;
/** Of each kind. */
const [warmSearches, coldSearches] = [300, 100];

/**
 * @param seconds how long messages are written
 * @param messages how many are made to be searched
 */
export async function measureStore(
  seconds: number,
  messages: number,
  onProgress: (sentence: string) => void,
): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'ihub-bench-'));
  const password = randomBytes(12).toString('hex');
  const postgres = await EmbeddedPostgres.start({
    directory: join(directory, 'postgres'),
    logFile: join(directory, 'postgres.log'),
    password,
  });
  const { port, user, database } = postgres;
  const address = { host: '127.0.0.1', port, user, password, database };
  const archive = new Archive({
    database: { ...address, applicationName: 'bench', connections: writers + 1 },
    contentKeys: [randomBytes(32)],
    identifierKeys: [randomBytes(32)],
    identifierPolicy: 'Hashed',
  });
  let client = new pg.Client(address);
  try {
    await archive.prepare();
    await client.connect();
    const figures: Figure[] = [];
    if (seconds > 0) {
      for (const policy of ['Redacted', 'Full'] as const) {
        onProgress(`writing messages, content ${policy}`);
        figures.push(...(await written(archive, postgres, seconds, policy)));
      }
    }
    if (messages === 0) return figures;
    const since = await makeMessages(archive, client, messages, days, onProgress);
    figures.push({ name: 'messages searched', value: messages, unit: 'messages' });
    const { rows } = await client.query<{ bytes: string }>(
      'SELECT pg_database_size(current_database()) AS bytes',
    );
    figures.push({
      name: 'size for 1,000,000',
      value: Number(rows[0]!.bytes) / messages / 1_000,
      unit: 'GB',
    });
    for (const [name, search] of Object.entries(searchesOver(messages, since))) {
      onProgress(`searching by ${name}`);
      await client.end();
      await postgres.stop();
      await forgetFiles(directory);
      await postgres.restart();
      client = new pg.Client(address);
      await client.connect();
      figures.push(...(await timed(`search by ${name}, cold`, coldSearches, () => search(archive))));
      figures.push(...(await timed(`search by ${name}`, warmSearches, () => search(archive))));
    }
    onProgress('dropping a day');
    const began = performance.now();
    const [gone] = await archive.dropBefore(new Date(since + dayMs).toISOString().slice(0, 10));
    if (gone === undefined) throw new Error('no day was dropped');
    figures.push({ name: 'dropping a day', value: performance.now() - began, unit: 'ms' });
    return figures;
  } finally {
    await client.end().catch(() => undefined);
    await archive.close();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function written(
  archive: Archive,
  postgres: EmbeddedPostgres,
  seconds: number,
  policy: 'Redacted' | 'Full',
): Promise<Figure[]> {
  let [number, count] = [0, 0];
  /** What stands in three topics of as many messages as one statement has. */
  const write = async (): Promise<void> => {
    const roads = Array.from({ length: batchSteps }, () => road((number += 1), policy));
    for (const place of [0, 1, 2] as const) await archive.write(roads.map((steps) => steps[place]));
    count += roads.length;
  };
  await write();
  count = 0;
  const began = performance.now();
  const [client, server] = [process.cpuUsage(), familyCpuSeconds(postgres.pid)];
  const writeOn = async (): Promise<void> => {
    while (performance.now() - began < seconds * 1_000) await write();
  };
  await Promise.all(Array.from({ length: writers }, writeOn));
  const rate = count / ((performance.now() - began) / 1_000);
  const used = process.cpuUsage(client);
  const name = `written, content ${policy}`;
  return [
    { name, value: rate, unit: 'messages/s' },
    {
      name: `${name}: CPU of the writer`,
      value: (used.user + used.system) / 1_000 / count,
      unit: 'ms a message',
    },
    {
      name: `${name}: CPU of PostgreSQL`,
      value: ((familyCpuSeconds(postgres.pid) - server) * 1_000) / count,
      unit: 'ms a message',
    },
  ];
}

/** Searches with the roads of what they find, as `ihub search` and the console make them. */
function searchesOver(messages: number, since: number): Record<string, (archive: Archive) => Promise<void>> {
  const random = (below: number): number => Math.floor(Math.random() * below);
  const end = since + days * dayMs;
  const time = (): Date => new Date(since + dayMs + random((days - 1) * dayMs));
  const hour = (): { from: Date; until: Date } => {
    const until = time();
    return { from: new Date(until.getTime() - 3_600_000), until };
  };
  const flow = (): string => `flow-${random(flows)}`;
  const patient = (): string => madePatient(random(messages / ofOnePatient));
  const messageType = 'ADT^A40';
  const page =
    (make: () => Omit<MessageSearch, 'limit'>) =>
    async (archive: Archive): Promise<void> => {
      const found = await archive.search({ ...make(), limit: 20 });
      const roads = await archive.roads(found);
      if (found.length > 0 && roads.length < found.length) throw new Error('a message has no road');
    };
  return {
    patient: page(() => ({ patient: patient() })),
    'a test patient': page(() => ({ patient: frequentPatient })),
    'control id': page(() => ({ controlId: controlId(random(messages)) })),
    'correlation id': page(() => ({ correlationId: madeId(random(messages)) })),
    time: page(() => ({ until: time() })),
    'an hour': page(hour),
    'flow and hour': page(() => ({ flow: flow(), ...hour() })),
    'flow, type and time': page(() => ({ flow: flow(), messageType, until: time() })),
    'patient and type': page(() => ({ patient: patient(), messageType })),
    'a test patient, flow and type': page(() => ({ patient: frequentPatient, flow: flow(), messageType })),
    'flow and control id': page(() => ({ flow: flow(), controlId: controlId(random(messages)) })),
    'flow, dead letters and hour': page(() => ({ flow: flow(), step: 'dead-letter', ...hour() })),
    'dead letters of a flow': page(() => ({ flow: flow(), step: 'dead-letter' })),
    'flow and last day': page(() => ({ flow: flow(), from: new Date(end - dayMs) })),
  };
}

/** Has the system forget what it holds of files that are not small, so that they are read from the disk again. */
async function forgetFiles(directory: string): Promise<void> {
  const forget = [
    '-exec',
    'dd',
    'of={}',
    'oflag=nocache',
    'conv=notrunc,fdatasync',
    'count=0',
    'status=none',
    ';',
  ];
  await promisify(execFile)('find', [directory, '-type', 'f', '-size', '+64k', ...forget]);
}

/** In milliseconds. */
async function timed(name: string, count: number, search: () => Promise<void>): Promise<Figure[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const began = performance.now();
    await search();
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return [0.5, 0.95, 0.99].map((share) => ({
    name: `${name}, p${share * 100}`,
    value: times[Math.floor(share * times.length)]!,
    unit: 'ms',
  }));
}
