/** Makes the world as one resource says, however it came to be as it is. */
import { deadLetterTopic, passesOn, type IntegrationFlow, type Topic } from '@integration-hub/api';
import { checkConfiguration } from '@integration-hub/workers';
import { placeOf } from '../kafka-credentials.js';
import { ApiError } from '../kubernetes/api-error.js';
import { resourceTypes, type KubeObject, type ResourceType } from '../kubernetes/object.js';
import type { NamespacePlan, Share } from '../namespace-plans.js';
import { annotations, drainFinalizer, hashOf } from '../render/names.js';
import { applyAlerts } from './alerts.js';
import { readiness, type Finding } from './conditions.js';
import { Drains } from './drain.js';
import {
  archivingFinding,
  consoleFinding,
  brokersFinding,
  deliveringFinding,
  listeningFinding,
  problemFinding,
  refusalFinding,
  stuckAfterMs,
  topicsFinding,
  zonesFinding,
  type Way,
} from './findings.js';
import { reconcileReplay } from './replay.js';
import { applyStages, leftoverStages, type StagesInput } from './stages.js';
import type { StageState } from './stage-state.js';
import { writeStatus } from './status.js';
import { keyOf, observe, runningConfigurations, subjectOf, type Subject, type World } from './world.js';

/** While something is being waited for that no watch tells of, in milliseconds. */
const soonMs = 10_000;
const leftoverEveryMs = 3_000;

const typesOf: Readonly<Record<string, ResourceType>> = {
  IntegrationFlow: resourceTypes.flow,
  Destination: resourceTypes.destination,
  Hub: resourceTypes.hub,
  MessageReplay: resourceTypes.replay,
};

export class Reconciler {
  readonly #world: World;
  readonly #drains: Drains;
  /** What is wrong with a stage's configuration, by the configuration's hash. */
  readonly #checks = new Map<string, string | undefined>();

  constructor(world: World) {
    this.#world = world;
    this.#drains = new Drains(world);
  }

  /** @returns after how many milliseconds the key wants to be reconciled again, or undefined */
  async reconcile(key: string): Promise<number | undefined> {
    const subject = subjectOf(key);
    const type = typesOf[subject.kind]!;
    const resource = this.#world.caches.get(type)!.get(subject.namespace, subject.name);
    if (resource === undefined) {
      // Its plan's neighbours may have something to do. What it owned is gone, or the garbage collector's.
      this.#world.plans.of(subject.namespace);
      this.#world.forgetKafka(key);
      return undefined;
    }
    if (this.#isPaused(subject, resource)) return this.#pause(type, resource);
    if (subject.kind === 'Hub') return this.#hub(subject, resource);
    if (subject.kind === 'MessageReplay') return reconcileReplay(this.#world, subject, resource);
    if (resource.metadata.deletionTimestamp !== undefined) {
      return subject.kind === 'IntegrationFlow'
        ? this.#drains.flow(subject, type, resource)
        : this.#drains.destination(subject, type, resource);
    }
    return this.#workload(subject, type, resource);
  }

  #isPaused({ kind, namespace }: Subject, { metadata }: KubeObject): boolean {
    if (metadata.annotations?.[annotations.paused] === 'true') return true;
    const hub = kind === 'Hub' ? undefined : this.#world.plans.of(namespace).hub;
    return hub?.metadata.annotations?.[annotations.paused] === 'true';
  }

  /** Says that it is paused, and keeps what else was said: it may still be so, or not. */
  async #pause(type: ResourceType, resource: KubeObject): Promise<undefined> {
    const { conditions = [], ...rest } = (resource.status ?? {}) as { conditions?: Finding[] };
    const message = `The annotation ${annotations.paused} is "true" here or on the Hub: nothing is changed, repaired or removed until it is taken away.`;
    await writeStatus(
      this.#world,
      type,
      resource,
      [
        ...conditions.filter((condition) => condition.type !== 'Paused'),
        { type: 'Paused', status: 'True', reason: 'Annotated', message },
      ],
      { ...rest },
    );
    return undefined;
  }

  async #workload(subject: Subject, type: ResourceType, resource: KubeObject): Promise<number | undefined> {
    const world = this.#world;
    const { namespace, kind, name, key } = subject;
    if (!(resource.metadata.finalizers ?? []).includes(drainFinalizer)) {
      resource = await this.#addFinalizer(type, resource);
    }
    const plan = world.plans.of(namespace);
    const share = plan.share(`${kind}/${name}`);
    const flow = kind === 'IntegrationFlow' ? plan.flows.get(name) : undefined;
    const destination = kind === 'Destination' ? plan.destinations.get(name) : undefined;
    const problem = this.#problem(subject, share);
    const planned = new Set(share.stages.map((stage) => stage.name));
    const status = (findings: Finding[], rest: object): Promise<void> =>
      writeStatus(world, type, resource, findings, rest);

