/** The partitions of the days. */
import type { ClientBase } from 'pg';
import { partitioned, SCHEMA_LOCK } from './schema.js';

const DAY_MS = 86_400_000;
const FORM = /^\d{4}-\d{2}-\d{2}$/;

/** Makes the partitions of days, as 2026-11-21, where they are missing. To be called within a transaction. */
export async function makeDays(client: ClientBase, days: readonly string[]): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
  for (const day of days) {
    if (!FORM.test(day)) throw new RangeError('a day must be written as 2026-11-21');
    const next = new Date(Date.parse(day) + DAY_MS).toISOString().slice(0, 10);
    for (const table of partitioned) {
      await client.query(
        `CREATE TABLE IF NOT EXISTS ihub.${partition(table, day)} PARTITION OF ihub.${table}
         FOR VALUES FROM ('${day}T00:00:00Z') TO ('${next}T00:00:00Z')`,
      );
    }
  }
}

/**
 * Drops the partitions of all days before one. To be called within a transaction. It does not wait long for those who
 * read in them, who would hold up those who write.
 *
 * @returns the days that are gone, oldest first
 */
export async function dropDaysBefore(client: ClientBase, day: string): Promise<string[]> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
  await client.query("SET LOCAL lock_timeout = '2s'");
  const { rows } = await client.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'ihub'::regnamespace AND relkind = 'r'",
  );
  const gone = new Set<string>();
  for (const { name } of rows) {
    const [, year, month, date] = /_d(\d{4})(\d{2})(\d{2})$/.exec(name) ?? [];
    const its = `${year ?? ''}-${month ?? ''}-${date ?? ''}`;
    if (!FORM.test(its) || its >= day) continue;
    await client.query(`DROP TABLE ihub.${name}`);
    gone.add(its);
  }
  return [...gone].sort();
}

function partition(table: string, day: string): string {
  return `${table}_d${day.replaceAll('-', '')}`;
}
