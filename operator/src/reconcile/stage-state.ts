/** How a stage's workers are, as its pods tell. */
import type { V1PodSpec, V1PodStatus } from '@kubernetes/client-node';
import type { KubeObject, Plain } from '../kubernetes/object.js';

export interface StageState {
  /** Such as `phw-to-mpi-listener`. */
  readonly name: string;
  /** Pods that there are, those that end among them. */
  readonly pods: number;
  readonly ready: number;
  /** Zones in which a worker is ready. */
  readonly readyZones: ReadonlySet<string>;
  /** Why workers are not ready, in words; empty where nothing is known. */
  readonly trouble: string;
}

/** Reasons for which a container waits that don't pass by themselves. */
const troubles = new Set([
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'RunContainerError',
]);

/** @param zoneOf gives the zone of a node by its name */
export function stageState(
  name: string,
  pods: readonly KubeObject[],
  zoneOf: (node: string) => string | undefined,
): StageState {
  const readyZones = new Set<string>();
  let [ready, trouble] = [0, ''];
  for (const pod of pods) {
    if (isReady(pod)) {
      ready += 1;
      const zone = zoneOf((pod.spec as Plain<V1PodSpec>).nodeName ?? '');
      if (zone !== undefined) readyZones.add(zone);
    } else if (trouble === '') {
      trouble = troubleOf(pod);
    }
  }
  return { name, pods: pods.filter((pod) => !hasEnded(pod)).length, ready, readyZones, trouble };
}

function isReady({ metadata, status }: KubeObject): boolean {
  const { conditions = [] } = (status ?? {}) as Plain<V1PodStatus>;
  return (
    metadata.deletionTimestamp === undefined &&
    conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True')
  );
}

function hasEnded({ status }: KubeObject): boolean {
  return ['Succeeded', 'Failed'].includes((status as Plain<V1PodStatus> | undefined)?.phase ?? '');
}

function troubleOf({ metadata, status }: KubeObject): string {
  const { containerStatuses = [], conditions = [] } = (status ?? {}) as Plain<V1PodStatus>;
  for (const { state, lastState, restartCount } of containerStatuses) {
    const reason = state?.waiting?.reason ?? '';
    if (!troubles.has(reason)) continue;
    const exit = lastState?.terminated?.exitCode;
    // A worker ends with 2 where its configuration is wrong.
    const ended =
      exit === undefined ? '' : `; it ended with exit code ${exit} and was started ${restartCount} times`;
    return `${metadata.name}: ${reason}${ended}; kubectl logs ${metadata.name} says more`;
  }
  const unscheduled = conditions.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
  return unscheduled === undefined ? '' : `${metadata.name}: ${unscheduled.message ?? 'no node can take it'}`;
}

/** What of a pod is needed here; the rest would only fill memory. */
export function trimPod(pod: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, labels, deletionTimestamp } = pod.metadata;
  const { nodeName } = (pod.spec ?? {}) as { nodeName?: string };
  const { phase, conditions, containerStatuses } = (pod.status ?? {}) as Plain<V1PodStatus>;
  return {
    apiVersion: pod.apiVersion,
    kind: pod.kind,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(labels !== undefined && { labels }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
    spec: { nodeName },
    status: { phase, conditions, containerStatuses },
  };
}
