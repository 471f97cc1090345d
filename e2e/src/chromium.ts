/** A real browser for tests: this machine's Chromium, or else Debian's, in the user's cache. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { cached } from './cluster/cache.js';
import { unpackDebianPackages } from './cluster/debian-packages.js';

const INSTALLED = '/usr/bin/chromium';
const PACKAGES = ['chromium-headless-shell', 'fonts-dejavu-core'];
/** What it does not need without a screen, and the C library, which must be the one of the system's loader. */
const WITHOUT =
  /^(libc6|libllvm\d+|libgl1-mesa-dri|libz3-4|libicu\d+|perl[a-z-]*|xdg-utils|x11-utils|debconf)_/;

/** It draws nothing but what it is given, and asks nobody on the network. */
const ARGUMENTS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

/**
 * Starts a browser with an empty profile of its own, which goes with it.
 *
 * On a machine without Chromium it is fetched first, once: 163 MB from Debian's mirror, unpacked 350 MB.
 */
export async function startChromium(): Promise<Browser> {
  if (existsSync(INSTALLED)) return chromium.launch({ executablePath: INSTALLED, args: ARGUMENTS });
  const sum = createHash('sha256')
    .update(`${PACKAGES.join(' ')} ${WITHOUT.source}`)
    .digest('hex')
    .slice(0, 12);
  const root = await cached(`chromium-${sum}`, fetchChromium);
  // Debian has a folder of libraries for each architecture, and an older one beside `usr`.
  const folders = (await readdir(join(root, 'usr/lib'))).filter((name) => name.endsWith('-linux-gnu'));
  const libraries = folders.flatMap((folder) => [
    join(root, 'usr/lib', folder),
    join(root, 'usr/lib', folder, 'pulseaudio'),
    join(root, 'lib', folder),
  ]);
  const fonts = join(root, 'fonts.conf');
  // Where the cache was moved to since is not known to it.
  await writeFile(fonts, fontConfiguration(root));
  return chromium.launch({
    executablePath: join(root, 'usr/lib/chromium/chromium-headless-shell'),
    args: ARGUMENTS,
    env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':'), FONTCONFIG_FILE: fonts },
  });
}

async function fetchChromium(directory: string): Promise<void> {
  await unpackDebianPackages(directory, { names: PACKAGES, withDependencies: true, without: WITHOUT });
  await mkdir(join(directory, 'font-cache'));
}

function fontConfiguration(root: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>${join(root, 'usr/share/fonts')}</dir>
  <cachedir>${join(root, 'font-cache')}</cachedir>
</fontconfig>
`;
}
