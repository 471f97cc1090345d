/**
 * Messages in the message store, for benchmarks: steps as the archivist makes them, and rows made within the database,
 * of which there can be many more.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Message } from '@integration-hub/hl7';
import { patientIdentifiers, redacted, type Archive, type StepToWrite } from '@integration-hub/store';
import type pg from 'pg';

export const dayMs = 86_400_000;
/** Of the patient whom each hundredth message is about, as in messages about a test patient. */
export const frequentPatient = 'PFREQUENT';
/** One message of so many is an ADT^A40, one a dead letter. */
const [oneIsMerge, oneIsDeadLetter] = [50, 500];
export const flows = 20;
/** How many messages a patient has, but for the frequent one. */
export const ofOnePatient = 8;
const template = readFileSync(new URL('../messages/adt-a31-ten-segments.hl7', import.meta.url));

/** The steps of a message's whole road, made of its bytes as the archivist makes them: received, transformed, delivered. */
export function road(
  number: number,
  policy: 'Redacted' | 'Full',
  receivedAt = new Date(),
): readonly [StepToWrite, StepToWrite, StepToWrite] {
  const correlationId = randomUUID();
  const flow = `flow-${number % flows}`;
  const step = (kind: StepToWrite['kind'], topic: string, stage: string): StepToWrite => {
    const common: Omit<StepToWrite, 'patientIdentifiers'> = {
      correlationId,
      receivedAt,
      at: receivedAt,
      kind,
      origin: `${topic}/0/${number}`,
      stage,
      destination: kind === 'received' ? '' : 'mpi',
      code: '',
      reason: '',
      attempts: 1,
      replayed: false,
      replay: '',
    };
    if (kind === 'delivered') return { ...common, patientIdentifiers: [] };
    const message = Message.parse(template);
    const header = {
      flow,
      controlId: controlId(number),
      messageType: `${message.messageCode}^${message.trigger}`,
      sendingApplication: message.sendingApplication,
    };
    return {
      ...common,
      ...(kind === 'received' && { header }),
      patientIdentifiers: patientIdentifiers(message),
      content: { policy, bytes: policy === 'Full' ? template : redacted(message) },
    };
  };
  return [
    step('received', `ihub.bench.${flow}.received`, `${flow}-listener`),
    step('transformed', 'ihub.bench.mpi.outbound', `${flow}-transformer`),
    step('delivered', 'ihub.bench.events', 'mpi-sender'),
  ];
}

/** MSH-10 of a message. */
export function controlId(number: number): string {
  return `S${number}`;
}

