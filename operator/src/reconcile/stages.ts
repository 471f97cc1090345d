/** Brings a resource's stages into the cluster, and takes away what is no longer planned. */
import type { Hub, IntegrationFlow, Stage } from '@integration-hub/api';
import type { HubKafka } from '../hub-kafka.js';
import { fieldManager } from '../kubernetes/api-client.js';
import { resourceTypes, type KubeObject, type ResourceType } from '../kubernetes/object.js';
import { annotations } from '../render/names.js';
import { renderStage, type Rendered } from '../render/stage-objects.js';
import { isAutoscaled, ownedObjects, runningConfigurations, type Subject, type World } from './world.js';

export interface StagesInput {
  readonly subject: Subject;
  readonly owner: KubeObject;
  readonly hub: Hub;
  readonly stages: readonly Stage[];
  readonly service?: IntegrationFlow['spec']['listener']['service'];
  /** Whether all topics are as they should be. */
  readonly topicsReady: boolean;
  readonly kafka: HubKafka;
}

/** Applies what is planned and prunes the rest. */
export async function applyStages(world: World, input: StagesInput): Promise<void> {
  const { owner, hub, stages, service, topicsReady, kafka, subject } = input;
  const { apiVersion, kind, metadata } = owner;
  const planned = new Set<string>();
  const objects = new Set<string>();
  for (const stage of stages) {
    planned.add(stage.name);
    const rendered = renderStage({
      stage,
      hub,
      ...(stage.role === 'listener' && service !== undefined && { service }),
      owner: { apiVersion, kind, name: metadata.name, uid: metadata.uid! },
      image: world.image,
      command: stage.role === 'console' ? world.consoleCommand : world.command,
    });
    for (const { type, object } of rendered) objects.add(`${type.kind}/${object.metadata.name}`);
    // A worker must find its topics: were it to run before, a broker might make them as it likes, with one copy.
    // What runs already with this configuration is repaired all the same.
    if (!topicsReady && !isUnchanged(world, rendered)) continue;
    // The Deployment last: its pods want the others.
    const allowed = rendered.slice(0, -1).filter(({ type }) => !isWithheld(world, type));
    await Promise.all(allowed.map((one) => world.applier.apply(one)));
    await world.applier.apply(withoutScaledReplicas(world, rendered.at(-1)!));
  }
  const idle = idleStages(world, input, kafka, planned);
  for (const { type, object } of ownedObjects(world, subject.key)) {
    const { name } = object.metadata;
    // Of a stage that is planned, what it has no more goes, such as the Service of one without ports.
    if (objects.has(`${type.kind}/${name}`) || !(planned.has(name) || idle.has(name))) continue;
    await world.applier.remove(type, object, 'it is no longer planned');
  }
}

/** Stages that run and are not planned, with what they have still to take. */
export function leftoverStages(
  world: World,
  key: string,
  planned: ReadonlySet<string>,
): { readonly stage: string; readonly group?: string; readonly topic: string }[] {
  return runningConfigurations(world, key).flatMap((configuration) => {
    // An archivist's topics are others', which it holds up from nothing.
    if (planned.has(configuration.stage) || configuration.role === 'archivist') return [];
    const { stage, topic } = configuration;
    return [{ stage, topic, ...(configuration.role !== 'listener' && { group: configuration.group }) }];
  });
}

/**
 * The unplanned stages that may go: those that consume, only once they have taken everything. What a flow has stored
 * for its transformer is delivered also where the flow has none any more.
 */
function idleStages(
  world: World,
  { subject }: StagesInput,
  kafka: HubKafka,
  planned: ReadonlySet<string>,
): Set<string> {
  const leftovers = leftoverStages(world, subject.key, planned);
  const busy = leftovers.filter(
    ({ group, topic }) => group !== undefined && kafka.backlog(group, topic)?.empty !== true,
  );
  const names = ownedObjects(world, subject.key).map(({ object }) => object.metadata.name);
  return new Set(names.filter((name) => !planned.has(name) && !busy.some(({ stage }) => stage === name)));
}

/** Where the operator was not given Roles, the console does without: it says so when an alarm is silenced. */
function isWithheld(world: World, type: ResourceType): boolean {
  const isAccess = type === resourceTypes.role || type === resourceTypes.roleBinding;
  return isAccess && world.caches.get(type)!.denied;
}

function isUnchanged(world: World, rendered: readonly Rendered[]): boolean {
  const { type, object } = rendered.find((one) => one.type === resourceTypes.deployment)!;
  const present = world.caches.get(type)!.get(object.metadata.namespace, object.metadata.name);
  return present !== undefined && configurationHash(present) === configurationHash(object);
}

function configurationHash({ spec }: KubeObject): string | undefined {
  const { template } = spec as { template?: { metadata?: { annotations?: Record<string, string> } } };
  return template?.metadata?.annotations?.[annotations.configurationHash];
}

/**
 * Leaves the number of workers to an autoscaler where there is one. As long as nobody but the operator has set it, it
 * must go on saying what is there: what it no longer says, the API server would set to 1.
 */
function withoutScaledReplicas(world: World, { type, object }: Rendered): Rendered {
  const { name, namespace } = object.metadata;
  if (type !== resourceTypes.deployment || !isAutoscaled(world, namespace!, name)) return { type, object };
  const present = world.caches.get(type)!.get(namespace, name);
  const spec = { ...(object.spec as { replicas?: number }) };
  const replicas = (present?.spec as { replicas?: number } | undefined)?.replicas;
  if (present === undefined || replicas === undefined) return { type, object };
  if (isSetByAnother(present)) delete spec.replicas;
  else spec.replicas = replicas;
  return { type, object: { ...object, spec } };
}

function isSetByAnother({ metadata }: KubeObject): boolean {
  return metadata.managedFields !== undefined;
}

/**
 * What of a made object is kept in memory: not its status but a Service's, and of the record of who set which field
 * only whether another set a Deployment's replicas.
 */
export function trimOwned({ apiVersion, kind, metadata, ...content }: KubeObject): KubeObject {
  const { managedFields = [], ...kept } = metadata;
  const byOthers = managedFields.filter(({ manager, fieldsV1 }) => {
    const spec = (fieldsV1 as { 'f:spec'?: Record<string, unknown> } | undefined)?.['f:spec'];
    return manager !== fieldManager && spec !== undefined && 'f:replicas' in spec;
  });
  if (kind !== resourceTypes.service.kind) delete content.status;
  return {
    ...{ apiVersion, kind },
    metadata: { ...kept, ...(byOthers.length > 0 && { managedFields: [] }) },
    ...content,
  };
}
