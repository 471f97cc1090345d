/** What `ihub status` finds: the flows of a namespace, or one of them in full, as the operator reports them. */
import type { Condition, DestinationStatus, FlowStatus, HubStatus } from '@integration-hub/api';
import {
  ApiError,
  isNotFound,
  ownerLabels,
  resourceTypes,
  type ApiClient,
  type KubeObject,
  type OwnerKind,
  type ResourceType,
} from '@integration-hub/operator';
import type { ClusterConnection } from './cluster-connection.js';
import { UsageError } from './usage-error.js';

/** How a Hub, a flow or a destination is. */
export interface Health {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Whether the operator has seen its last change and calls it Ready. */
  readonly ready: boolean;
  /** What is wrong, or what people should know though it is ready; for people. */
  readonly trouble?: string;
  readonly zones?: string;
  readonly counts: NonNullable<FlowStatus['counts']>;
  /** RFC 3339. */
  readonly created: string;
}

export interface Overview {
  /** Whether everything below is. */
  readonly ready: boolean;
  readonly hubs: readonly Health[];
  readonly flows: readonly Health[];
  readonly destinations: readonly Health[];
}

export interface PodReport {
  readonly name: string;
  /** Empty where it has no node, or nodes can't be read. */
  readonly zone: string;
  readonly ready: boolean;
  readonly restarts: number;
  /** Why it is not ready, where Kubernetes says so. */
  readonly trouble?: string;
  /** How its last container ended: `exit code 1 (Error)`. */
  readonly lastEnd?: string;
  /** When, RFC 3339. */
  readonly lastEndAt?: string;
}

export interface StageReport {
  readonly name: string;
  readonly role: string;
  /** Workers that the operator asks for. */
  readonly wanted: number;
  readonly pods: readonly PodReport[];
}

export interface EventReport {
  /** RFC 3339, when it was last seen. */
  readonly time: string;
  readonly type: string;
  readonly reason: string;
  /** Such as `Pod/mpi-sender-5d8f`. */
  readonly about: string;
  readonly note: string;
}

export interface FlowReport {
  readonly ready: boolean;
  readonly flow: Health;
  readonly conditions: readonly Condition[];
  /** The zones that the Hub names, and any others that workers are in. */
  readonly zones: readonly string[];
  /** Listener, transformer, and the senders of its destinations. */
  readonly stages: readonly StageReport[];
  readonly destinations: readonly Health[];
  readonly endpoints: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  /** The newest last. */
  readonly events: readonly EventReport[];
}

type Status = Partial<FlowStatus & DestinationStatus & HubStatus>;

/**
 * @param namespace undefined: all
 * @throws UsageError where there is no flow
 */
export async function overview(client: ApiClient, namespace: string | undefined): Promise<Overview> {
  const { hub, flow, destination } = resourceTypes;
  const [hubs, flows, destinations] = await Promise.all(
    [hub, flow, destination].map(async (type) => {
      const { items } = await client.list(type, { namespace });
      return items.map(healthOf).sort(byName);
    }),
  );
  if (flows!.length === 0) {
    const hint = namespace === undefined ? 'the cluster has none' : 'name another with -n, or all with -A';
    throw new UsageError(`no IntegrationFlow${namespace === undefined ? '' : ` in ${namespace}`}: ${hint}`);
  }
  const all = [...hubs!, ...flows!, ...destinations!];
  return { ready: all.every(({ ready }) => ready), hubs: hubs!, flows: flows!, destinations: destinations! };
}

function byName(one: Health, other: Health): number {
  return `${one.namespace}/${one.name}` < `${other.namespace}/${other.name}` ? -1 : 1;
}