/** The correlation id of a made message; neighbours in time are none in an index, as with those of the listener. */
export function madeId(number: number): string {
  const hex = createHash('md5').update(String(number)).digest('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The identifier of a patient of made messages. */
export function madePatient(number: number): string {
  return `P${String(number).padStart(15, '0')}`;
}

/**
 * Makes messages within the database, as if they had come over many days: a day at a time, indexes and statistics at
 * the end. Their content is nothing that could be decrypted, but as long. What is lost in a crash is nobody's.
 *
 * @returns when the first day begins, as of the epoch in milliseconds
 */
export async function makeMessages(
  archive: Archive,
  client: pg.Client,
  messages: number,
  days: number,
  onProgress: (sentence: string) => void,
): Promise<number> {
  const since = Date.parse(new Date(Date.now() - days * dayMs).toISOString().slice(0, 10));
  // Each day's partition, by a message of that day; one of them is what made ones must be like.
  const roads = Array.from({ length: days }, (_, day) =>
    road(-day - 1, 'Redacted', new Date(since + day * dayMs)),
  );
  await archive.write(roads.flat());
  const like = roads[0]![0].correlationId;
  for (const setting of ['fsync', 'full_page_writes', 'synchronous_commit', 'autovacuum']) {
    await client.query(`ALTER SYSTEM SET ${setting} = off`);
  }
  await client.query('SELECT pg_reload_conf()');
  const constraints = await client.query<{ table: string; name: string; definition: string }>(
    `SELECT conrelid::regclass::text AS table, conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE contype = 'p' AND conrelid IN ('ihub.message'::regclass, 'ihub.patient_identifier'::regclass, 'ihub.step'::regclass)`,
  );
  const indexes = await client.query<{ name: string; definition: string }>(
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
     WHERE indrelid IN ('ihub.message'::regclass, 'ihub.patient_identifier'::regclass, 'ihub.step'::regclass)
       AND NOT indisprimary`,
  );
  for (const { name } of indexes.rows) await client.query(`DROP INDEX ${name}`);
  for (const { table, name } of constraints.rows) {
    await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  }
  const ofDay = Math.ceil(messages / days);
  const patients = Math.ceil(messages / ofOnePatient);
  const makeStatements = statementsThatMake(since, ofDay, patients, like);
  for (let day = 0; day < days; day += 1) {
    onProgress(`making ${messages} messages, day ${day + 1} of ${days}`);
    const from = day * ofDay;
    const last = Math.min(messages, from + ofDay) - 1;
    for (const statement of makeStatements) await client.query(statement(from, last));
  }
  onProgress('making indexes');
  await client.query("SET maintenance_work_mem = '512MB'");
  for (const { table, name, definition } of constraints.rows) {
    await client.query(`ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`);
  }
  // PostgreSQL says of a partitioned table's index that it is of that table only; the partitions' are wanted too.
  for (const { definition } of indexes.rows) await client.query(definition.replace(' ON ONLY ', ' ON '));
  await client.query('VACUUM ANALYZE ihub.message, ihub.patient_identifier, ihub.step');
  await isLikeArchived(client, like, madeId(1));
  return since;
}

/**
 * Holds the rows of a made message against those of one that the archive has written.
 *
 * @throws Error where a text or content is longer or shorter by more than half, or something is there in one only
 */
async function isLikeArchived(client: pg.Client, written: string, made: string): Promise<void> {
  for (const [table, order] of [
    ['message', 'correlation_id'],
    ['step', 'kind'],
    ['patient_identifier', 'identifier'],
  ] as const) {
    const rowsOf = async (id: string): Promise<Record<string, unknown>[]> => {
      const text = `SELECT * FROM ihub.${table} WHERE correlation_id = $1 ORDER BY ${order}`;
      return (await client.query<Record<string, unknown>>(text, [id])).rows;
    };
    const [expected, rows] = [await rowsOf(written), await rowsOf(made)];
    const isLike =
      rows.length === expected.length &&
      rows.every((row, index) => Object.keys(row).every((name) => alike(row[name], expected[index]![name])));
    if (!isLike) throw new Error(`rows of ihub.${table} that were made are not as the archivist writes them`);
  }
}

function alike(one: unknown, other: unknown): boolean {
  const [length, expected] = [one, other].map((value) =>
    Buffer.isBuffer(value) || typeof value === 'string' ? value.length : undefined,
  );
  if (length === undefined || expected === undefined) return typeof one === typeof other;
  return Math.abs(length - expected) <= Math.max(8, expected / 2);
}

/** One for each table; to be asked for the first and the last number of the messages of a day. */
function statementsThatMake(
  since: number,
  ofDay: number,
  patients: number,
  like: string,
): ((from: number, last: number) => string)[] {
  const id = 'md5(n::text)::uuid';
  const at = `'${new Date(since).toISOString()}'::timestamptz + n * (${dayMs} / ${ofDay}::float8) * interval '1 ms'`;
  const flow = `'flow-' || n % ${flows}`;
  const number = `lpad((abs(hashint4(n)::bigint) % ${patients})::text, 15, '0')`;
  const patient = `CASE WHEN n % 100 = 0 THEN 'c${frequentPatient}' ELSE 'cP' || ${number} END`;
  return [
    (from, last) => `INSERT INTO ihub.message
      SELECT ${at}, ${id}, ${flow}, 'S' || n, CASE WHEN n % ${oneIsMerge} = 0 THEN 'ADT^A40' ELSE 'ADT^A31' END, '252'
      FROM generate_series(${from}, ${last}) AS n`,
    (from, last) => `INSERT INTO ihub.patient_identifier
      SELECT convert_to(identifier, 'UTF8'), ${at}, ${id}
      FROM generate_series(${from}, ${last}) AS n, unnest(ARRAY[${patient}, 'cN' || ${number}]) AS identifier`,
    // A batch of what was received, of what was transformed, of how that ended: as they come from their topics.
    (
      from,
      last,
    ) => `INSERT INTO ihub.step (received_at, correlation_id, origin, kind, at, stage, destination, code,
        reason, attempts, replayed, content_policy, content)
      SELECT ${at}, ${id},
        CASE k WHEN 1 THEN 'ihub.bench.' || ${flow} || '.received' WHEN 2 THEN 'ihub.bench.mpi.outbound'
          ELSE 'ihub.bench.events' END || '/0/' || n,
        CASE k WHEN 1 THEN 'received' WHEN 2 THEN 'transformed'
          ELSE CASE WHEN n % ${oneIsDeadLetter} = 0 THEN 'dead-letter' ELSE 'delivered' END END,
        ${at} + k * interval '10 ms',
        CASE k WHEN 1 THEN ${flow} || '-listener' WHEN 2 THEN ${flow} || '-transformer' ELSE 'mpi-sender' END,
        CASE k WHEN 1 THEN '' ELSE 'mpi' END, '', '', 1, false,
        CASE k WHEN 3 THEN 'None' ELSE 'Redacted' END,
        CASE k WHEN 3 THEN NULL ELSE (SELECT content FROM ihub.step WHERE correlation_id = '${like}' AND kind = 'received') END
      FROM generate_series(${from}, ${last}, 1000) AS batch CROSS JOIN generate_series(1, 3) AS k
        CROSS JOIN LATERAL generate_series(batch, least(batch + 999, ${last})) AS n`,
  ];
}
