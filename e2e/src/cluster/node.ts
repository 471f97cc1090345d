import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ApiServer } from './api-server.js';
import { inClusterGroup, makePodGroup } from './cgroup.js';
import { ClusterError } from './cluster-error.js';
import { Component } from './component.js';
import { debianPrograms } from './debian.js';
import { felix } from './felix.js';
import { networkNamespace } from './network.js';
import { tool } from './tools.js';
import { POD_RANGE, DNS_SERVICE, type Zone } from './zones.js';

/** The name of the image whose container holds a pod's namespaces. */
export const PAUSE_IMAGE = 'localhost/pause:1';

const NAMING_PLUGIN = fileURLToPath(new URL('../../cluster/cni/ptp-for-felix', import.meta.url));

/**
 * What has to be there for a node to mount its own over it. Wherever a kubelet keeps its files, its socket for devices is
 * in `/var/lib/kubelet`: two that begin at once would take it from each other, and one of them would end.
 */
export const MOUNT_POINTS = ['/var/lib/cni', '/var/lib/calico', '/var/lib/kubelet'];

// containerd and kubelet share a mount namespace in which what they leave in the system's folders is their own, and
// which vanishes with them.
const SET_UP_NODE = `
  for folder in /run /var/log ${MOUNT_POINTS.join(' ')}; do mount -t tmpfs tmpfs "$folder" || exit; done
  mount --make-rshared / && echo 1 > /proc/sys/net/ipv4/ip_forward && exec "$@"`;
const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

/** The one node of a zone: containerd, kubelet, kube-proxy and Felix in the zone's network. */
export interface Node {
  readonly zone: Zone;
  readonly containerd: Component;
  readonly kubelet: Component;
  readonly proxy: Component;
  /** Enforces NetworkPolicies. */
  readonly felix: Component;
}

/** Starts a node; it is Ready when the API server says so. @throws ClusterError */
export async function startNode(zone: Zone, api: ApiServer): Promise<Node> {
  const kubernetes = await tool('kubernetes');
  const { root, environment } = await debianPrograms();
  const directory = join(api.directory, zone.name);
  for (const folder of [
    ...MOUNT_POINTS,
    ...['cni', 'plugins', 'containerd', 'kubelet'].map((name) => join(directory, name)),
  ]) {
    await mkdir(folder, { recursive: true });
  }
  const configure = async (file: string, content: unknown): Promise<string> => {
    await writeFile(join(directory, file), typeof content === 'string' ? content : JSON.stringify(content));
    return join(directory, file);
  };
  const start = async (
    name: string,
    inside: string[],
    command: string[],
    isReady?: (pid: number) => boolean,
    more: NodeJS.ProcessEnv = {},
  ): Promise<Component> =>
    Component.start({
      name: `${name} of ${zone.name}`,
      command: [...(await inClusterGroup()), 'nsenter', ...inside, ...command],
      logFile: join(api.directory, 'logs', `${name}-${zone.name}.log`),
      environment: { ...environment, ...more },
      outlives: true,
      ...(isReady && { isReady }),
    });

  for (const plugin of ['ptp', 'host-local', 'loopback']) {
    await symlink(join(root, 'usr/lib/cni', plugin), join(directory, 'plugins', plugin));
  }
  await copyFile(NAMING_PLUGIN, join(directory, 'plugins/ptp-for-felix'));
  await configure('cni/10-pods.conflist', podNetwork(zone, directory));
  const containerd = await start(
    'containerd',
    [`--net=/run/netns/${networkNamespace(zone)}`],
    [
      ...['unshare', '--mount', 'sh', '-c', SET_UP_NODE, 'sh'],
      ...[
        'containerd',
        '--config',
        await configure('containerd.toml', containerdConfiguration(directory, root)),
      ],
    ],
    (pid) => existsSync(`/proc/${pid}/root${CONTAINERD_SOCKET}`),
  );
  const inNode = inNamespacesOf(containerd.pid!);
  await writeFile(pidFile(zone, api.directory), `${containerd.pid!}`);

  const kubeletConfiguration = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: zone.address,
    authentication: {
      x509: { clientCAFile: api.authority.own.certificate },
      anonymous: { enabled: false },
      webhook: { enabled: true },
    },
    authorization: { mode: 'Webhook' },
    ...(await servingCertificate(zone, api)),
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    clusterDNS: [DNS_SERVICE],
    clusterDomain: 'cluster.local',
    resolvConf: '',
    cgroupDriver: 'cgroupfs',
    cgroupRoot: await makePodGroup(zone.name),
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    nodeStatusUpdateFrequency: '2s',
    // The machine's disk is not the cluster's: images were imported, and can't be had again.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
  };
  const kubelet = await start('kubelet', inNode, [
    ...[kubernetes, 'kubelet', '--config', await configure('kubelet.json', kubeletConfiguration)],
    ...['--kubeconfig', await api.user(`kubelet-${zone.name}`, nodeUser(zone))],
    ...['--root-dir', join(directory, 'kubelet'), '--cert-dir', join(directory, 'kubelet/pki')],
    ...['--hostname-override', zone.name, '--node-ip', zone.address],
    ...['--node-labels', `topology.kubernetes.io/zone=${zone.name}`],
  ]);

  const proxyConfiguration = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: {
      kubeconfig: await api.user(`kube-proxy-${zone.name}`, { commonName: 'system:kube-proxy' }),
    },
    hostnameOverride: zone.name,
    clusterCIDR: POD_RANGE,
    // Limits of the whole machine, which a network namespace may not set.
    conntrack: { maxPerCore: 0 },
  };
  const proxy = await start('kube-proxy', inNode, [
    ...[kubernetes, 'kube-proxy', '--config', await configure('kube-proxy.json', proxyConfiguration)],
  ]);

  const { command, environment: settings } = await felix(zone, api);
  const policies = await start('felix', [...inNode], command, undefined, settings);
  return { zone, containerd, kubelet, proxy, felix: policies };
}