    if (plan.hub === undefined || problem !== undefined) {
      // What runs goes on: a wrong edit must not take a hospital's connection away.
      world.forgetKafka(key);
      const running = runningConfigurations(world, key).map(({ stage, role }) => ({ name: stage, role }));
      await status([problem ?? missingHub, ...this.#workerFindings(subject, running)], {});
      return undefined;
    }

    const kafka = world.kafka(placeOf(plan.hub));
    world.forgetKafka(key, kafka);
    const destinations = flow?.spec.destinations.map((one) => one.name) ?? [];
    const downstream = destinations.flatMap((one) => {
      const { topics, stages } = plan.share(`Destination/${one}`);
      return [{ name: one, topics, stages }];
    });
    // A flow's workers write to its destinations' topics, which must be there before.
    const topics = [...share.topics, ...downstream.flatMap((one) => one.topics)];
    const leftovers = leftoverStages(world, key, planned).flatMap(({ group, topic }) =>
      group === undefined ? [] : [{ group, topic }],
    );
    const stages = [...share.stages, ...downstream.flatMap((one) => one.stages)];
    const backlogs = stages.flatMap(({ configuration }) =>
      passesOn(configuration) ? [{ group: configuration.group, topic: configuration.topic }] : [],
    );
    kafka.wish(key, {
      topics,
      backlogs: [...backlogs, ...leftovers],
      ...(share.stages.length > 0 && { deadLetters: deadLetterTopic(namespace, name) }),
      everyMs: leftovers.length > 0 ? leftoverEveryMs : world.statusEveryMs,
    });
    const topicsState = kafka.topics(topics);
    const refusal = await this.#applyStages({
      subject,
      owner: resource,
      hub: plan.hub,
      stages: share.stages,
      ...(flow && { service: flow.spec.listener.service }),
      topicsReady: topicsState.state === 'ready',
      kafka,
    });

    // Of a new resource there is nothing to say yet; Kafka answers, or not, within seconds.
    if (topicsState.state === 'pending' && resource.status === undefined) return undefined;

    const findings: Finding[] = [
      ...(refusal === undefined ? [] : [refusalFinding(refusal)]),
      topicsFinding(topicsState, topics.length),
    ];
    const states = stages.map((stage) => observe(world, namespace, stage.name));
    if (flow) findings.push(listeningFinding(observe(world, namespace, `${name}-listener`)));
    const users = plan.usersOf(name);
    if (destination && share.stages.length === 0) {
      findings.push(unused);
    } else {
      const ways = stages.flatMap(({ configuration }, index): Way[] =>
        passesOn(configuration)
          ? [
              {
                stage: configuration.stage,
                state: states[index],
                backlog: kafka.backlog(configuration.group, configuration.topic),
              },
            ]
          : [],
      );
      findings.push(deliveringFinding(ways, world.now()));
    }
    const ready = readiness(
      findings,
      flow ? 'Messages are taken in and delivered.' : 'Messages are delivered.',
    );
    const nodes = world.caches.get(resourceTypes.node);
    const zones = zonesFinding(
      states.map((state, index) => state ?? noWorkers(stages[index]!.name)),
      plan.hub.spec.zones,
      nodes !== undefined && !nodes.denied,
    );
    const alerts = await applyAlerts(world, subject, resource, (flow ?? destination)!, plan.hub);
    const further = [
      ...(stages.length > 0 ? [zones.finding] : []),
      ...(alerts.finding ? [alerts.finding] : []),
    ];
    await status([ready, ...findings, ...further], {
      ...(stages.length > 0 && zones.zones !== '' && { zones: zones.zones }),
      ...(flow && this.#flowStatus(flow, share, kafka)),
      ...(destination && { flows: [...users], ...destinationCounts(share, kafka, namespace, name) }),
    });
    // Nothing tells when a quota or a port becomes free, or a backlog stuck.
    if (refusal !== undefined) return Math.min(soonMs, alerts.againAfterMs);
    const mayBeStuck = backlogs.some(
      ({ group, topic }) => kafka.backlog(group, topic)?.stuckSince !== undefined,
    );
    return mayBeStuck ? Math.min(soonMs, stuckAfterMs, alerts.againAfterMs) : alerts.againAfterMs;
  }

  /** @returns why the API server refuses an object, where it does for a reason that trying at once won't change */
  async #applyStages(input: StagesInput): Promise<string | undefined> {
    try {
      await applyStages(this.#world, input);
      return undefined;
    } catch (error) {
      if (error instanceof ApiError && [400, 403, 422].includes(error.status)) return error.message;
      throw error;
    }
  }

