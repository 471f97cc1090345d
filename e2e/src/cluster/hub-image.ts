import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { workerEnvironment } from '@integration-hub/workers';
import { packImage } from './image.js';

/** The image of the workers, the operator and `ihub`, as a pod names it: `integration-hub:dev` without its registry. */
export const HUB_IMAGE = 'docker.io/library/integration-hub:dev';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAMS = ['workers', 'operator', 'cli', 'console'];
/** Of our packages: programs, the tables of HL7's names, and the console's pages. */
const SHIPPED = ['dist', 'bin', 'names', 'package.json', 'web/dist/site'];
const DATA = ['schemas', 'mappings'];
const ENVIRONMENT = Object.entries(workerEnvironment).map(([name, value]) => `${name}=${value}`);
/** Nobody in particular, as in distroless images. */
const USER = '65532';

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

/**
 * Packs the image from what is compiled and installed here, without a daemon.
 *
 * @throws ClusterError IMAGE_FAILED
 */
export async function packHubImage(archive: string): Promise<void> {
  await mkdir(dirname(archive), { recursive: true });
  const root = await mkdtemp(`${archive}-`);
  try {
    await stageHub(root);
    await packImage(
      HUB_IMAGE,
      root,
      {
        Entrypoint: ['node'],
        Env: ['PATH=/usr/local/bin', 'NODE_ENV=production', ...ENVIRONMENT],
        User: `${USER}:${USER}`,
        WorkingDir: '/app',
      },
      archive,
    );
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/**
 * Puts together all that the image holds, in a folder that becomes its root: Node with the libraries that it needs,
 * and under `/app` workers, operator and `ihub` with what they depend on, schema sets and mappings.
 */
export async function stageHub(root: string): Promise<void> {
  await copyNode(root);
  await writeFiles(root, {
    'etc/passwd': `hub:x:${USER}:${USER}::/app:/sbin/nologin\n`,
    'etc/group': `hub:x:${USER}:\n`,
    'etc/nsswitch.conf': 'hosts: files dns\n',
  });
  const app = join(root, 'app');
  for (const directory of await productionPackages()) await copyPackage(directory, app);
  for (const folder of DATA) await cp(join(PROJECT, folder), join(app, folder), { recursive: true });
  await copyFile(join(PROJECT, 'LICENSE'), join(app, 'LICENSE'));
}

async function copyNode(root: string): Promise<void> {
  const node = process.execPath;
  await mkdir(join(root, 'usr/local/bin'), { recursive: true });
  await copyFile(node, join(root, 'usr/local/bin/node'));
  const { stdout } = await promisify(execFile)('ldd', [node]);
  for (const [library] of stdout.matchAll(/\/\S+(?= \()/g)) {
    await mkdir(join(root, dirname(library)), { recursive: true });
    await copyFile(library, join(root, library));
  }
}

async function writeFiles(root: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(root, dirname(name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
}

/** The folders of our programs and of all that these depend on when they run, as installed; relative to the project. */
async function productionPackages(): Promise<string[]> {
  const found = new Set<string>();
  const waiting = PROGRAMS.map((name) => join('node_modules/@integration-hub', name));
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    if (found.has(directory)) continue;
    found.add(directory);
    const manifest = JSON.parse(await readFile(join(PROJECT, directory, 'package.json'), 'utf8')) as Manifest;
    const { dependencies, optionalDependencies, peerDependencies } = manifest;
    for (const name of Object.keys({ ...peerDependencies, ...optionalDependencies, ...dependencies })) {
      const installed = name.startsWith('@types/') ? undefined : findPackage(name, directory);
      if (installed !== undefined) waiting.push(installed);
    }
  }
  return [...found].sort();
}

/** Where Node finds a package from another's folder: in the nearest node_modules on the way up that has it. */
function findPackage(name: string, from: string): string | undefined {
  for (let directory = from; ; directory = dirname(directory)) {
    const candidate = join(directory, 'node_modules', name);
    if (existsSync(join(PROJECT, candidate))) return candidate;
    if (directory === '.') return undefined;
  }
}

/** Copies a package to its place; ours to their own folder, with a link to it, as npm installs them. */
async function copyPackage(directory: string, app: string): Promise<void> {
  const isOurs = dirname(directory) === 'node_modules/@integration-hub';
  const target = isOurs ? basename(directory) : directory;
  await cp(join(PROJECT, target), join(app, target), {
    recursive: true,
    filter: (path) => isRun(relative(join(PROJECT, target), path), isOurs),
  });
  if (isOurs) {
    await mkdir(join(app, dirname(directory)), { recursive: true });
    await symlink(join('../..', target), join(app, directory));
  }
}

/** Leaves out what no program reads, and a package's own node_modules, which are packages of their own. */
function isRun(path: string, isOurs: boolean): boolean {
  if (path.split('/')[0] === 'node_modules') return false;
  // A folder is asked for before what is in it.
  const isOnTheWay = (kept: string): boolean =>
    `${path}/`.startsWith(`${kept}/`) || kept.startsWith(`${path}/`);
  if (isOurs && path !== '' && !SHIPPED.some(isOnTheWay)) return false;
  return !/\.d\.[cm]?ts$|\.tsbuildinfo$|\.test\.js$|\.map$/.test(path);
}
