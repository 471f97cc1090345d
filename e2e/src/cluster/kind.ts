import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClusterError } from './cluster-error.js';
import { packHubImage } from './hub-image.js';
import { tool } from './tools.js';

const CONFIGURATION = fileURLToPath(new URL('../../cluster/manifests/kind.yaml', import.meta.url));

/**
 * Starts a cluster of two zones with kind, which needs Docker and its node image, and gives it the hub's image. It
 * becomes the current context of kubectl; `kind delete cluster --name integration-hub` ends it.
 *
 * @throws ClusterError KIND_FAILED
 */
export async function startKind(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'ihub-kind-'));
  try {
    const archive = join(directory, 'hub.tar');
    await packHubImage(archive);
    await kind('create', 'cluster', '--config', CONFIGURATION, '--wait', '120s');
    await kind('load', 'image-archive', archive, '--name', 'integration-hub');
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function kind(...args: string[]): Promise<void> {
  const child = spawn(await tool('kind'), args, { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number];
  if (code === 0) return;
  throw new ClusterError(
    'KIND_FAILED',
    `kind ${args[0] ?? ''} failed, see above; does Docker run, and may you use it?`,
  );
}
