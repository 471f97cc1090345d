/** What reconciling reads and works with. */
import { workerConfiguration, type WorkerConfiguration } from '@integration-hub/api';
import type { Log } from '@integration-hub/workers';
import type { Applier } from '../applier.js';
import type { EventRecorder } from '../kubernetes/event-recorder.js';
import type { ApiClient } from '../kubernetes/api-client.js';
import { resourceTypes, type KubeObject, type ResourceType } from '../kubernetes/object.js';
import type { Reflector } from '../kubernetes/reflector.js';
import type { HubKafka } from '../hub-kafka.js';
import type { KafkaPlace } from '../kafka-credentials.js';
import type { NamespacePlans } from '../namespace-plans.js';
import { configurationFile } from '../render/stage-objects.js';
import { stageState, type StageState } from './stage-state.js';

export interface World {
  readonly client: ApiClient;
  readonly caches: ReadonlyMap<ResourceType, Reflector>;
  readonly plans: NamespacePlans;
  readonly applier: Applier;
  readonly events: EventRecorder;
  readonly log: Log;
  /** The work with one Kafka. */
  readonly kafka: (place: KafkaPlace) => HubKafka;
  /** Takes back what a resource has wished of any Kafka but this one. */
  readonly forgetKafka: (key: string, but?: HubKafka) => void;
  /** The workers' image, where the Hub names none, and the program in it. */
  readonly image: string;
  readonly command: readonly string[];
  /** The console's program. */
  readonly consoleCommand: readonly string[];
  /** How often backlogs are measured for the status, in milliseconds. */
  readonly statusEveryMs: number;
  /** The time, as Date.now(). */
  readonly now: () => number;
}

/** What is named in a namespace, such as `hospital/IntegrationFlow/phw-to-mpi`: a key of the work queue. */
export interface Subject {
  readonly key: string;
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

export function subjectOf(key: string): Subject {
  const [namespace, kind, name] = key.split('/') as [string, string, string];
  return { key, namespace, kind, name };
}

export const keyOf = (namespace: string, kind: string, name: string): string =>
  `${namespace}/${kind}/${name}`;

/** Kinds of which objects are made for a resource, in the order in which they are taken away. */
export const ownedTypes: readonly ResourceType[] = [
  resourceTypes.deployment,
  resourceTypes.service,
  resourceTypes.disruptionBudget,
  resourceTypes.networkPolicy,
  resourceTypes.configMap,
  resourceTypes.roleBinding,
  resourceTypes.role,
  resourceTypes.serviceAccount,
];

/** All objects made for a resource. */
export function ownedObjects(world: World, key: string): { type: ResourceType; object: KubeObject }[] {
  return ownedTypes.flatMap((type) =>
    world.caches
      .get(type)!
      .indexed(key)
      .map((object) => ({ type, object })),
  );
}

/** What the ConfigMaps made for a resource have its workers do: what runs, whatever is planned. */
export function runningConfigurations(world: World, key: string): WorkerConfiguration[] {
  return world.caches
    .get(resourceTypes.configMap)!
    .indexed(key)
    .flatMap((object) => {
      const known = configurations.get(object);
      if (known !== undefined) return known;
      const read = readConfiguration(object.data?.[configurationFile]);
      configurations.set(object, read);
      return read;
    });
}

const configurations = new WeakMap<KubeObject, WorkerConfiguration[]>();

/** @returns one, or none where a person has spoiled it */
function readConfiguration(text: string | undefined): WorkerConfiguration[] {
  try {
    const parsed = workerConfiguration.safeParse(JSON.parse(text ?? ''));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}

/** How a stage's workers are; a stage without a Deployment has none. */
export function observe(world: World, namespace: string, stage: string): StageState | undefined {
  if (world.caches.get(resourceTypes.deployment)!.get(namespace, stage) === undefined) return undefined;
  return stageState(stage, podsOf(world, namespace, stage), (node) => zoneOf(world, node));
}

export function podsOf(world: World, namespace: string, stage: string): KubeObject[] {
  return world.caches.get(resourceTypes.pod)!.indexed(`${namespace}/${stage}`);
}

function zoneOf(world: World, node: string): string | undefined {
  const object = world.caches.get(resourceTypes.node)?.get(undefined, node);
  return object?.metadata.labels?.['topology.kubernetes.io/zone'];
}

/** Whether an autoscaler decides how many workers a stage has. */
export function isAutoscaled(world: World, namespace: string, stage: string): boolean {
  return world.caches.get(resourceTypes.autoscaler)!.indexed(`${namespace}/${stage}`).length > 0;
}
