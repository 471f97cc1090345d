/**
 * The end of a deleted resource: what takes messages in is stopped first; what was stored is delivered, or the stated
 * time is up; then all that was made for it goes, and last its finalizer.
 */
import { deadLetterTopic, durationToMs, type WorkerConfiguration } from '@integration-hub/api';
import type { Backlog, HubKafka } from '../hub-kafka.js';
import { placeOf } from '../kafka-credentials.js';
import { resourceTypes, type KubeObject, type ResourceType } from '../kubernetes/object.js';
import { drainFinalizer } from '../render/names.js';
import { writeStatus } from './status.js';
import { ownedObjects, podsOf, runningConfigurations, type Subject, type World } from './world.js';

/** How often it is looked whether everything is delivered, in milliseconds. */
const lookEveryMs = 2_000;
const defaultDrainTimeout = '10m';

/** One group's way to the end of a topic. */
interface Leg {
  readonly group: string;
  readonly topic: string;
}

/** How far a deletion has come, by uid; begun anew by another leader, it only takes a little longer. */
interface Progress {
  /** Since when nothing is taken in any more, as Date.now(). */
  stoppedAt?: number;
  /** The ends of each topic when nothing could be added to it any more, by topic and partition. */
  readonly targets: Map<string, { readonly at: number; readonly ends?: ReadonlyMap<number, bigint> }>;
}

export class Drains {
  readonly #world: World;
  readonly #progress = new Map<string, Progress>();

  constructor(world: World) {
    this.#world = world;
  }

  /** @returns in how many milliseconds to look again, or undefined where it is over */
  async flow(subject: Subject, type: ResourceType, resource: KubeObject): Promise<number | undefined> {
    if (!isHeld(resource)) return undefined;
    const world = this.#world;
    const progress = this.#progressOf(resource);
    const running = runningConfigurations(world, subject.key);
    const listeners = running.filter(({ role }) => role === 'listener').map(({ stage }) => stage);
    for (const { type: owned, object } of ownedObjects(world, subject.key)) {
      // Its ConfigMap is kept: it says where the messages are.
      if (!listeners.includes(object.metadata.name) || owned === resourceTypes.configMap) continue;
      await world.applier.remove(owned, object, 'its flow is deleted');
    }
    const legs = [...flowLegs(running), ...archiveLegs(world, subject)];
    const kafka = this.#wish(subject, running, legs);
    if (listeners.some((stage) => podsOf(world, subject.namespace, stage).length > 0)) {
      return this.#wait(subject, type, resource, kafka, 'the listeners finish what they took');
    }
    progress.stoppedAt ??= world.now();
    let since = progress.stoppedAt;
    for (const leg of legs) {
      const at = this.#passedAt(progress, leg, kafka?.backlog(leg.group, leg.topic), since);
      if (at === undefined) {
        return this.#wait(subject, type, resource, kafka, `messages of ${leg.topic} wait to be taken`, leg);
      }
      since = at;
    }
    return this.#end(subject, type, resource, kafka, 'every message was delivered', true);
  }

