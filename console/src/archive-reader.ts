/** The message store, as the console asks it: opened when it is first needed, and anew after it was away. */
import type { ConsoleConfiguration } from '@integration-hub/api';
import { type Archive, ArchiveError, openArchive } from '@integration-hub/store';
import { errorShape, type Log } from '@integration-hub/workers';
import { ConsoleError } from './console-error.js';

const connections = 4;

export class ArchiveReader {
  readonly #access: ConsoleConfiguration['archive'];
  readonly #log: Log;
  #archive: Promise<Archive> | undefined;

  constructor({ archive }: ConsoleConfiguration, log: Log) {
    this.#access = archive;
    this.#log = log;
  }

  /**
   * Asks the archive something.
   *
   * @throws ConsoleError NO_ARCHIVE, ARCHIVE_AWAY, BAD_REQUEST
   */
  async ask<T>(question: (archive: Archive) => Promise<T>): Promise<T> {
    if (this.#access === null) {
      const sentence =
        'This hub keeps no messages to be searched. Turn the message store on: ihub up --archive on a laptop, spec.archive of the Hub in a cluster.';
      throw new ConsoleError('NO_ARCHIVE', sentence);
    }
    this.#archive ??= openArchive(this.#access, {
      applicationName: 'ihub-console',
      connections,
      identifierPolicy: 'Hashed',
    });
    const archive = this.#archive;
    try {
      return await question(await archive);
    } catch (error) {
      if (error instanceof ConsoleError) throw error;
      if (error instanceof ArchiveError && error.code === 'BAD_SEARCH') {
        throw new ConsoleError('BAD_REQUEST', error.message);
      }
      // Its name and password may be others by the next time.
      if (this.#archive === archive) this.#archive = undefined;
      void archive.then((one) => one.close()).catch(() => undefined);
      this.#log.warn('the message store does not answer', errorShape(error));
      const sentence = 'The message store does not answer now. Messages go on without it; try again later.';
      throw new ConsoleError('ARCHIVE_AWAY', sentence, { cause: error });
    }
  }

  async close(): Promise<void> {
    await (await this.#archive?.catch(() => undefined))?.close().catch(() => undefined);
  }
}
