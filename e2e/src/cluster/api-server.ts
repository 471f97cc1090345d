import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@integration-hub/kafka';
import { CertificateAuthority, createSigningKey, type Subject } from './certificates.js';
import { Component } from './component.js';
import { writeKubeconfig } from './kubeconfig.js';
import { kubectl, type KubectlResult } from './kubectl.js';
import { tool } from './tools.js';
import { API_SERVICE, SERVICE_RANGE } from './zones.js';

export interface ApiServerOptions {
  /** Keeps keys, etcd's data, logs and the kubeconfig. Default: a new directory, which stop() removes. */
  directory?: string;
  /** Default: free ones. */
  ports?: { api?: number; etcd?: number; etcdPeers?: number };
  /**
   * Which controllers of kube-controller-manager run; `[]`: none. Default: those that namespaces, service accounts
   * and owner references need. No pod ever runs, whatever is named here.
   */
  controllers?: string[];
  /** More arguments for kube-apiserver. */
  arguments?: string[];
  /** Where it listens; default the loopback address, `127.0.0.1`. */
  address?: string;
  /** The beginning of every command line, for processes that are to outlive this one. */
  prefix?: readonly string[];
}

/** A Kubernetes API, without nodes: etcd and kube-apiserver, the real ones. */
export interface ApiServer {
  readonly directory: string;
  /** `https://ADDRESS:PORT`. */
  readonly url: string;
  /** The path of a kubeconfig whose user may do everything. */
  readonly kubeconfig: string;
  readonly authority: CertificateAuthority;
  /** The processes, each to be stopped, killed, held still and started again by itself. */
  readonly server: Component;
  readonly etcd: Component;
  readonly controllers: Component | undefined;
  /** The path of a new kubeconfig for a user (the common name) in a group (the organization). */
  user(name: string, subject: Subject): Promise<string>;
  kubectl(args: string[], input?: string): Promise<KubectlResult>;
  /** Compacts etcd at its newest revision, so that watches from earlier ones get 410 Gone. */
  compact(): Promise<void>;
  /** Stops kube-apiserver in good order and starts it again on the same port; etcd keeps its data. */
  restart(): Promise<void>;
  /** Ends every process. */
  stop(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';

const CONTROLLERS = [
  'garbage-collector-controller',
  'namespace-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
];

/**
 * Starts a Kubernetes API and resolves once it answers, in about six seconds; the first time on a machine its
 * programs are built before, which takes minutes. Several may run at once. They end with this process.
 *
 * @throws ClusterError
 */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const kubernetes = await tool('kubernetes');
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'ihub-api-server-')));
  const [pki, logs] = [join(directory, 'pki'), join(directory, 'logs')];
  await mkdir(pki, { recursive: true });
  await mkdir(logs, { recursive: true });

  const port = options.ports?.api ?? (await freePort());
  const address = options.address ?? LOOPBACK;
  const url = `https://${address}:${port}`;
  const etcdUrl = `http://${LOOPBACK}:${options.ports?.etcd ?? (await freePort())}`;
  const peerUrl = `http://${LOOPBACK}:${options.ports?.etcdPeers ?? (await freePort())}`;

  const authority = await CertificateAuthority.create(pki);
  const user = async (name: string, subject: Subject): Promise<string> => {
    const file = join(pki, `${name}.kubeconfig`);
    await writeKubeconfig(file, { url, authority: authority.own }, await authority.issue(name, subject));
    return file;
  };
  const [serving, admin, manager, accounts] = await Promise.all([
    authority.issue('kube-apiserver', { commonName: 'kube-apiserver', names: serverNames(address) }),
    authority.issue('admin', { commonName: 'admin', organization: 'system:masters' }),
    user('kube-controller-manager', { commonName: 'system:kube-controller-manager' }),
    createSigningKey(pki),
  ]);
  const kubeconfig = join(directory, 'kubeconfig');
  await writeKubeconfig(kubeconfig, { url, authority: authority.own }, admin);

  const started: Component[] = [];
  const start = async (
    name: string,
    args: string[],
    isReady?: () => Promise<boolean>,
  ): Promise<Component> => {
    const component = await Component.start({
      name,
      command: [...(options.prefix ?? []), kubernetes, name, ...args],
      outlives: options.prefix !== undefined,
      logFile: join(logs, `${name}.log`),
      ...(isReady && { isReady }),
    });
    started.unshift(component);
    return component;
  };
  const stop = async (): Promise<void> => {
    // Nothing here is worth a graceful end, for which kube-apiserver takes its time.
    for (const component of started) await component.kill();
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  };

  try {
    const etcd = await start(
      'etcd',
      [
        ...['--data-dir', join(directory, 'etcd'), '--unsafe-no-fsync', '--log-level=warn'],
        ...['--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
        ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
        `--initial-cluster=default=${peerUrl}`,
      ],
      () =>
        fetch(`${etcdUrl}/health`).then(
          (response) => response.ok,
          () => false,
        ),
    );
    const server = await start(
      'kube-apiserver',
      [
        `--etcd-servers=${etcdUrl}`,
        `--bind-address=${address}`,
        `--secure-port=${port}`,
        ...(address === LOOPBACK
          ? // Nobody can reach it through the Service `kubernetes`, which refuses a loopback address.
            ['--advertise-address=192.0.2.1', '--endpoint-reconciler-type=none']
          : [`--advertise-address=${address}`]),
        `--tls-cert-file=${serving.certificate}`,
        `--tls-private-key-file=${serving.key}`,
        `--client-ca-file=${authority.own.certificate}`,
        `--service-account-key-file=${accounts.publicKey}`,
        `--service-account-signing-key-file=${accounts.privateKey}`,
        '--service-account-issuer=https://kubernetes.default.svc',
        `--service-cluster-ip-range=${SERVICE_RANGE}`,
        '--authorization-mode=Node,RBAC',
        '--allow-privileged=true',
        `--kubelet-client-certificate=${admin.certificate}`,
        `--kubelet-client-key=${admin.key}`,
        `--kubelet-certificate-authority=${authority.own.certificate}`,
        '--kubelet-preferred-address-types=InternalIP',
        // Otherwise it waits for its watchers to leave by themselves.
        '--shutdown-watch-termination-grace-period=1s',
        ...(options.arguments ?? []),
      ],
      readiness(address, port, await readFile(authority.own.certificate)),
    );
    const names = options.controllers ?? CONTROLLERS;
    const controllers =
      names.length === 0
        ? undefined
        : await start('kube-controller-manager', [
            `--kubeconfig=${manager}`,
            `--controllers=${names.join(',')}`,
            `--service-account-private-key-file=${accounts.privateKey}`,
            `--root-ca-file=${authority.own.certificate}`,
            '--use-service-account-credentials=true',
            '--leader-elect=false',
            '--secure-port=0',
            `--cluster-signing-cert-file=${authority.own.certificate}`,
            `--cluster-signing-key-file=${authority.own.key}`,
            // A node that was cut off is known to be in seconds.
            ...['--node-monitor-period=2s', '--node-monitor-grace-period=16s'],
          ]);
    return {
      ...{ directory, url, kubeconfig, authority, user, server, etcd, controllers },
      kubectl: (args, input) => kubectl(kubeconfig, args, input),
      compact: () => compact(etcdUrl),
      restart: async () => {
        await server.stop();
        await server.start();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What a certificate of the API server has to name, for clients beside it and for those in pods. */
function serverNames(address: string): string[] {
  const services = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  return [
    ...[`IP:${address}`, `IP:${API_SERVICE}`, 'DNS:localhost'],
    ...[...services, 'kubernetes.default.svc.cluster.local'].map((name) => `DNS:${name}`),
  ];
}

function readiness(address: string, port: number, ca: Buffer): () => Promise<boolean> {
  return () =>
    new Promise((answered) => {
      const request = get(
        { host: address, port, path: '/readyz', ca, timeout: 2000, agent: false },
        (response) => {
          response.resume();
          answered(response.statusCode === 200);
        },
      );
      request.on('error', () => answered(false));
      request.on('timeout', () => request.destroy());
    });
}

/** Through etcd's JSON gateway: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/ */
async function compact(etcdUrl: string): Promise<void> {
  const call = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(`${etcdUrl}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok)
      throw new Error(`etcd answered ${response.status} to ${path}: ${await response.text()}`);
    return response.json();
  };
  const { header } = (await call('range', { key: 'AA==' })) as { header: { revision: string } };
  await call('compaction', { revision: header.revision, physical: true });
}
