import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.js';
import { ClusterError } from './cluster-error.js';
import { unpackDebianPackages } from './debian-packages.js';

/** What a node runs that Debian has, and the libraries that these want beside libc. */
const PACKAGES = [
  ...['containerd', 'runc', 'containernetworking-plugins', 'nftables', 'iptables', 'ipset', 'conntrack'],
  ...['libseccomp2', 'libnftables1', 'libnftnl11', 'libmnl0', 'libedit2', 'libbsd0', 'libmd0'],
  ...['libjansson4', 'libgmp10', 'libtinfo6', 'libxtables12', 'libip4tc2', 'libip6tc2'],
  ...['libnetfilter-conntrack3', 'libnfnetlink0', 'libipset13'],
];

/** Where the programs of the Debian packages are, none of which is installed in the system. */
export interface DebianPrograms {
  /** The folder that holds `usr/`. */
  root: string;
  /** What a process needs to find the programs and their libraries. */
  environment: { PATH: string; LD_LIBRARY_PATH: string; XTABLES_LIBDIR: string };
}

/**
 * Fetches Debian packages and unpacks them into the user's cache, once. It needs apt and dpkg but not root, and
 * leaves the system's package lists as they are.
 *
 * @throws ClusterError PACKAGES_MISSING
 */
export async function debianPrograms(): Promise<DebianPrograms> {
  const sum = createHash('sha256').update(PACKAGES.join(' ')).digest('hex').slice(0, 12);
  const root = await cached(`debian-${sum}`, (directory) =>
    unpackDebianPackages(directory, { names: PACKAGES }),
  ).catch((error: unknown) => {
    throw new ClusterError(
      'PACKAGES_MISSING',
      `The nodes' programs could not be had from Debian's packages; the test cluster needs Debian 12 or later with its mirror within reach. It said: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  });
  const folders = await readdir(join(root, 'usr/lib'));
  const libraries = join(root, 'usr/lib', folders.find(isLibraryFolder) ?? '');
  return {
    root,
    environment: {
      PATH: [join(root, 'usr/bin'), join(root, 'usr/sbin'), process.env.PATH ?? ''].join(':'),
      LD_LIBRARY_PATH: libraries,
      XTABLES_LIBDIR: join(libraries, 'xtables'),
    },
  };
}

/** Debian has a folder of libraries for each architecture: `x86_64-linux-gnu`. */
function isLibraryFolder(name: string): boolean {
  return name.endsWith('-linux-gnu');
}
