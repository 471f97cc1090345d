import { copyFile, mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ApiServer, startApiServer } from './api-server.js';
import { cacheDirectory } from './cache.js';
import { claimClusterGroup, endClusterProcesses, inClusterGroup, releaseClusterGroup } from './cgroup.js';
import { ClusterError } from './cluster-error.js';
import { Component } from './component.js';
import { debianPrograms } from './debian.js';
import { installFelixResources } from './felix.js';
import { packImage } from './image.js';
import { makeNetwork, removeNetwork } from './network.js';
import { importImage, renameImage, MOUNT_POINTS, type Node, PAUSE_IMAGE, startNode } from './node.js';
import { tool } from './tools.js';
import { MACHINE, ZONES } from './zones.js';

const COREDNS_MANIFEST = fileURLToPath(new URL('../../cluster/manifests/coredns.yaml', import.meta.url));
const READY_DEADLINE = 300_000;

/** A Kubernetes of two zones with a node in each, the control plane beside them on the machine. */
export interface Cluster {
  readonly api: ApiServer;
  readonly scheduler: Component;
  readonly nodes: readonly Node[];
}

/** Where the cluster keeps everything; there can be one cluster on a machine. */
export function clusterDirectory(): string {
  return join(cacheDirectory(), 'cluster');
}

/** The path of the kubeconfig of the cluster that is up. */
export function clusterKubeconfig(): string {
  return join(clusterDirectory(), 'kubeconfig');
}

/**
 * Starts the cluster, and resolves when both nodes are Ready and names are resolved. Its processes outlive this one:
 * {@link stopCluster} ends them, from any process. What is needed is built and fetched the first time.
 *
 * @param wait how long to wait for another cluster on this machine to end, in milliseconds; default: not at all
 * @throws ClusterError NOT_ROOT, ALREADY_UP, and those of the parts; nothing is left of it then but its logs
 */
export async function startCluster({ wait = 0 } = {}): Promise<Cluster> {
  requireRoot();
  await Promise.all([tool('kubernetes'), tool('coredns'), tool('pause'), tool('felix'), debianPrograms()]);
  const deadline = Date.now() + wait;
  while (!(await claimClusterGroup())) {
    if (Date.now() >= deadline) {
      throw new ClusterError(
        'ALREADY_UP',
        'A test cluster is up on this machine, or was not ended. End it first: make cluster-down',
      );
    }
    await delay(1000);
  }
  try {
    // What a machine that crashed has left.
    await removeNetwork();
    await rm(clusterDirectory(), { recursive: true, force: true });
    return await startParts();
  } catch (error) {
    await stopCluster(true);
    throw error;
  }
}

async function startParts(): Promise<Cluster> {
  const directory = clusterDirectory();
  await mkdir(join(directory, 'logs'), { recursive: true });
  await makeNetwork();
  const prefix = await inClusterGroup();
  const api = await startApiServer({
    directory,
    address: MACHINE,
    ports: { api: 6443 },
    controllers: ['*'],
    prefix,
  });
  const scheduler = await Component.start({
    name: 'kube-scheduler',
    command: [
      ...prefix,
      ...[await tool('kubernetes'), 'kube-scheduler', '--leader-elect=false', '--secure-port=0'],
      `--kubeconfig=${await api.user('kube-scheduler', { commonName: 'system:kube-scheduler' })}`,
    ],
    logFile: join(directory, 'logs/kube-scheduler.log'),
    outlives: true,
  });
  await installFelixResources(api);
  const nodes = await Promise.all(ZONES.map((zone) => startNode(zone, api)));
  await loadImage(await packProgram('pause', PAUSE_IMAGE));
  await loadImage(await packProgram('coredns', 'localhost/coredns:1'));
  await succeed(api, ['apply', '-f', '-'], await readFile(COREDNS_MANIFEST, 'utf8'));
  await waitUntilReady(api);
  return { api, scheduler, nodes };
}

/** Gives every node of the cluster that is up an image. @throws ClusterError NOT_ROOT, IMAGE_FAILED */
export async function loadImage(archive: string): Promise<void> {
  requireRoot();
  await Promise.all(ZONES.map((zone) => importImage(zone, clusterDirectory(), archive)));
}

/** Gives an image that every node has another name as well. @throws ClusterError NOT_ROOT, IMAGE_FAILED */
export async function tagImage(from: string, to: string): Promise<void> {
  requireRoot();
  await Promise.all(ZONES.map((zone) => renameImage(zone, clusterDirectory(), from, to)));
}

/**
 * Ends the cluster, however much of it is up, and leaves nothing behind: no process, network, mount or control
 * group, and no file.
 *
 * @param keepLogs for a person to see why it did not start
 * @throws ClusterError COMPONENT_NOT_STOPPED, NETWORK_FAILED
 */
export async function stopCluster(keepLogs = false): Promise<void> {
  requireRoot();
  await endClusterProcesses();
  await removeNetwork();
  const entries = await readdir(clusterDirectory()).catch(() => []);
  for (const entry of entries.filter((name) => !(keepLogs && name === 'logs'))) {
    await rm(join(clusterDirectory(), entry), { recursive: true });
  }
  if (!keepLogs) await rm(clusterDirectory(), { recursive: true, force: true });
  // Others' files may be in them.
  for (const folder of MOUNT_POINTS) await rmdir(folder).catch(() => undefined);
  await releaseClusterGroup();
}

/** An image that holds one program without libraries. */
async function packProgram(program: 'pause' | 'coredns', image: string): Promise<string> {
  const root = join(clusterDirectory(), 'images', program);
  await mkdir(root, { recursive: true });
  await copyFile(await tool(program), join(root, program));
  const archive = `${root}.tar`;
  await packImage(image, root, { Entrypoint: [`/${program}`] }, archive);
  return archive;
}

async function waitUntilReady(api: ApiServer): Promise<void> {
  const deadline = Date.now() + READY_DEADLINE;
  const wait = async (...args: string[]): Promise<boolean> =>
    (await api.kubectl(['wait', '--timeout=5s', ...args])).code === 0;
  while (
    !(await wait('--for=condition=Ready', ...ZONES.map((zone) => `node/${zone.name}`))) ||
    !(await wait('--for=condition=Available', '-n', 'kube-system', 'deployment/coredns'))
  ) {
    if (Date.now() > deadline) {
      const { stdout } = await api.kubectl(['get', 'nodes,pods', '-A']);
      throw new ClusterError(
        'COMPONENT_NOT_STARTED',
        `The nodes of the test cluster are not ready after ${READY_DEADLINE / 1000} s; their logs are in ${api.directory}/logs. This is there: ${stdout}`,
      );
    }
    await delay(200);
  }
}

async function succeed(api: ApiServer, args: string[], input?: string): Promise<void> {
  const { code, stderr } = await api.kubectl(args, input);
  if (code !== 0) throw new ClusterError('COMPONENT_NOT_STARTED', `kubectl ${args[0] ?? ''}: ${stderr}`);
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new ClusterError(
    'NOT_ROOT',
    'The two-zone cluster has networks, mounts and containers of its own, for which it must be started and ended as root: sudo -E make cluster',
  );
}