  /** The same for a destination: flows that name it hold it, for it would be their messages' end. */
  async destination(subject: Subject, type: ResourceType, resource: KubeObject): Promise<number | undefined> {
    if (!isHeld(resource)) return undefined;
    const world = this.#world;
    const progress = this.#progressOf(resource);
    const users = world.plans.of(subject.namespace).usersOf(subject.name);
    if (users.length > 0) {
      delete progress.stoppedAt;
      const message = `It is deleted when no flow names it; ${users.join(', ')} ${users.length === 1 ? 'does' : 'do'}.`;
      await writeStatus(world, type, resource, [
        { type: 'Ready', status: 'False', reason: 'InUse', message },
      ]);
      return undefined;
    }
    progress.stoppedAt ??= world.now();
    const running = runningConfigurations(world, subject.key);
    const legs: Leg[] = running.flatMap((one) => (one.role === 'sender' ? [one] : []));
    legs.push(...archiveLegs(world, subject));
    const kafka = this.#wish(subject, running, legs);
    for (const leg of legs) {
      const backlog = kafka?.backlog(leg.group, leg.topic);
      if (this.#passedAt(progress, leg, backlog, progress.stoppedAt) === undefined) {
        return this.#wait(
          subject,
          type,
          resource,
          kafka,
          `messages of ${leg.topic} wait to be delivered`,
          leg,
        );
      }
    }
    return this.#end(subject, type, resource, kafka, 'every message was delivered', true);
  }

  #progressOf({ metadata }: KubeObject): Progress {
    const progress = this.#progress.get(metadata.uid!) ?? { targets: new Map() };
    this.#progress.set(metadata.uid!, progress);
    return progress;
  }

  /** Has the legs measured often, at the Kafka that the workers use. */
  #wish(
    subject: Subject,
    running: readonly WorkerConfiguration[],
    legs: readonly Leg[],
  ): HubKafka | undefined {
    const [first] = running;
    if (first === undefined) return undefined;
    const { namespace } = subject;
    const { hub } = this.#world.plans.of(namespace);
    const { bootstrapServers } = first.kafka;
    // The Hub says with which Secrets, and they have moved with it where it names another Kafka.
    const place = hub ? { ...placeOf(hub), bootstrapServers } : { namespace, bootstrapServers };
    const kafka = this.#world.kafka(place);
    this.#world.forgetKafka(subject.key, kafka);
    const backlogs = legs.map(({ group, topic }) => ({ group, topic }));
    kafka.wish(subject.key, { topics: [], backlogs, everyMs: lookEveryMs });
    return kafka;
  }

  /**
   * Whether a group has taken all that was in its topic when nothing was added any more.
   * @returns since when, or undefined
   */
  #passedAt(
    progress: Progress,
    { topic }: Leg,
    backlog: Backlog | undefined,
    since: number,
  ): number | undefined {
    if (backlog === undefined || backlog.measuredAt < since) return undefined;
    const target = progress.targets.get(topic);
    if (target !== undefined && target.ends === undefined) return target.at;
    const ends = target?.ends ?? backlog.ends;
    const isPassed = [...ends].every(
      ([partition, end]) => (backlog.committed.get(partition) ?? -1n) >= end || end === 0n,
    );
    if (backlog.empty || isPassed) {
      progress.targets.set(topic, { at: backlog.measuredAt });
      return backlog.measuredAt;
    }
    // Others may go on adding to a destination's topic: what counts is where it ended at first.
    if (target === undefined) progress.targets.set(topic, { at: backlog.measuredAt, ends: backlog.ends });
    return undefined;
  }

  async #wait(
    subject: Subject,
    type: ResourceType,
    resource: KubeObject,
    kafka: HubKafka | undefined,
    what: string,
    leg?: Leg,
  ): Promise<number | undefined> {
    const world = this.#world;
    const { deletionTimestamp } = resource.metadata;
    const begun = Math.max(Date.parse(deletionTimestamp!), this.#inUseUntil(resource));
    const leftMs = begun + drainTimeoutMs(resource) - world.now();
    if (leftMs <= 0) {
      const { offsets } = (leg && kafka?.backlog(leg.group, leg.topic)) ?? {};
      const count = offsets === undefined ? 'an unknown number of' : `at most ${offsets}`;
      const note = `the time for it was up while ${what}; ${count} are left${leg ? ` in ${leg.topic}` : ''}, and the topics are kept`;
      return this.#end(subject, type, resource, kafka, note, false);
    }
    const until = new Date(begun + drainTimeoutMs(resource)).toISOString();
    const unreachable = kafka?.unreachable === undefined ? '' : `; ${kafka.unreachable}`;
    const message = `It is being deleted: ${what}, at the longest until ${until}${unreachable}.`;
    await writeStatus(world, type, resource, [
      { type: 'Ready', status: 'False', reason: 'Draining', message },
    ]);
    return Math.min(lookEveryMs, leftMs);
  }

  /** A destination's time begins when no flow names it any more. */
  #inUseUntil({ kind, metadata }: KubeObject): number {
    return kind === 'Destination' ? (this.#progress.get(metadata.uid!)?.stoppedAt ?? 0) : 0;
  }

  async #end(
    subject: Subject,
    type: ResourceType,
    resource: KubeObject,
    kafka: HubKafka | undefined,
    note: string,
    drained: boolean,
  ): Promise<undefined> {
    const world = this.#world;
    const topics = drained && deletesTopics(resource) ? ownTopics(world, subject) : [];
    for (const { type: owned, object } of ownedObjects(world, subject.key)) {
      await world.applier.remove(owned, object, `${subject.kind} ${subject.name} is deleted`);
    }
    if (topics.length > 0) await kafka?.deleteTopics(topics);
    await world.events.record(
      resource,
      drained ? 'Normal' : 'Warning',
      drained ? 'Drained' : 'DrainTimedOut',
      `Deleted: ${note}.`,
    );
    const { name, namespace, uid } = resource.metadata;
    // What an apply no longer says is taken away: the finalizer.
    await world.client.apply(type, {
      apiVersion: resource.apiVersion,
      kind: resource.kind,
      metadata: { name, namespace: namespace!, uid: uid! },
    });
    world.forgetKafka(subject.key);
    this.#progress.delete(uid!);
    return undefined;
  }
}

