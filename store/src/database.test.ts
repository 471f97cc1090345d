import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Pool } from 'pg';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import type { ArchiveError } from './archive-error.js';
import { inTransaction, openDatabase, told } from './database.js';
import { EmbeddedPostgres } from './embedded-postgres.js';

describe('the connection to PostgreSQL', function () {
  this.timeout(180_000);
  const [authority, other] = [new TestAuthority(), new TestAuthority('another authority')];
  const password = randomBytes(12).toString('hex');
  let directory: string;
  let postgres: EmbeddedPostgres;
  const pools: Pool[] = [];

  async function start(name: string, names: string): Promise<void> {
    const certificate = authority.issue('postgres', names === '' ? {} : { names });
    const [certificateFile, keyFile] = [join(directory, `${name}.crt`), join(directory, `${name}.key`)];
    await writeFile(certificateFile, certificate.cert);
    await writeFile(keyFile, certificate.key, { mode: 0o600 });
    postgres = await EmbeddedPostgres.start({
      directory: join(directory, 'postgres'),
      logFile: join(directory, 'postgres.log'),
      password,
      ...(names !== '' && { tls: { certificateFile, keyFile } }),
    });
  }

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-postgres-'));
    await start('right', 'IP:127.0.0.1');
  });
  after(async () => {
    await Promise.all(pools.map((pool) => pool.end()));
    await postgres.stop();
    await rm(directory, { recursive: true });
  });

  /** Whether the server speaks TLS with a client that trusts an authority; else what is said of it. */
  async function speaksTls(ca: string | undefined): Promise<boolean | string> {
    const { port, user, database } = postgres;
    const pool = openDatabase({
      ...{ host: '127.0.0.1', port, user, password, database, ca, applicationName: 'test', connections: 1 },
    });
    pools.push(pool);
    try {
      const { rows } = await told(pool, () =>
        pool.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'),
      );
      return rows[0]!.ssl;
    } catch (error) {
      expect(error).to.have.property('code', 'DATABASE_AWAY');
      return (error as ArchiveError).message;
    }
  }

  it('speaks TLS where there is an authority, and only with a server that this one knows', async () => {
    expect(await speaksTls(authority.ca)).to.equal(true);
    expect(await speaksTls(undefined)).to.equal(false);
    expect(await speaksTls(other.ca))
      .to.include(`PostgreSQL at 127.0.0.1:${postgres.port}`)
      .and.include('not of an authority in ca.crt');
  });

  it('throws that the database is away where a connection breaks in a transaction', async () => {
    const { port, user, database } = postgres;
    const address = { host: '127.0.0.1', port, user, password, database, applicationName: 'test' };
    const [pool, another] = [openDatabase(address), openDatabase(address)];
    pools.push(pool, another);
    const broken = inTransaction(pool, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const closed = new Promise((resolve) => client.once('end', resolve));
      await another.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
      // Between two questions: pg says it by an event, which ends the process where nobody listens.
      await closed;
      await client.query('SELECT 1');
    });
    expect(await broken.catch((error: unknown) => error)).to.have.property('code', 'DATABASE_AWAY');
    expect(await inTransaction(pool, () => Promise.resolve('again'))).to.equal('again');
  });

  it('says that the certificate is for another name, and that there is no TLS', async () => {
    await postgres.stop();
    await start('wrong', 'DNS:elsewhere.example');
    expect(await speaksTls(authority.ca)).to.include('for another name than this host');
    await postgres.stop();
    await start('none', '');
    expect(await speaksTls(authority.ca)).to.include('does not speak TLS');
  });
});
