import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ClusterError } from './cluster-error.js';

// Every process of the cluster, and whatever it starts, is in one control group, containers in groups below it: so
// they can be found and ended whoever started them, even when that was cut short.

const ROOT = '/sys/fs/cgroup';
const NAME = 'integration-hub-cluster';

// Version 1 has a hierarchy for each controller, version 2 one for all.
const IS_VERSION_2 = existsSync(join(ROOT, 'cgroup.controllers'));
const HIERARCHY = IS_VERSION_2 ? ROOT : join(ROOT, 'pids');

/**
 * Makes the cluster's group, which only one of several callers can; true for that one. It is the cluster's until
 * {@link releaseClusterGroup}, also when the caller ends before.
 */
export async function claimClusterGroup(): Promise<boolean> {
  return mkdir(join(HIERARCHY, NAME)).then(
    () => true,
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return false;
    },
  );
}

/** Removes the cluster's groups, which hold no processes any more: another may claim them. */
export async function releaseClusterGroup(): Promise<void> {
  const others = (await hierarchies()).filter((hierarchy) => hierarchy !== HIERARCHY);
  for (const hierarchy of [...others, HIERARCHY]) {
    const groups = await groupsBelow(join(hierarchy, NAME));
    for (const group of groups.reverse()) await rmdir(group).catch(unlessGone);
  }
}

/** Makes the control group below which a node makes those of its pods, and tells its path. */
export async function makePodGroup(node: string): Promise<string> {
  for (const hierarchy of await hierarchies()) {
    let group = hierarchy;
    for (const below of [NAME, node]) {
      const parent = group;
      group = join(parent, below);
      await mkdir(group, { recursive: true });
      if (IS_VERSION_2) {
        const controllers = (await readFile(join(parent, 'cgroup.controllers'), 'utf8')).trim().split(' ');
        await writeFile(
          join(parent, 'cgroup.subtree_control'),
          controllers.map((name) => `+${name}`).join(' '),
        );
      }
      // In version 1 a group starts without any processor or memory node.
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        if (!IS_VERSION_2 && existsSync(join(group, file)))
          await copyFile(join(parent, file), join(group, file));
      }
    }
  }
  return `/${NAME}/${node}`;
}

/** The beginning of a command line that moves itself into the cluster's group and becomes the rest of the line. */
export async function inClusterGroup(): Promise<string[]> {
  const group = join(HIERARCHY, NAME, 'system');
  await mkdir(group, { recursive: true });
  return ['sh', '-c', 'echo $$ > "$0" && exec "$@"', join(group, 'cgroup.procs')];
}

/** The ids of all processes of the cluster, those in containers included. */
export async function clusterProcesses(): Promise<number[]> {
  const groups = await groupsBelow(join(HIERARCHY, NAME));
  const lists = await Promise.all(
    groups.map((group) => readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '')),
  );
  return lists.flatMap((list) => list.split('\n').filter((line) => line !== '')).map(Number);
}

/** Kills all processes of the cluster. @throws ClusterError COMPONENT_NOT_STOPPED */
export async function endClusterProcesses(): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    // New ones may be born while the list is read.
    const pids = await clusterProcesses();
    if (pids.length === 0) break;
    if (Date.now() > deadline) {
      throw new ClusterError(
        'COMPONENT_NOT_STOPPED',
        `Processes of the test cluster cannot be killed: ${pids.join(' ')}.`,
      );
    }
    for (const pid of pids) kill(pid);
    await delay(50);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

async function hierarchies(): Promise<string[]> {
  return IS_VERSION_2 ? [ROOT] : subdirectories(ROOT);
}

/** A group and those below it, each after the one that it is in; none if there is no such group. */
async function groupsBelow(group: string): Promise<string[]> {
  if (!existsSync(group)) return [];
  const below = await Promise.all((await subdirectories(group)).map(groupsBelow));
  return [group, ...below.flat()];
}

async function subdirectories(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(unlessGone);
  return (entries ?? []).filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name));
}

/** Groups of containers that end meanwhile are removed by others. */
function unlessGone(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