/** What the operator has said of a resource, and whether it still holds. */
export function healthOf({ kind, metadata, status }: KubeObject): Health {
  const { conditions = [], observedGeneration, zones, counts = {} } = (status ?? {}) as Status;
  const ready = conditions.find(({ type }) => type === 'Ready');
  const paused = conditions.find(({ type, status: is }) => type === 'Paused' && is === 'True');
  const redundant = conditions.find(({ type }) => type === 'ZoneRedundant');
  const isSeen = observedGeneration === metadata.generation;
  const isReady = ready?.status === 'True' && isSeen && paused === undefined;
  const trouble =
    ready === undefined
      ? 'The operator has not looked at it yet: does it run?'
      : paused !== undefined
        ? `${paused.message} What is shown may be out of date.`
        : ready.status !== 'True'
          ? `${ready.reason}: ${ready.message}`
          : !isSeen
            ? 'The operator has not seen its last change yet: does it run?'
            : redundant?.status === 'False' && redundant.reason !== 'OneZone'
              ? `${redundant.reason}: ${redundant.message}`
              : undefined;
  return {
    kind,
    namespace: metadata.namespace!,
    name: metadata.name,
    ready: isReady,
    ...(trouble !== undefined && { trouble }),
    ...(zones !== undefined && { zones }),
    counts,
    created: metadata.creationTimestamp!,
  };
}

/** @throws UsageError where there is no such flow */
export async function flowReport(
  { client, namespace }: ClusterConnection,
  name: string,
): Promise<FlowReport> {
  const found = await client.get(resourceTypes.flow, { name, namespace }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    throw new UsageError(`the namespace ${namespace} has no flow "${name}": see ihub status -n ${namespace}`);
  });
  const flow = healthOf(found);
  const { conditions = [], endpoints = [] } = (found.status ?? {}) as Status;
  const wanted = (found.spec as { destinations: { name: string }[] }).destinations.map((one) => one.name);
  const owners: [OwnerKind, string][] = [
    ['IntegrationFlow', name],
    ...wanted.map((destination): [OwnerKind, string] => ['Destination', destination]),
  ];
  const list = async (type: ResourceType, options = {}): Promise<KubeObject[]> =>
    (await client.list(type, { namespace, ...options })).items;
  const ownedBy = async (type: ResourceType): Promise<KubeObject[]> => {
    const lists = owners.map(([kind, owner]) =>
      list(type, { labelSelector: `${ownerLabels[kind]}=${owner}` }),
    );
    return (await Promise.all(lists)).flat();
  };
  const [hubs, all, deployments, pods, events, zoneOf] = await Promise.all([
    list(resourceTypes.hub),
    list(resourceTypes.destination),
    ownedBy(resourceTypes.deployment),
    ownedBy(resourceTypes.pod),
    list(resourceTypes.event),
    zonesOfNodes(client),
  ]);
  const stages = deployments.map((deployment) => stageReport(deployment, pods, zoneOf)).sort(inOrder);
  const zones = [
    ...hubs.flatMap(({ spec }) => (spec as { zones?: string[] }).zones ?? []),
    ...stages.flatMap((stage) => stage.pods.map(({ zone }) => zone).sort()),
  ];
  return {
    ready: flow.ready,
    flow,
    conditions,
    zones: [...new Set(zones)],
    stages,
    destinations: all.filter(({ metadata }) => wanted.includes(metadata.name)).map(healthOf),
    endpoints,
    events: eventReports(events, owners, stages),
  };
}

const roles = ['listener', 'transformer', 'sender', 'archivist', 'console'];

function inOrder(one: StageReport, other: StageReport): number {
  return roles.indexOf(one.role) - roles.indexOf(other.role) || (one.name < other.name ? -1 : 1);
}

/** By the name of each node; empty where this user may not read nodes. */
async function zonesOfNodes(client: ApiClient): Promise<ReadonlyMap<string, string>> {
  try {
    const { items } = await client.list(resourceTypes.node, { metadataOnly: true });
    return new Map(
      items.map(({ metadata: { name, labels } }) => [name, labels?.['topology.kubernetes.io/zone'] ?? '']),
    );
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return new Map();
    throw error;
  }
}

interface Ended {
  readonly exitCode: number;
  readonly reason?: string;
  readonly finishedAt?: string;
}

