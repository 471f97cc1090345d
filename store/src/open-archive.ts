/** Opens the archive as a process's configuration says. */
import { readFile } from 'node:fs/promises';
import type { ArchiveAccess } from '@integration-hub/api';
import { Archive } from './archive.js';
import { readKeys } from './keys.js';
import type { IdentifierPolicy } from './patient-identifiers.js';

export interface OpenArchiveOptions {
  /** Names this client at the database. */
  readonly applicationName: string;
  readonly connections: number;
  /** How identifiers are written; what is searched is searched in every form. */
  readonly identifierPolicy: IdentifierPolicy;
}

/**
 * Opens it with what the Secrets' files hold now; nothing is asked of the database yet.
 *
 * @throws ArchiveError BAD_KEY; the error of the system where a file can't be read
 */
export async function openArchive(
  { database, contentKeyFile, identifierKeyFile }: ArchiveAccess,
  { applicationName, connections, identifierPolicy }: OpenArchiveOptions,
): Promise<Archive> {
  const { host, port, name, userFile, passwordFile, caFile } = database;
  const read = async (file: string): Promise<string> => (await readFile(file, 'utf8')).trim();
  return new Archive({
    database: {
      host,
      port,
      database: name,
      user: await read(userFile),
      password: await read(passwordFile),
      ca: caFile === null ? undefined : await read(caFile),
      applicationName,
      connections,
    },
    contentKeys: readKeys(await read(contentKeyFile), 'content.key'),
    identifierKeys: readKeys(await read(identifierKeyFile), 'identifier.key'),
    identifierPolicy,
  });
}
