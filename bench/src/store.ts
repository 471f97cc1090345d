/**
 * The message store: how many messages a second it takes in, each with the three steps of a whole road, and how long a
 * search takes over many messages.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Message } from '@integration-hub/hl7';
import {
  Archive,
  EmbeddedPostgres,
  patientIdentifiers,
  redacted,
  type MessageSearch,
  type StepToWrite,
} from '@integration-hub/store';
import pg from 'pg';
import type { Figure } from './figure.js';

const dayMs = 86_400_000;
/** As the archivist does. */
const [batchSteps, writers] = [1_000, 3];
/** Over so many days the messages that are searched are spread. */
const days = 30;
const searches = 300;
const template = readFileSync(new URL('../messages/adt-a31-ten-segments.hl7', import.meta.url));

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
  const client = new pg.Client(address);
  try {
    await archive.prepare();
    await client.connect();
    const figures: Figure[] = [];
    onProgress('writing messages');
    for (const policy of ['Redacted', 'Full'] as const) {
      const value = await writtenPerSecond(archive, seconds, policy);
      figures.push({ name: `written, content ${policy}`, value, unit: 'messages/s' });
    }
    onProgress(`making ${messages} messages to be searched`);
    await fill(archive, client, messages);
    figures.push({ name: 'messages searched', value: messages, unit: 'messages' });
    onProgress('searching');
    for (const [name, make] of Object.entries(searchesOver(messages))) {
      figures.push({ name: `search by ${name}, p95`, value: await p95(archive, make), unit: 'ms' });
    }
    return figures;
  } finally {
    await client.end().catch(() => undefined);
    await archive.close();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function writtenPerSecond(
  archive: Archive,
  seconds: number,
  policy: 'Redacted' | 'Full',
): Promise<number> {
  let [number, written] = [0, 0];
  const batch = (): StepToWrite[] => {
    const steps: StepToWrite[] = [];
    while (steps.length < batchSteps) steps.push(...road((number += 1), policy));
    return steps;
  };
  await archive.write(batch());
  const began = performance.now();
  const write = async (): Promise<void> => {
    while (performance.now() - began < seconds * 1_000) {
      const steps = batch();
      await archive.write(steps);
      written += steps.length / 3;
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  return written / ((performance.now() - began) / 1_000);
}

/** One message's steps, made of its bytes as the archivist makes them. */
function road(number: number, policy: 'Redacted' | 'Full'): StepToWrite[] {
  const correlationId = randomUUID();
  const at = new Date();
  const step = (kind: StepToWrite['kind'], topic: string): StepToWrite => {
    const common = {
      correlationId,
      receivedAt: at,
      at,
      kind,
      origin: `ihub.bench.${topic}/0/${number}/${policy}`,
    };
    const rest = {
      stage: `bench-${kind}`,
      destination: 'mpi',
      code: '',
      reason: '',
      attempts: 1,
      replayed: false,
      replay: '',
    };
    if (kind === 'delivered') return { ...common, ...rest, patientIdentifiers: [] };
    const message = Message.parse(template);
    return {
      ...common,
      ...rest,
      header:
        kind === 'received'
          ? {
              flow: 'bench',
              controlId: `B${number}`,
              messageType: `${message.messageCode}^${message.trigger}`,
              sendingApplication: message.sendingApplication,
            }
          : undefined,
      patientIdentifiers: patientIdentifiers(message),
      content: { policy, bytes: policy === 'Full' ? template : redacted(message) },
    };
  };
  return [step('received', 'phw.received'), step('transformed', 'mpi.outbound'), step('delivered', 'events')];
}

/** Makes messages within the database, which is faster: a day at a time, its indexes once it is full. */
async function fill(archive: Archive, client: pg.Client, messages: number): Promise<void> {
  const since = Date.parse(new Date(Date.now() - days * dayMs).toISOString().slice(0, 10));
  // Each day's partition, by a message of that day.
  const first = Array.from({ length: days }, (_, day): StepToWrite => {
    const [step] = road(day, 'Redacted');
    return { ...step!, receivedAt: new Date(since + day * dayMs) };
  });
  await archive.write(first);
  // What is lost in a crash here is nobody's.
  for (const setting of ['fsync', 'full_page_writes', 'synchronous_commit']) {
    await client.query(`ALTER SYSTEM SET ${setting} = off`);
  }
  await client.query('SELECT pg_reload_conf()');
  const indexes = await client.query<{ name: string; definition: string }>(
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
     WHERE indrelid = 'ihub.message'::regclass AND NOT indisprimary`,
  );
  for (const { name } of indexes.rows) await client.query(`DROP INDEX ${name}`);
  const ofDay = Math.ceil(messages / days);
  for (let day = 0; day < days; day += 1) {
    await client.query(
      `WITH made AS MATERIALIZED (
         SELECT n, gen_random_uuid() AS id, $3::timestamptz + (n - $1::integer) * ($4::float8 / $2::integer) * interval '1 ms' AS at
         FROM generate_series($1::integer, $1::integer + $2::integer - 1) AS n
       ), messages AS (
         INSERT INTO ihub.message
         SELECT at, id, 'flow-' || n % 20, 'S' || n, CASE WHEN n % 50 = 0 THEN 'ADT^A40' ELSE 'ADT^A31' END, '252' FROM made
       )
       INSERT INTO ihub.patient_identifier
       SELECT convert_to('cP' || abs(hashint4(n)::bigint) % $5::integer, 'UTF8'), at, id FROM made`,
      [day * ofDay, ofDay, new Date(since + day * dayMs), dayMs - 1, Math.ceil(messages / 8)],
    );
  }
  await client.query("SET maintenance_work_mem = '512MB'");
  // PostgreSQL says of a partitioned table's index that it is of that table only; the partitions' are wanted too.
  for (const { definition } of indexes.rows) await client.query(definition.replace(' ON ONLY ', ' ON '));
  await client.query('VACUUM ANALYZE ihub.message, ihub.patient_identifier');
}

function searchesOver(messages: number): Record<string, () => Omit<MessageSearch, 'limit'>> {
  const random = (below: number): number => Math.floor(Math.random() * below);
  const from = (): Date => new Date(Date.now() - random(days * dayMs));
  return {
    patient: () => ({ patient: `P${random(messages / 8)}` }),
    'control id': () => ({ controlId: `S${random(messages)}` }),
    time: () => ({ until: from() }),
    'flow, type and time': () => ({ flow: `flow-${random(20)}`, messageType: 'ADT^A40', until: from() }),
  };
}

/** Of searches with the roads of what they find, as `ihub search` makes them, in milliseconds. */
async function p95(archive: Archive, make: () => Omit<MessageSearch, 'limit'>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < searches; index += 1) {
    const began = performance.now();
    const found = await archive.search({ ...make(), limit: 20 });
    await archive.roads(found.map(({ correlationId }) => correlationId));
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[Math.floor(0.95 * times.length)]!;
}
