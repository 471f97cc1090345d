/** What applying manifests would change in a cluster: the resources, the operator's objects for them, the topics. */
import {
  apiVersion,
  destination as destinationSchema,
  hub as hubSchema,
  integrationFlow as flowSchema,
  problemText,
  type Destination,
  type Hub,
  type IntegrationFlow,
  type Stage,
  type Topic,
} from '@integration-hub/api';
import {
  annotations,
  ApiError,
  firstDifference,
  managedBySelector,
  NamespacePlans,
  ownerLabels,
  renderStage,
  resourceTypes,
  stamped,
  type ApiClient,
  type KubeObject,
  type NamespacePlan,
  type Rendered,
  type ResourceType,
} from '@integration-hub/operator';
import { checkConfiguration } from '@integration-hub/workers';
import { createTwoFilesPatch } from 'diff';
import { stringify } from 'yaml';
import type { Manifests } from './manifests.js';
import { UsageError } from './usage-error.js';

export interface Change {
  readonly change: 'made' | 'changed' | 'removed';
  /** Such as `Deployment/mpi-sender`. */
  readonly object: string;
  /** Of what is changed: the YAML that is there and the YAML that would be, as a unified difference. */
  readonly difference?: string;
}

export interface TopicChange {
  readonly topic: string;
  /** Such as `partitions 12 to 24`. */
  readonly change: string;
}

export interface PlanDifference {
  /** Hubs, flows and destinations. */
  readonly resources: readonly Change[];
  /** What the operator makes for them. */
  readonly objects: readonly Change[];
  readonly topics: readonly TopicChange[];
  /** What people should know. */
  readonly remarks: readonly string[];
}

type Resource = Hub | IntegrationFlow | Destination;

/**
 * The kinds that the operator makes for stages. The console's Role and its binding, which are always the same, are left
 * out: whoever may not read Roles can hold manifests against a cluster all the same.
 */
const madeTypes: readonly ResourceType[] = [
  resourceTypes.serviceAccount,
  resourceTypes.configMap,
  resourceTypes.networkPolicy,
  resourceTypes.disruptionBudget,
  resourceTypes.service,
  resourceTypes.deployment,
];

/**
 * Holds manifests against a namespace. Other resources there stay as they are, as with `kubectl apply`. Nothing is
 * written; what the API server would make of an object that changes, it is asked (a dry run).
 *
 * @param manifests their resources are taken to be of `namespace`
 * @throws UsageError where the outcome would be wrong: the operator would refuse it
 * @throws ApiError
 */
export async function planDifference(
  client: ApiClient,
  namespace: string,
  manifests: Manifests,
): Promise<PlanDifference> {
  const list = async (type: ResourceType, labelSelector?: string): Promise<KubeObject[]> =>
    (await client.list(type, { namespace, labelSelector })).items;
  const types = [resourceTypes.hub, resourceTypes.flow, resourceTypes.destination];
  const [live, scaled, made] = await Promise.all([
    Promise.all(types.map((type) => list(type))),
    autoscaled(client, namespace),
    Promise.all(
      madeTypes.map(async (type) =>
        (await list(type, managedBySelector)).map((object): Rendered => ({ type, object })),
      ),
    ),
  ]);
  const wanted: Resource[] = [
    ...(manifests.hub ? [manifests.hub] : []),
    ...manifests.flows,
    ...manifests.destinations,
  ];
  const applied = live.map((objects, index) => {
    const { kind } = types[index]!;
    return overlaid(
      objects,
      wanted.filter((one) => one.kind === kind),
      namespace,
    );
  });
  const before = planOf(live, namespace);
  const after = planOf(applied, namespace);
  refuseWrong(after, wanted, namespace);
  const world: Cluster = {
    client,
    after,
    hub: after.hub!,
    resources: applied.flat(),
    made: made.flat(),
    scaled,
    ...program(made.flat(), before.hub),
  };
  const remarks = applied
    .flat()
    .filter((resource) => isLeftAlone(world, resource))
    .map((one) => `${nameOf(one)} is paused or being deleted: the operator changes nothing of it`);
  return {
    resources: resourceChanges(live.flat(), applied.flat()),
    objects: await objectChanges(world),
    topics: topicChanges(topicsOf(before, live.flat()), topicsOf(after, applied.flat())),
    remarks,
  };
}

/** All that is held against each other. */
interface Cluster {
  readonly client: ApiClient;
  readonly after: NamespacePlan;
  readonly hub: Hub;
  /** Hubs, flows and destinations as they would be. */
  readonly resources: readonly KubeObject[];
  /** What the operator has made. */
  readonly made: readonly Rendered[];
  /** Deployments whose replicas are an autoscaler's. */
  readonly scaled: ReadonlySet<string>;
  readonly image: string;
  readonly command: readonly string[];
  readonly consoleCommand: readonly string[];
}

const nameOf = ({ kind, metadata }: { kind: string; metadata: { name: string } }): string =>
  `${kind}/${metadata.name}`;