/**
 * Gives a zone's node the image of an archive.
 *
 * @param directory the cluster's
 * @param archive as `packImage` and `docker save` make it
 * @throws ClusterError IMAGE_FAILED
 */
export async function importImage(zone: Zone, directory: string, archive: string): Promise<void> {
  await changeImages(zone, directory, ['import', resolve(archive)]);
}

/** Gives an image that a zone's node has another name as well. @throws ClusterError IMAGE_FAILED */
export async function renameImage(zone: Zone, directory: string, from: string, to: string): Promise<void> {
  await changeImages(zone, directory, ['tag', '--force', from, to]);
}

async function changeImages(zone: Zone, directory: string, change: readonly string[]): Promise<void> {
  const { environment } = await debianPrograms();
  try {
    const pid = await readFile(pidFile(zone, directory), 'utf8');
    await promisify(execFile)(
      'nsenter',
      [...inNamespacesOf(pid), 'ctr', '--namespace', 'k8s.io', 'images', ...change],
      { env: { ...process.env, ...environment } },
    );
  } catch (error) {
    throw new ClusterError(
      'IMAGE_FAILED',
      `The node of ${zone.name} did not ${change.join(' ')}; is the cluster up? ${String(error)}`,
      { cause: error },
    );
  }
}

/** Where the process id of a node's containerd is, whose namespaces are the node's. */
function pidFile(zone: Zone, directory: string): string {
  return join(directory, zone.name, 'containerd.pid');
}

function inNamespacesOf(pid: number | string): string[] {
  return ['--net', '--mount', `--target=${pid}`];
}

function nodeUser(zone: Zone): { commonName: string; organization: string } {
  return { commonName: `system:node:${zone.name}`, organization: 'system:nodes' };
}

async function servingCertificate(
  zone: Zone,
  api: ApiServer,
): Promise<{ tlsCertFile: string; tlsPrivateKeyFile: string }> {
  const issued = await api.authority.issue(`kubelet-${zone.name}-serving`, {
    ...nodeUser(zone),
    names: [`IP:${zone.address}`, `DNS:${zone.name}`],
  });
  return { tlsCertFile: issued.certificate, tlsPrivateKeyFile: issued.key };
}

/**
 * Every pod has a cable of its own to the node, and all its traffic is routed there: so Services work between pods
 * of one node too, which over a bridge takes settings of the whole machine.
 */
function podNetwork(zone: Zone, directory: string): object {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp-for-felix',
        ipMasq: false,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: zone.podRange }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: join(directory, 'addresses'),
        },
      },
    ],
  };
}

function containerdConfiguration(directory: string, debian: string): string {
  const text = JSON.stringify;
  return `
version = 2
root = ${text(join(directory, 'containerd'))}
[grpc]
  address = "${CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Without the capability to lower it, every container would be refused.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = ${text(join(debian, 'usr/bin/runc'))}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${text(join(directory, 'plugins'))}
    conf_dir = ${text(join(directory, 'cni'))}
`;
}
