/** The logs of a flow's pods, as their nodes keep them. */
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import {
  ApiError,
  isNotFound,
  managedBySelector,
  ownerLabels,
  resourceTypes,
  type ApiClient,
  type KubeObject,
} from '@integration-hub/operator';
import type { ClusterConnection } from './cluster-connection.js';
import type { LogMerge } from './logs-merge.js';
import type { LogWish } from './logs.js';
import { timeOf, type LogLine } from './logs-line.js';
import { UsageError } from './usage-error.js';

/** How often it is looked for new pods, and for the next container of a pod, in milliseconds. */
const lookEveryMs = 2_000;
/** Longer than the API server waits for a node that is cut off. */
const answerMs = 40_000;

/**
 * Adds the log of each pod of a flow, and where logs are followed those of pods to come.
 *
 * @param onUnreadable is told of each pod whose log can't be read, and why; its node may be cut off
 * @returns the names of the pods that there are
 * @throws UsageError where there is no such flow
 */
export async function addPodLogs(
  cluster: ClusterConnection,
  merge: LogMerge,
  wish: LogWish,
  onUnreadable: (pod: string, why: string) => void,
): Promise<string[]> {
  const { signal } = wish;
  const known = new Set<string>();
  const look = async (): Promise<string[]> => {
    const pods = (await podsOf(cluster, wish)).filter(({ metadata: { uid } }) => !known.has(uid!));
    for (const pod of pods) {
      known.add(pod.metadata.uid!);
      merge.add(podLines(cluster.kubeConfig, pod, wish, onUnreadable));
    }
    return pods.map(({ metadata: { name } }) => name);
  };
  const names = await look();
  if (signal !== undefined) {
    merge.add(
      withoutLines(async () => {
        while (await pause(signal)) await look().catch(unlessAway);
      }),
    );
  }
  return names;
}

/** @returns false where it was aborted */
async function pause(signal: AbortSignal): Promise<boolean> {
  await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}

/** An API server that is started anew is back soon. */
function unlessAway(error: unknown): void {
  if (!(error instanceof ApiError) || (error.status > 0 && error.status < 500)) throw error;
}

/** Work that ends, and may fail, with the logs that it looks after. */
function withoutLines(work: () => Promise<void>): AsyncIterable<LogLine> {
  const next = (): Promise<IteratorReturnResult<undefined>> =>
    work().then(() => ({ done: true, value: undefined }));
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

async function podsOf(
  { client, namespace }: ClusterConnection,
  { flow, withDestinations, role }: LogWish,
): Promise<KubeObject[]> {
  const { spec } = await client.get(resourceTypes.flow, { name: flow, namespace }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    throw new UsageError(`the namespace ${namespace} has no flow "${flow}": see ihub status -n ${namespace}`);
  });
  const { destinations } = spec as { destinations: { name: string }[] };
  const owners = [
    `${ownerLabels.IntegrationFlow}=${flow}`,
    ...(withDestinations ? destinations.map(({ name }) => `${ownerLabels.Destination}=${name}`) : []),
  ];
  const found = await Promise.all(
    owners.map((owner) => podsWith(client, namespace, `${managedBySelector},${owner}`)),
  );
  return found.flat().filter((pod) => role === undefined || roleOf(pod) === role);
}

async function podsWith(client: ApiClient, namespace: string, labelSelector: string): Promise<KubeObject[]> {
  return (await client.list(resourceTypes.pod, { namespace, labelSelector })).items;
}

/** The name of a worker's container, too. */
const roleOf = ({ metadata }: KubeObject): string => metadata.labels!['app.kubernetes.io/component']!;

/** The lines of a pod's log: of the container that ended before, of this one, and if followed of those to come. */
async function* podLines(
  kubeConfig: KubeConfig,
  pod: KubeObject,
  { since, signal }: LogWish,
  onUnreadable: (pod: string, why: string) => void,
): AsyncGenerator<LogLine> {
  const { name } = pod.metadata;
  const { containerStatuses = [] } = (pod.status ?? {}) as { containerStatuses?: { restartCount: number }[] };
  let [newest, isTold] = ['', false];
  // A container that ended has said why.
  let previous = containerStatuses.some(({ restartCount }) => restartCount > 0);
  for (;;) {
    const query = {
      container: roleOf(pod),
      timestamps: 'true',
      ...(previous && { previous: 'true' }),
      ...(signal && !previous && { follow: 'true' }),
      // In whole seconds: what was read before comes again.
      ...(newest !== '' ? { sinceTime: newest } : since && { sinceTime: new Date(since).toISOString() }),
    };
    try {
      const response = await openLog(kubeConfig, pod, query, signal);
      for await (const line of linesOf(response)) {
        // The node's own time, always of the same length, stands in front.
        const end = line.indexOf(' ');
        const [stamp, said] = [line.slice(0, end), line.slice(end + 1)];
        if (stamp <= newest) continue;
        newest = stamp;
        yield { source: name, time: timeOf(said) ?? Date.parse(stamp), text: said };
      }
    } catch (error) {
      if (signal?.aborted || isNotFound(error)) return;
      if (error instanceof ApiError && [401, 403].includes(error.status)) throw error;
      // A container that does not run (yet) has no log.
      const isWaiting = error instanceof ApiError && error.status === 400;
      if (!isWaiting && !isTold) onUnreadable(name, (error as Error).message);
      isTold ||= !isWaiting;
    }
    if (previous) previous = false;
    else if (signal === undefined || !(await pause(signal))) return;
  }
}

/** A line that was cut off with the connection is left out: it comes again with the next. */
async function* linesOf(response: http.IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/**
 * Begins to read the log of a pod's container.
 *
 * @throws ApiError where the API server, or the node behind it, refuses
 */
async function openLog(
  kubeConfig: KubeConfig,
  { metadata: { name, namespace } }: KubeObject,
  query: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<http.IncomingMessage> {
  const settings: https.RequestOptions = {};
  await kubeConfig.applyToHTTPSOptions(settings);
  const path = `/api/v1/namespaces/${namespace!}/pods/${name}/log?${new URLSearchParams(query).toString()}`;
  const url = new URL(`${kubeConfig.getCurrentCluster()!.server}${path}`);
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const { get } = url.protocol === 'https:' ? https : http;
    const request = get(url, { ...settings, ...(signal && { signal }) }, resolve);
    // The end of a connection that was cut, and not closed, is noticed by nothing else.
    request.on('socket', (socket) => socket.setKeepAlive(true, 10_000));
    request.on('error', reject);
    // A log that is followed may begin with its first line only.
    const late = (): unknown => request.destroy(new Error(`no answer within ${answerMs} ms`));
    const timer = signal === undefined ? setTimeout(late, answerMs) : undefined;
    request.on('close', () => clearTimeout(timer));
    request.on('response', () => clearTimeout(timer));
  });
  const status = response.statusCode ?? 0;
  if (status === 200) return response;
  const body = await text(response);
  let message = body;
  try {
    message = (JSON.parse(body) as { message?: string }).message ?? body;
  } catch {
    // A proxy's own page.
  }
  throw new ApiError(status, '', message.trim());
}