/** The resources of one kind once the manifests are applied. */
function overlaid(live: readonly KubeObject[], wanted: readonly Resource[], namespace: string): KubeObject[] {
  const kept = live.filter(({ metadata }) => !wanted.some((one) => one.metadata.name === metadata.name));
  return [...kept, ...wanted.map((one) => appliedTo(live, one, namespace))];
}

function appliedTo(live: readonly KubeObject[], wanted: Resource, namespace: string): KubeObject {
  const present = live.find(({ metadata }) => metadata.name === wanted.metadata.name);
  const { labels, annotations: notes } = wanted.metadata;
  const metadata = {
    // As of a resource that is made later than all others.
    creationTimestamp: '9999-12-31T00:00:00Z',
    ...present?.metadata,
    name: wanted.metadata.name,
    namespace,
    ...(labels && { labels: { ...present?.metadata.labels, ...labels } }),
    ...(notes && { annotations: { ...present?.metadata.annotations, ...notes } }),
  };
  return { apiVersion, kind: wanted.kind, metadata, spec: wanted.spec };
}

function planOf([hubs, flows, destinations]: readonly KubeObject[][], namespace: string): NamespacePlan {
  return new NamespacePlans({
    hubs: () => hubs!,
    flows: () => flows!,
    destinations: () => destinations!,
    onShareChanged: () => undefined,
  }).of(namespace);
}

function refuseWrong(after: NamespacePlan, wanted: readonly Resource[], namespace: string): void {
  if (after.hub === undefined) {
    throw new UsageError(`neither the manifests nor the namespace ${namespace} have a Hub: add one`);
  }
  const shares = wanted.map((one) => ({ name: nameOf(one), ...after.share(nameOf(one)) }));
  const wrong = shares.flatMap(({ name, problems, stages }) => [
    ...problems.map(problemText),
    ...stages.flatMap(({ configuration }) => {
      const sentence = checkConfiguration(configuration);
      return sentence === undefined ? [] : [`${name}: ${sentence}`];
    }),
  ]);
  if (wrong.length > 0) throw new UsageError(wrong.join('\n'));
}

/** The Deployments that an autoscaler scales; none where this user may not look. */
async function autoscaled(client: ApiClient, namespace: string): Promise<Set<string>> {
  try {
    const { items } = await client.list(resourceTypes.autoscaler, { namespace });
    const targets = items.map(({ spec }) => (spec as { scaleTargetRef: { name: string } }).scaleTargetRef);
    return new Set(targets.map(({ name }) => name));
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return new Set();
    throw error;
  }
}

interface Container {
  readonly image?: string;
  readonly command?: string[];
}

interface PodTemplate {
  readonly template?: { readonly spec?: { readonly containers?: readonly Container[] } };
}

/** The image and programs that the operator was installed with, read off what it has made. */
function program(
  made: readonly Rendered[],
  hub: Hub | undefined,
): Pick<Cluster, 'image' | 'command' | 'consoleCommand'> {
  const container = (isConsole: boolean): Container | undefined => {
    const deployment = made.find(
      ({ type, object }) =>
        type === resourceTypes.deployment && (object.metadata.name === 'console') === isConsole,
    )?.object;
    return (deployment?.spec as PodTemplate | undefined)?.template?.spec?.containers?.[0];
  };
  const [worker, console] = [container(false), container(true)];
  // What its Hub names is not the operator's own.
  const image = hub?.spec.workers.image === undefined ? (worker ?? console)?.image : undefined;
  return {
    image: image ?? '(the operator’s own)',
    command: worker?.command ?? [],
    consoleCommand: console?.command ?? [],
  };
}

function resourceChanges(live: readonly KubeObject[], applied: readonly KubeObject[]): Change[] {
  return applied.flatMap((one): Change[] => {
    const present = live.find((other) => nameOf(other) === nameOf(one));
    if (present === undefined) return [{ change: 'made', object: nameOf(one) }];
    return changed(nameOf(one), withDefaults(present), withDefaults(one));
  });
}

/** With what the API server, or reading a manifest, fills in. */
function withDefaults(resource: KubeObject): KubeObject {
  const schema = { Hub: hubSchema, IntegrationFlow: flowSchema, Destination: destinationSchema }[
    resource.kind
  ]!;
  const read = schema.safeParse(resource);
  return { ...resource, spec: read.success ? read.data.spec : resource.spec };
}

function isLeftAlone({ after, resources }: Pick<Cluster, 'after' | 'resources'>, one: KubeObject): boolean {
  const hub = resources.find(
    ({ kind, metadata }) => kind === 'Hub' && metadata.name === after.hub?.metadata.name,
  );
  const isPaused = [one, hub].some(
    ({ metadata } = one) => metadata.annotations?.[annotations.paused] === 'true',
  );
  return isPaused || one.metadata.deletionTimestamp !== undefined;
}