/** Of a pod's status, what is read here. */
interface PodStatus {
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly message?: string;
  }[];
  readonly containerStatuses?: readonly {
    readonly restartCount: number;
    readonly state?: { readonly waiting?: { readonly reason?: string }; readonly terminated?: Ended };
    readonly lastState?: { readonly terminated?: Ended };
  }[];
}

const stageOf = ({ metadata }: KubeObject): string | undefined =>
  metadata.labels?.['app.kubernetes.io/instance'];

function stageReport(
  { metadata, spec }: KubeObject,
  pods: readonly KubeObject[],
  zoneOf: ReadonlyMap<string, string>,
): StageReport {
  return {
    name: metadata.name,
    role: metadata.labels?.['app.kubernetes.io/component'] ?? '',
    wanted: (spec as { replicas?: number }).replicas ?? 1,
    pods: pods
      .filter((pod) => stageOf(pod) === metadata.name)
      .map((pod) => podReport(pod, zoneOf))
      .sort((one, other) => (one.zone + one.name < other.zone + other.name ? -1 : 1)),
  };
}

function podReport(pod: KubeObject, zoneOf: ReadonlyMap<string, string>): PodReport {
  const { conditions = [], containerStatuses: [container] = [] } = (pod.status ?? {}) as PodStatus;
  const { nodeName = '' } = pod.spec as { nodeName?: string };
  const isLeaving = pod.metadata.deletionTimestamp !== undefined;
  const ready = !isLeaving && conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
  const unscheduled = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  const trouble = isLeaving
    ? 'is ending'
    : (unscheduled?.message ?? container?.state?.waiting?.reason ?? undefined);
  const ended = container?.lastState?.terminated ?? container?.state?.terminated;
  return {
    name: pod.metadata.name,
    zone: zoneOf.get(nodeName) ?? '',
    ready,
    restarts: container?.restartCount ?? 0,
    ...(!ready && trouble !== undefined && { trouble }),
    ...(ended && { lastEnd: `exit code ${ended.exitCode}${ended.reason ? ` (${ended.reason})` : ''}` }),
    ...(ended?.finishedAt !== undefined && { lastEndAt: ended.finishedAt }),
  };
}

/** An event of events.k8s.io/v1, and what older clients write into it. */
interface KubeEvent {
  readonly metadata: { readonly creationTimestamp?: string };
  readonly regarding?: { readonly kind?: string; readonly name?: string };
  readonly type?: string;
  readonly reason?: string;
  readonly note?: string;
  readonly eventTime?: string | null;
  readonly series?: { readonly lastObservedTime?: string };
  readonly deprecatedLastTimestamp?: string | null;
}

const mostEvents = 12;

/** Those about the flow, its destinations, and their workers' Deployments and pods. */
function eventReports(
  events: readonly KubeObject[],
  owners: readonly [OwnerKind, string][],
  stages: readonly StageReport[],
): EventReport[] {
  const reports = (events as unknown as readonly KubeEvent[]).flatMap((event) => {
    const { regarding: { kind = '', name = '' } = {}, type = '', reason = '', note = '' } = event;
    const isOwner = owners.some(([ownerKind, owner]) => ownerKind === kind && owner === name);
    // The name of a pod, or of its ReplicaSet, is that of its stage and what Kubernetes adds: hash, five characters.
    const isWorker = stages.some(
      (stage) => name.startsWith(stage.name) && /^(-[a-z0-9]+){0,2}$/.test(name.slice(stage.name.length)),
    );
    if (!isOwner && !(isWorker && ['Deployment', 'ReplicaSet', 'Pod'].includes(kind))) return [];
    const { eventTime, series, deprecatedLastTimestamp, metadata } = event;
    const time =
      series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '';
    return [{ time, type, reason, about: `${kind}/${name}`, note }];
  });
  return reports.sort((one, other) => Date.parse(one.time) - Date.parse(other.time)).slice(-mostEvents);
}
