import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { ClusterError } from './cluster-error.js';

/** How the containers of an image start, in the words of the OCI image specification (config.md). */
export interface ImageConfig {
  Entrypoint: string[];
  Env?: string[];
  User?: string;
  WorkingDir?: string;
}

// Everything that could differ from one day or machine to the next is set: order, times, owners, permissions.
const REPRODUCIBLE = [
  ...['--format=gnu', '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'],
  '--mode=u=rwX,go=rX',
];

/**
 * Packs a folder as an image of one layer, without a daemon: the archive is in the format of `docker save`, which
 * containerd and Docker import. The same content makes the same bytes.
 *
 * @param name with its tag: `localhost/coredns:1`
 * @throws ClusterError IMAGE_FAILED
 */
export async function packImage(
  name: string,
  root: string,
  config: ImageConfig,
  archive: string,
): Promise<void> {
  const work = await mkdtemp(`${archive}.`);
  try {
    const layer = join(work, 'layer.tar');
    await tar(['-cf', layer, ...REPRODUCIBLE, '-C', root, '.']);
    const image = JSON.stringify({
      architecture: { x64: 'amd64' }[process.arch as string] ?? process.arch,
      os: 'linux',
      created: new Date(0).toISOString(),
      config,
      rootfs: { type: 'layers', diff_ids: [`sha256:${await sha256(layer)}`] },
      history: [{ created: new Date(0).toISOString(), created_by: 'integration-hub' }],
    });
    const imageFile = `${createHash('sha256').update(image).digest('hex')}.json`;
    await writeFile(join(work, imageFile), image);
    const manifest = [{ Config: imageFile, RepoTags: [name], Layers: ['layer.tar'] }];
    await writeFile(join(work, 'manifest.json'), JSON.stringify(manifest));
    const packed = join(work, 'image.tar');
    await tar(['-cf', packed, ...REPRODUCIBLE, '-C', work, imageFile, 'layer.tar', 'manifest.json']);
    await rename(packed, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function tar(args: string[]): Promise<void> {
  await promisify(execFile)('tar', args).catch((error: unknown) => {
    throw new ClusterError('IMAGE_FAILED', `An image could not be packed with GNU tar: ${String(error)}`, {
      cause: error,
    });
  });
}

async function sha256(file: string): Promise<string> {
  const sum = createHash('sha256');
  await pipeline(createReadStream(file), sum);
  return sum.digest('hex');
}