/** For each resource what the operator would do, as it does (operator/src/reconcile). */
async function objectChanges(cluster: Cluster): Promise<Change[]> {
  const { after, made, resources } = cluster;
  const changes: Change[] = [];
  for (const resource of resources) {
    const { stages, problems } = after.share(nameOf(resource));
    // What ran before goes on as it was.
    if (problems.length > 0 || isLeftAlone(cluster, resource)) continue;
    const label = ownerLabels[resource.kind as keyof typeof ownerLabels];
    const own = made.filter(({ object }) => object.metadata.labels?.[label] === resource.metadata.name);
    const wanted = stages.flatMap((stage) => rendered(cluster, resource, stage));
    for (const one of wanted) changes.push(...(await objectChange(cluster, one)));
    const names = new Set(wanted.map(({ object }) => nameOf(object)));
    for (const { object } of own) {
      if (!names.has(nameOf(object))) changes.push({ change: 'removed', object: nameOf(object) });
    }
  }
  return changes;
}

function rendered(cluster: Cluster, resource: KubeObject, stage: Stage): Rendered[] {
  const { after, hub, image, command, consoleCommand } = cluster;
  const { kind, metadata } = resource;
  const service =
    kind === 'IntegrationFlow' ? after.flows.get(metadata.name)?.spec.listener.service : undefined;
  const all = renderStage({
    stage,
    hub,
    ...(stage.role === 'listener' && service !== undefined && { service }),
    // One that is yet to be made has no uid.
    owner: { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? 'unknown' },
    image,
    command: stage.role === 'console' ? consoleCommand : command,
  });
  return all.filter(({ type }) => madeTypes.includes(type));
}

async function objectChange(cluster: Cluster, { type, object }: Rendered): Promise<Change[]> {
  const found = cluster.made.find(
    (one) => one.type === type && one.object.metadata.name === object.metadata.name,
  );
  if (found === undefined) return [{ change: 'made', object: nameOf(object) }];
  const present = found.object;
  const wanted = { ...object };
  if (type === resourceTypes.deployment && cluster.scaled.has(object.metadata.name)) {
    wanted.spec = { ...(object.spec as object), replicas: (present.spec as { replicas?: number }).replicas };
  }
  const applied = stamped(wanted);
  if (firstDifference(applied, present) === undefined) return [];
  return changed(nameOf(object), present, await cluster.client.dryApply(type, applied));
}

function changed(object: string, present: KubeObject, next: KubeObject): Change[] {
  const [former, later] = [yamlOf(present), yamlOf(next)];
  if (former === later) return [];
  const patch = createTwoFilesPatch(object, object, former, later, 'is', 'would be', { context: 3 });
  // Its first line is a ruler.
  return [{ change: 'changed', object, difference: patch.slice(patch.indexOf('---')) }];
}

/** Annotations that say the same as the rest, or change with it. */
const echoes = [
  'kubectl.kubernetes.io/last-applied-configuration',
  'deployment.kubernetes.io/revision',
  annotations.appliedHash,
];

/** An object without what the API server keeps the books with. */
function yamlOf({ apiVersion: version, kind, metadata, ...content }: KubeObject): string {
  const { name, namespace, labels, ownerReferences } = metadata;
  const notes = Object.entries(metadata.annotations ?? {}).filter(([note]) => !echoes.includes(note));
  const shown = {
    apiVersion: version,
    kind,
    metadata: {
      name,
      namespace,
      ...(labels && { labels }),
      ...(notes.length > 0 && { annotations: Object.fromEntries(notes) }),
      ...(ownerReferences && { ownerReferences }),
    },
    ...content,
    status: undefined,
  };
  return stringify(shown, { sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false });
}

function topicsOf(plan: NamespacePlan, resources: readonly KubeObject[]): Map<string, Topic> {
  const topics = resources.flatMap((resource) => plan.share(nameOf(resource)).topics);
  return new Map(topics.map((topic) => [topic.name, topic]));
}

/** As the resources would have them; Kafka is not asked. */
function topicChanges(before: ReadonlyMap<string, Topic>, after: ReadonlyMap<string, Topic>): TopicChange[] {
  const changes: TopicChange[] = [];
  for (const [name, topic] of after) {
    const former = before.get(name);
    const change =
      former === undefined
        ? `made, ${topic.partitions} ${topic.partitions === 1 ? 'partition' : 'partitions'}`
        : topicChange(former, topic);
    if (change !== '') changes.push({ topic: name, change });
  }
  for (const name of before.keys()) {
    if (!after.has(name)) changes.push({ topic: name, change: 'no longer used; it is kept' });
  }
  return changes;
}

function topicChange(former: Topic, topic: Topic): string {
  const values = ({ partitions, replicationFactor, config }: Topic): Record<string, string | number> => ({
    partitions,
    copies: replicationFactor,
    ...config,
  });
  const [then, now] = [values(former), values(topic)];
  return Object.entries(now)
    .filter(([name, value]) => then[name] !== value)
    .map(
      ([name, value]) => `${name} ${then[name] ?? 'default'} to ${value}${whyNot(name, then[name], value)}`,
    )
    .join(', ');
}

/** Of some settings the operator takes no notice once a topic is there (kafka/src/topic-admin.ts). */
function whyNot(name: string, then: string | number | undefined, now: string | number): string {
  if (name === 'copies') return ' (the topic keeps its copies)';
  return name === 'partitions' && Number(now) < Number(then) ? ' (Kafka can’t take partitions away)' : '';
}
