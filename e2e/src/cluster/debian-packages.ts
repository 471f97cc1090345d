import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface DebianPackages {
  readonly names: readonly string[];
  /** Whether to fetch all that they depend on too, as if nothing were installed; absent: the named ones only. */
  readonly withDependencies?: boolean;
  /** Names of packages, as their files begin, that are not to be unpacked. */
  readonly without?: RegExp;
}

/**
 * Fetches Debian packages and unpacks them into a directory. It needs apt and dpkg but not root, installs nothing, and
 * leaves the system's package lists as they are.
 */
export async function unpackDebianPackages(directory: string, wanted: DebianPackages): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'ihub-packages-'));
  try {
    const apt = [
      '-qq',
      ...['-o', `Dir::State::lists=${join(work, 'lists')}`, '-o', `Dir::Cache=${work}`],
      // Root's downloads would go through a user that may not write here.
      ...['-o', 'Debug::NoLocking=1', '-o', 'APT::Sandbox::User=root'],
    ];
    const debs = join(work, 'archives');
    for (const needed of ['lists/partial', 'archives/partial']) {
      await mkdir(join(work, needed), { recursive: true });
    }
    await run('apt-get', [...apt, 'update']);
    if (wanted.withDependencies === true) {
      const nothingInstalled = join(work, 'status');
      await writeFile(nothingInstalled, '');
      await run('apt-get', [
        ...[...apt, '-o', `Dir::State::status=${nothingInstalled}`],
        ...['install', '--yes', '--download-only', '--no-install-recommends', ...wanted.names],
      ]);
    } else await run('apt-get', [...apt, 'download', ...wanted.names], { cwd: debs });
    for (const deb of await readdir(debs)) {
      if (!deb.endsWith('.deb') || wanted.without?.test(deb) === true) continue;
      await run('dpkg', ['-x', join(debs, deb), directory]);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
