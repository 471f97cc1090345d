/** Where commands find the archive that they are about: as they are told, or where `ihub up` says its own is. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Archive, readKeys } from '@integration-hub/store';
import type { ArchiveOptions } from './archive-options.js';
import { ADDRESS_FILE, ARCHIVE_FOLDER, SECRETS_FOLDER } from './local-archive.js';
import { UsageError } from './usage-error.js';

/**
 * Opens the archive.
 *
 * @throws UsageError where it is not to be found, or a file of its Secrets is missing
 * @throws ArchiveError BAD_KEY
 */
export async function openArchive({ database, secrets, data }: ArchiveOptions): Promise<Archive> {
  const local = join(data, ARCHIVE_FOLDER);
  const address = database ?? (await readFile(join(local, ADDRESS_FILE), 'utf8').catch(() => undefined));
  if (address === undefined) {
    throw new UsageError(
      `no archive is known: give --database HOST:PORT/NAME and --secrets DIR, or run this where the data folder of ihub up --archive is (${data})`,
    );
  }
  const [, host, port, name] = /^(.+):(\d{1,5})\/([^/]+)$/.exec(address.trim()) ?? [];
  if (host === undefined)
    throw new UsageError('--database: write HOST:PORT/NAME, as in db.example:5432/ihub');
  const folder = secrets ?? join(local, SECRETS_FOLDER);
  const read = async (file: string): Promise<string> => {
    const text = await readFile(join(folder, file), 'utf8').catch(() => undefined);
    if (text === undefined) throw new UsageError(`--secrets: ${folder} must have the file ${file}`);
    return text.trim();
  };
  return new Archive({
    database: {
      host,
      port: Number(port),
      database: name!,
      user: await read('username'),
      password: await read('password'),
      ca: await readFile(join(folder, 'ca.crt'), 'utf8').catch(() => undefined),
      applicationName: 'ihub',
      connections: 1,
    },
    contentKeys: readKeys(await read('content.key'), 'content.key'),
    identifierKeys: readKeys(await read('identifier.key'), 'identifier.key'),
    // Nothing is written here; what is searched is searched in both forms.
    identifierPolicy: 'Hashed',
  });
}
