import { readFile, writeFile } from 'node:fs/promises';
import type { KeyPair } from './certificates.js';

/**
 * Writes the file with which a client finds an API server and proves who it is. It holds the keys themselves, so
 * that it may be copied elsewhere.
 */
export async function writeKubeconfig(
  file: string,
  server: { url: string; authority: KeyPair },
  user: KeyPair,
): Promise<void> {
  const base64 = async (path: string): Promise<string> => (await readFile(path)).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'hub',
        cluster: {
          server: server.url,
          'certificate-authority-data': await base64(server.authority.certificate),
        },
      },
    ],
    users: [
      {
        name: 'hub',
        user: {
          'client-certificate-data': await base64(user.certificate),
          'client-key-data': await base64(user.key),
        },
      },
    ],
    contexts: [{ name: 'hub', context: { cluster: 'hub', user: 'hub' } }],
    'current-context': 'hub',
  };
  await writeFile(file, JSON.stringify(config, null, 2), { mode: 0o600 });
}
