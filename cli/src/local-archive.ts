/** The archive of `ihub up`: a PostgreSQL that it starts, with a password and keys that it makes. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgres } from '@integration-hub/store';

/** In the data folder of `ihub up`. */
export const ARCHIVE_FOLDER = 'archive';
/** In the archive's folder: HOST:PORT/DATABASE. */
export const ADDRESS_FILE = 'address';
/** In the archive's folder: the keys of its Secrets as files. */
export const SECRETS_FOLDER = 'secrets';

/** How long after it has ended by itself the server is started again. */
const restartMs = 1_000;

export class LocalArchive {
  /** Where the files of its Secrets are. */
  readonly secrets: string;
  readonly #postgres: EmbeddedPostgres;
  #stopping = false;

  private constructor(postgres: EmbeddedPostgres, secrets: string) {
    this.#postgres = postgres;
    this.secrets = secrets;
  }

  /**
   * @param directory the data folder
   * @throws ArchiveError NO_POSTGRES, POSTGRES_NOT_STARTED
   */
  static async start(directory: string, onProgress: (sentence: string) => void): Promise<LocalArchive> {
    const folder = join(directory, ARCHIVE_FOLDER);
    const secrets = join(folder, SECRETS_FOLDER);
    await mkdir(secrets, { recursive: true, mode: 0o700 });
    const password = await secret(join(secrets, 'password'), () => randomBytes(24).toString('base64url'));
    for (const name of ['content.key', 'identifier.key']) {
      await secret(join(secrets, name), () => randomBytes(32).toString('base64'));
    }
    const postgres = await EmbeddedPostgres.start({
      directory: join(folder, 'postgres'),
      logFile: join(directory, 'logs', 'postgres.log'),
      password,
    });
    await writeFile(join(secrets, 'username'), postgres.user);
    await writeFile(join(folder, ADDRESS_FILE), `127.0.0.1:${postgres.port}/${postgres.database}`);
    const archive = new LocalArchive(postgres, secrets);
    void archive.#watch(onProgress);
    return archive;
  }

  get port(): number {
    return this.#postgres.port;
  }

  get database(): string {
    return this.#postgres.database;
  }

  get pid(): number {
    return this.#postgres.pid;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#postgres.stop();
  }

  /** Starts the server again whenever it ends by itself; flows go on meanwhile. */
  async #watch(onProgress: (sentence: string) => void): Promise<void> {
    for (;;) {
      await this.#postgres.ended;
      await delay(restartMs);
      if (this.#stopping) return;
      onProgress('PostgreSQL ended by itself; starting it again');
      await this.#postgres.restart().catch((error: unknown) => onProgress((error as Error).message));
    }
  }
}

/** What is in a file, made where it is missing. */
async function secret(file: string, make: () => string): Promise<string> {
  const present = await readFile(file, 'utf8').catch(() => '');
  if (present !== '') return present.trim();
  const made = make();
  await writeFile(file, `${made}\n`, { mode: 0o600 });
  return made;
}
