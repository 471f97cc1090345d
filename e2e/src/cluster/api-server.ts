import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority, createSigningKey } from './certificates.js';
import { Component } from './component.js';
import { freePort } from './free-port.js';
import { writeKubeconfig } from './kubeconfig.js';
import { kubectl, type KubectlResult } from './kubectl.js';
import { tool } from './tools.js';

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
}

/** A Kubernetes API without nodes, on the loopback address: etcd and kube-apiserver, the real ones. */
export interface ApiServer {
  readonly directory: string;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** The path of a kubeconfig whose user may do everything. */
  readonly kubeconfig: string;
  /** Issues certificates for other users: the common name is the user, the organization the group. */
  readonly authority: CertificateAuthority;
  /** The processes, each to be stopped, killed, held still and started again by itself. */
  readonly server: Component;
  readonly etcd: Component;
  readonly controllers: Component | undefined;
  kubectl(args: string[], input?: string): Promise<KubectlResult>;
  /** Compacts etcd at its newest revision, so that watches from earlier ones get 410 Gone. */
  compact(): Promise<void>;
  /** Stops kube-apiserver in good order and starts it again on the same port; etcd keeps its data. */
  restart(): Promise<void>;
  /** Ends every process. */
  stop(): Promise<void>;
}

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
  const url = `https://127.0.0.1:${port}`;
  const etcdUrl = `http://127.0.0.1:${options.ports?.etcd ?? (await freePort())}`;
  const peerUrl = `http://127.0.0.1:${options.ports?.etcdPeers ?? (await freePort())}`;

  const authority = await CertificateAuthority.create(pki);
  const [serving, admin, manager, accounts] = await Promise.all([
    authority.issue('kube-apiserver', {
      commonName: 'kube-apiserver',
      names: ['IP:127.0.0.1', 'DNS:localhost'],
    }),
    authority.issue('admin', { commonName: 'admin', organization: 'system:masters' }),
    authority.issue('kube-controller-manager', { commonName: 'system:kube-controller-manager' }),
    createSigningKey(pki),
  ]);
  const kubeconfig = join(directory, 'kubeconfig');
  const managerKubeconfig = join(pki, 'kube-controller-manager.kubeconfig');
  await writeKubeconfig(kubeconfig, { url, authority: authority.own }, admin);
  await writeKubeconfig(managerKubeconfig, { url, authority: authority.own }, manager);

  const started: Component[] = [];
  const start = async (
    name: string,
    args: string[],
    isReady?: () => Promise<boolean>,
  ): Promise<Component> => {
    const component = await Component.start({
      name,
      command: [kubernetes, name, ...args],
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
        '--bind-address=127.0.0.1',
        `--secure-port=${port}`,
        // Nobody reaches it through the Service `kubernetes`, which wants an address other than the loopback's.
        ...['--advertise-address=192.0.2.1', '--endpoint-reconciler-type=none'],
        `--tls-cert-file=${serving.certificate}`,
        `--tls-private-key-file=${serving.key}`,
        `--client-ca-file=${authority.own.certificate}`,
        `--service-account-key-file=${accounts.publicKey}`,
        `--service-account-signing-key-file=${accounts.privateKey}`,
        '--service-account-issuer=https://kubernetes.default.svc',
        '--service-cluster-ip-range=198.19.0.0/16',
        '--authorization-mode=RBAC',
        ...(options.arguments ?? []),
      ],
      readiness(port, await readFile(authority.own.certificate)),
    );
    const names = options.controllers ?? CONTROLLERS;
    const controllers =
      names.length === 0
        ? undefined
        : await start('kube-controller-manager', [
            `--kubeconfig=${managerKubeconfig}`,
            `--controllers=${names.join(',')}`,
            `--service-account-private-key-file=${accounts.privateKey}`,
            `--root-ca-file=${authority.own.certificate}`,
            '--use-service-account-credentials=true',
            '--leader-elect=false',
            '--secure-port=0',
          ]);
    return {
      ...{ directory, url, kubeconfig, authority, server, etcd, controllers },
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

function readiness(port: number, ca: Buffer): () => Promise<boolean> {
  return () =>
    new Promise((answered) => {
      const request = get(
        { host: '127.0.0.1', port, path: '/readyz', ca, timeout: 2000, agent: false },
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