  async #addFinalizer(type: ResourceType, resource: KubeObject): Promise<KubeObject> {
    const { name, namespace, uid } = resource.metadata;
    const written = await this.#world.client.apply(type, {
      apiVersion: resource.apiVersion,
      kind: resource.kind,
      // With the uid, an apply can't make a resource that was deleted meanwhile.
      metadata: { name, namespace: namespace!, uid: uid!, finalizers: [drainFinalizer] },
    });
    this.#world.caches.get(type)!.remember(written);
    return written;
  }

  #problem({ kind, name }: Subject, share: Share): Finding | undefined {
    if (share.problems.length > 0) return problemFinding(share.problems);
    for (const { configuration } of share.stages) {
      const hash = hashOf(configuration);
      if (!this.#checks.has(hash)) {
        if (this.#checks.size > 5_000) this.#checks.clear();
        this.#checks.set(hash, checkConfiguration(configuration));
      }
      const sentence = this.#checks.get(hash);
      if (sentence === undefined) continue;
      const message = `${kind}/${name}: ${sentence}. What ran before goes on as it was.`;
      return { type: 'Ready', status: 'False', reason: 'BadConfiguration', message };
    }
    return undefined;
  }

  /** What can be said of workers that run, where there is no plan to hold them against. */
  #workerFindings(
    { namespace, kind }: Subject,
    running: readonly { readonly name: string; readonly role: string }[],
  ): Finding[] {
    const ways = running
      .filter(({ role }) => role !== 'listener')
      .map(({ name }) => ({ stage: name, state: observe(this.#world, namespace, name), backlog: undefined }));
    const listener = running.find(({ role }) => role === 'listener');
    const listening = listeningFinding(listener && observe(this.#world, namespace, listener.name));
    return [
      ...(kind === 'IntegrationFlow' ? [listening] : []),
      ...(ways.length > 0 ? [deliveringFinding(ways, this.#world.now())] : []),
    ];
  }

  #flowStatus(flow: IntegrationFlow, share: Share, kafka: ReturnType<World['kafka']>): object {
    const { namespace } = flow.metadata;
    const listener = share.stages.find(({ role }) => role === 'listener')!;
    const service = this.#world.caches.get(resourceTypes.service)!.get(namespace, listener.name);
    const hosts = loadBalancerHosts(service);
    const endpoints = listener.ports.flatMap(({ name, port }) =>
      [`${listener.name}.${namespace}.svc`, ...hosts].map((host) => ({ name, host, port })),
    );
    const taker = firstTaker(flow, share, this.#world.plans.of(namespace));
    const backlog = taker && kafka.backlog(taker.group, taker.topic);
    return {
      replicasPerZone: flow.spec.availability.replicasPerZone,
      counts: {
        ...(backlog && flowCounts(backlog)),
        ...deadLetterCount(kafka, namespace, flow.metadata.name),
      },
      ...(service && { endpoints }),
    };
  }

  async #hub(subject: Subject, resource: KubeObject): Promise<number | undefined> {
    const world = this.#world;
    const { namespace, name, key } = subject;
    const plan = world.plans.of(namespace);
    const share = plan.share(`Hub/${name}`);
    if (share.problems.length > 0 || plan.hub?.metadata.name !== name) {
      world.forgetKafka(key);
      await writeStatus(world, resourceTypes.hub, resource, [problemFinding(share.problems)]);
      return undefined;
    }
    const kafka = world.kafka(placeOf(plan.hub));
    world.forgetKafka(key, kafka);
    const topics = share.stages.length === 0 ? [] : allTopics(plan);
    kafka.wish(key, {
      topics,
      backlogs: [],
      everyMs: world.statusEveryMs,
      zones: plan.hub.spec.zones,
    });
    const refusal = await this.#applyStages({
      subject,
      owner: resource,
      hub: plan.hub,
      stages: share.stages,
      topicsReady: kafka.topics(topics).state === 'ready',
      kafka,
    });
    const own = share.stages.map(({ name, role }) => {
      const state = observe(world, namespace, name);
      return role === 'console' ? consoleFinding(state) : archivingFinding(state);
    });
    const type = 'KafkaReachable';
    const servers = plan.hub.spec.kafka.bootstrapServers.join(', ');
    const reachable: Finding = kafka.reached
      ? { type, status: 'True', reason: 'KafkaReachable', message: `Kafka answers at ${servers}.` }
      : kafka.unreachable === undefined
        ? { type, status: 'Unknown', reason: 'Pending', message: `Kafka is being asked at ${servers}.` }
        : { type, status: 'False', reason: kafka.unreachableReason, message: kafka.unreachable };
    const flows = world.caches.get(resourceTypes.flow)!.indexed(namespace);
    const zones = brokersFinding(kafka.zones);
    const alerts = await applyAlerts(world, subject, resource, plan.hub, plan.hub);
    await writeStatus(
      world,
      resourceTypes.hub,
      resource,
      [
        readiness([reachable], 'Flows of this namespace can run.'),
        reachable,
        ...(zones === undefined ? [] : [zones]),
        ...own,
        ...(refusal === undefined ? [] : [refusalFinding(refusal)]),
        ...(alerts.finding ? [alerts.finding] : []),
      ],
      {
        ...(kafka.brokers !== undefined && { brokers: kafka.brokers }),
        ...{ flows: flows.length, readyFlows: flows.filter(isReady).length },
      },
    );
    return refusal === undefined ? alerts.againAfterMs : Math.min(soonMs, alerts.againAfterMs);
  }
}

/** Those of all flows and destinations, and the Hub's own. */
function allTopics(plan: NamespacePlan): readonly Topic[] {
  const owners = [
    ...[...plan.flows.keys()].map((name) => `IntegrationFlow/${name}`),
    ...[...plan.destinations.keys()].map((name) => `Destination/${name}`),
    `Hub/${plan.hub!.metadata.name}`,
  ];
  return owners.flatMap((owner) => plan.share(owner).topics);
}

function noWorkers(name: string): StageState {
  return { name, pods: 0, ready: 0, readyZones: new Set(), trouble: '' };
}

const missingHub: Finding = {
  type: 'Ready',
  status: 'False',
  reason: 'MissingHub',
  message:
    'The namespace has no sound Hub, so there is no Kafka to use; create one. What ran before goes on as it was.',
};

const unused: Finding = {
  type: 'Delivering',
  status: 'True',
  reason: 'Unused',
  message: 'No flow names it, so it has no sender.',
};

function isReady({ status }: KubeObject): boolean {
  const { conditions = [] } = (status ?? {}) as { conditions?: Finding[] };
  return conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}

function loadBalancerHosts(service: KubeObject | undefined): string[] {
  const status = service?.status as
    { loadBalancer?: { ingress?: { hostname?: string; ip?: string }[] } } | undefined;
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ hostname, ip }) => hostname ?? ip ?? []);
}

/**
 * Who takes what a flow's listener writes: its transformer, else its destination's sender where no other flow writes
 * to that; in a topic that flows share, their messages can't be told apart.
 */
function firstTaker(
  flow: IntegrationFlow,
  share: Share,
  plan: NamespacePlan,
): { readonly group: string; readonly topic: string } | undefined {
  const destinations = share.stages.some(({ role }) => role === 'transformer') ? [] : flow.spec.destinations;
  const own = destinations.filter(({ name }) => plan.usersOf(name).length === 1);
  const stages = [...share.stages, ...own.flatMap(({ name }) => plan.share(`Destination/${name}`).stages)];
  for (const { configuration } of stages) {
    if (configuration.role === 'transformer' || configuration.role === 'sender') return configuration;
  }
  return undefined;
}

/** A listener's writes are no transaction, so each offset of a flow's received topic is a message. */
function flowCounts({ ends, offsets, empty }: Backlogged): object {
  const received = Number([...ends.values()].reduce((sum, end) => sum + end, 0n));
  const backlog = empty ? 0 : Number(offsets);
  return { received, sent: received - backlog, backlog };
}

type Backlogged = NonNullable<ReturnType<ReturnType<World['kafka']>['backlog']>>;

function deadLetterCount(kafka: ReturnType<World['kafka']>, namespace: string, name: string): object {
  const deadLetters = kafka.openDeadLetters(deadLetterTopic(namespace, name));
  return deadLetters === undefined ? {} : { deadLetters };
}

function destinationCounts(
  share: Share,
  kafka: ReturnType<World['kafka']>,
  namespace: string,
  name: string,
): object {
  const sender = share.stages[0]?.configuration;
  const backlog = sender?.role === 'sender' ? kafka.backlog(sender.group, sender.topic) : undefined;
  if (backlog === undefined) return {};
  const waiting = { backlog: backlog.empty ? 0 : Number(backlog.offsets) };
  return { counts: { ...waiting, ...deadLetterCount(kafka, namespace, name) } };
}

/** Keys of what else is to be reconciled when a resource's workers change. */
export function dependents(world: World, subject: Subject): string[] {
  if (subject.kind !== 'Destination') return [];
  const flows = world.plans.of(subject.namespace).usersOf(subject.name);
  return flows.map((name) => keyOf(subject.namespace, 'IntegrationFlow', name));
}
