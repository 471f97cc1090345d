import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where what takes long to make is kept between runs: `${XDG_CACHE_HOME:-~/.cache}/integration-hub`. */
export function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'integration-hub');
}

/**
 * A directory of the cache, made the first time that it is asked for. It is there whole or not at all, and two
 * processes that make it at once do each other no harm.
 *
 * @param name tells everything on which the content depends: versions, sums
 * @param make fills the directory it is given
 */
export async function cached(name: string, make: (directory: string) => Promise<void>): Promise<string> {
  const kept = join(cacheDirectory(), name);
  if (await exists(kept)) return kept;
  await mkdir(cacheDirectory(), { recursive: true });
  const made = await mkdtemp(join(cacheDirectory(), 'making-'));
  try {
    await make(made);
    await rename(made, kept).catch(async (error: unknown) => {
      if (!(await exists(kept))) throw error;
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return kept;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
