/** Which cluster a command is about, and its errors in words for the person who typed it. */
import type { KubeConfig } from '@kubernetes/client-node';
import type { ApiClient } from '@integration-hub/operator';
import type { Command } from 'commander';
import { UsageError } from './usage-error.js';

export interface ClusterOptions {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
}

export interface ClusterConnection {
  readonly kubeConfig: KubeConfig;
  readonly client: ApiClient;
  /** As told, else that of the context, else `default`. */
  readonly namespace: string;
}

/** Adds --kubeconfig, --context and -n. */
export function clusterOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'how to reach the cluster; default: KUBECONFIG, else ~/.kube/config')
    .option('--context <name>', 'which cluster and user of the kubeconfig; default: the current one')
    .option('-n, --namespace <name>', 'the namespace of the flows; default: that of the context');
}

/**
 * Reads the kubeconfig, has `work` ask the cluster, and hangs up.
 *
 * @throws UsageError where no cluster is known, or it does not answer, or not as it should
 */
export async function withCluster<T>(
  options: ClusterOptions,
  work: (cluster: ClusterConnection) => Promise<T>,
): Promise<T> {
  const [kubernetes, { ApiClient, ApiError }] = await Promise.all([
    import('@kubernetes/client-node'),
    import('@integration-hub/operator'),
  ]);
  const kubeConfig = new kubernetes.KubeConfig();
  select(kubeConfig, options);
  const client = new ApiClient({ kubeConfig, userAgent: 'ihub' });
  const context = kubeConfig.getContextObject(kubeConfig.getCurrentContext());
  const namespace = options.namespace ?? context?.namespace ?? 'default';
  try {
    return await work({ kubeConfig, client, namespace });
  } catch (error) {
    if (error instanceof ApiError) throw new UsageError(sentence(error));
    throw error;
  } finally {
    client.close();
  }
}

function select(kubeConfig: KubeConfig, { kubeconfig, context }: ClusterOptions): void {
  try {
    if (kubeconfig === undefined) kubeConfig.loadFromDefault();
    else kubeConfig.loadFromFile(kubeconfig);
  } catch (error) {
    throw new UsageError(`the kubeconfig can't be used: ${(error as Error).message}`);
  }
  const contexts = kubeConfig.getContexts().map(({ name }) => name);
  if (context !== undefined) {
    if (!contexts.includes(context)) {
      throw new UsageError(
        `the kubeconfig has no context "${context}": it has ${contexts.join(', ') || 'none'}`,
      );
    }
    kubeConfig.setCurrentContext(context);
  }
  // What the library makes up where it finds nothing at all.
  const isMadeUp = kubeConfig.getCurrentContext() === 'loaded-context';
  if (isMadeUp || kubeConfig.getCurrentCluster() === null) {
    throw new UsageError('no cluster is known: set KUBECONFIG, or give --kubeconfig and --context');
  }
}

function sentence({ status, message }: { readonly status: number; readonly message: string }): string {
  // Of a kind that the API server does not know, it says no more than this.
  if (status === 404 && message.startsWith('404')) {
    return 'the cluster knows no IntegrationFlows: install the CRDs (kubectl apply --server-side -k crds)';
  }
  return `the cluster can't be asked: ${message}`;
}
