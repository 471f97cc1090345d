/** The connection to PostgreSQL. */
import pg from 'pg';
import { ArchiveError } from './archive-error.js';

/** Where the database is, and as whom to connect. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** PEM of the authorities that issue the server's certificate; absent: without TLS. */
  readonly ca?: string | undefined;
  /** Names this program in the database's own views. */
  readonly applicationName: string;
  /** The most connections at once; default 4. */
  readonly connections?: number;
}

/** Longest wait for a connection, for an answer, and for one that takes its time, in milliseconds. */
const [CONNECT_MS, ANSWER_MS, SLOW_ANSWER_MS] = [5_000, 60_000, 600_000];

/** Opens a pool; it connects when it is first used. */
export function openDatabase(address: DatabaseAddress): pg.Pool {
  const { host, port, database, user, password, ca, applicationName, connections = 4 } = address;
  const pool = new pg.Pool({
    host,
    port,
    database,
    user,
    password,
    ...(ca !== undefined && { ssl: { ca, rejectUnauthorized: true } }),
    application_name: applicationName,
    max: connections,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: ANSWER_MS,
    keepAlive: true,
  });
  // The next query finds out, and says so. Of a connection that is in use the pool does not tell: it tells itself.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/**
 * Does work in one transaction.
 *
 * @throws ArchiveError DATABASE_AWAY, DATABASE_REFUSES; and what the work throws of its own
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  return told(pool, async () => {
    const client = await pool.connect();
    let failure: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      // A connection whose transaction failed is thrown away, not mended.
      client.release(failure);
    }
  });
}

/** Asks what takes the longer the more there is in the database. */
export async function slowly<T extends object>(
  client: pg.ClientBase,
  query: { readonly text: string; readonly values?: unknown[] },
): Promise<T[]> {
  // A query may have a limit of its own for its time, of which pg's types don't know.
  const { rows } = await client.query<T>({ ...query, query_timeout: SLOW_ANSWER_MS } as typeof query);
  return rows;
}

/**
 * Has what PostgreSQL or the network says told in our words. PostgreSQL's own text may quote a row, so only its code
 * goes on.
 *
 * @throws ArchiveError DATABASE_AWAY: it may be done again later. DATABASE_REFUSES: the same would be refused again.
 */
export async function told<T>(pool: pg.Pool, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    const { host, port, database } = pool.options;
    const place = `PostgreSQL at ${host ?? ''}:${port ?? ''}, database ${database ?? ''}`;
    const code = (error as { code?: string }).code ?? (isWithoutTls(error) ? 'NO_TLS' : 'no code');
    // Class 22: data; 54: too large (PostgreSQL, appendix A).
    if (error instanceof pg.DatabaseError && /^(22|54)/.test(code)) {
      const sentence = `${place}, does not take what was to be written (SQLSTATE ${code}).`;
      throw new ArchiveError('DATABASE_REFUSES', sentence);
    }
    const hint = hints[code] ?? 'Does it run, and are address, name and password right?';
    throw new ArchiveError('DATABASE_AWAY', `${place}, can't be used (${code}). ${hint}`);
  }
}

/** pg has no code for it. */
function isWithoutTls(error: unknown): boolean {
  return error instanceof Error && error.message === 'The server does not support SSL connections';
}

const unknownAuthority =
  'Its certificate is not of an authority in ca.crt: put that authority there, or give the server another certificate.';

const hints: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  CERT_HAS_EXPIRED: 'Its certificate is over: renew it.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Its certificate is for another name than this host.',
  NO_TLS: 'It does not speak TLS: turn that on there, or leave out ca.crt (caSecretName).',
  '28P01': 'The user or the password is wrong.',
  '28000': 'Its pg_hba.conf does not let this user in.',
  '3D000': 'There is no such database: create it.',
  '42501': 'The user may not do that: it must own the database.',
  '42P01': 'The archive has no tables there yet: the archivist makes them when it starts.',
  '53100': 'Its disk is full.',
  '53300': 'It has too many connections.',
};