function isHeld({ metadata }: KubeObject): boolean {
  return metadata.finalizers?.includes(drainFinalizer) === true;
}

function drainTimeoutMs({ spec }: KubeObject): number {
  const { drainTimeout = defaultDrainTimeout } = (spec ?? {}) as { drainTimeout?: string };
  return durationToMs(drainTimeout);
}

function deletesTopics({ spec }: KubeObject): boolean {
  return (spec as { deletionPolicy?: string } | undefined)?.deletionPolicy === 'Delete';
}

/** The ways of a flow's messages, first to last: through its transformer, then through its destinations' senders. */
function flowLegs(running: readonly WorkerConfiguration[]): Leg[] {
  const legs: Leg[] = [];
  const outbound = new Set<string>();
  for (const configuration of running) {
    if (configuration.role === 'transformer') {
      legs.push(configuration);
      for (const { topic } of configuration.routes) outbound.add(topic);
    }
  }
  for (const configuration of running) {
    if (configuration.role !== 'listener') continue;
    const goesOn = legs.some(({ topic }) => topic === configuration.topic);
    if (!goesOn) outbound.add(configuration.topic);
  }
  // As the plan names a sender's group; whether or not the sender runs, its topic is on the way.
  for (const topic of outbound) legs.push({ topic, group: topic.replace(/outbound$/, 'sender') });
  return legs;
}

/** What the archivist has still to take of a resource's own topics, which it is not given any more afterwards. */
function archiveLegs(world: World, subject: Subject): Leg[] {
  const plan = world.plans.of(subject.namespace);
  const stages = plan.hub === undefined ? [] : plan.share(`Hub/${plan.hub.metadata.name}`).stages;
  const archivist = stages.map(({ configuration }) => configuration).find(({ role }) => role === 'archivist');
  if (archivist?.role !== 'archivist') return [];
  const { group, topics } = archivist;
  return ownTopics(world, subject)
    .filter((topic) => topics.includes(topic))
    .map((topic) => ({ group, topic }));
}

/** Topics that hold nothing but this resource's messages. */
function ownTopics(world: World, { namespace, kind, name, key }: Subject): string[] {
  const running = runningConfigurations(world, key);
  const consumed = running.flatMap((one) =>
    one.role === (kind === 'Destination' ? 'sender' : 'transformer') ? [one.topic] : [],
  );
  const notes = running.flatMap((one) =>
    one.role === 'transformer' && one.deduplication !== null ? [one.deduplication.topic] : [],
  );
  return [...consumed, ...notes, deadLetterTopic(namespace, name)];
}
