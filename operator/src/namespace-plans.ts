/** The plan of each namespace, made anew when a resource in it has changed, and cut into each resource's share. */
import {
  destination as destinationSchema,
  hub as hubSchema,
  integrationFlow as flowSchema,
  plan,
  schemaProblems,
  type Destination,
  type Hub,
  type IntegrationFlow,
  type Problem,
  type Stage,
  type Topic,
} from '@integration-hub/api';
import type { z } from 'zod';
import type { KubeObject } from './kubernetes/object.js';
import { hashOf } from './render/names.js';

/** What the plan has for one IntegrationFlow or Destination. */
export interface Share {
  readonly topics: readonly Topic[];
  readonly stages: readonly Stage[];
  /** What is wrong with it; then the plan has nothing for it. */
  readonly problems: readonly Problem[];
}

export interface NamespacePlan {
  /** The oldest sound Hub. */
  readonly hub: Hub | undefined;
  readonly flows: ReadonlyMap<string, IntegrationFlow>;
  readonly destinations: ReadonlyMap<string, Destination>;
  /** By `IntegrationFlow/name`, `Destination/name` or `Hub/name`. */
  share(resource: string): Share;
  /** The flows that name a destination, sound or not, in order of their names. */
  usersOf(destination: string): readonly string[];
}

export interface PlanSources {
  readonly hubs: (namespace: string) => KubeObject[];
  readonly flows: (namespace: string) => KubeObject[];
  readonly destinations: (namespace: string) => KubeObject[];
  /** Is told of each resource whose share has changed, as `IntegrationFlow/name`. */
  readonly onShareChanged: (namespace: string, resource: string) => void;
}

interface Parsed<T> {
  readonly resource?: T;
  readonly problems: readonly Problem[];
}

const nothing: Share = { topics: [], stages: [], problems: [] };

export class NamespacePlans {
  readonly #sources: PlanSources;
  readonly #plans = new Map<string, NamespacePlan>();
  readonly #hashes = new Map<string, Map<string, string>>();
  /** Reading a resource costs more than the rest of the plan; an unchanged one is not read again. */
  readonly #parsed = new WeakMap<KubeObject, Parsed<unknown>>();

  constructor(sources: PlanSources) {
    this.#sources = sources;
  }

  /** A resource of the namespace has changed. */
  invalidate(namespace: string): void {
    this.#plans.delete(namespace);
  }

  of(namespace: string): NamespacePlan {
    const present = this.#plans.get(namespace);
    if (present) return present;
    const made = this.#make(namespace);
    this.#plans.set(namespace, made.plan);
    this.#tellChanges(namespace, made.shares);
    return made.plan;
  }

  #make(namespace: string): { plan: NamespacePlan; shares: Map<string, Share> } {
    const { hubs, flows, destinations } = this.#sources;
    const problems = new Map<string, Problem[]>();
    const users = new Map<string, string[]>();
    const read = <T>(schema: z.ZodType<T>, objects: KubeObject[]): T[] =>
      // The oldest first: of two that want the same port, the one that had it keeps it.
      [...objects].sort(byAge).flatMap((object) => {
        const { resource, problems: found } = this.#parse(schema, object);
        if (found.length > 0) problems.set(`${object.kind}/${object.metadata.name}`, [...found]);
        return resource === undefined ? [] : [resource];
      });
    const flowObjects = flows(namespace);
    for (const { metadata, spec } of flowObjects) {
      for (const name of destinationNames(spec)) users.set(name, [...(users.get(name) ?? []), metadata.name]);
    }
    const [soundHubs, soundFlows, soundDestinations] = [
      read(hubSchema, hubs(namespace)),
      read(flowSchema, flowObjects),
      read(destinationSchema, destinations(namespace)),
    ];
    const [hub, ...furtherHubs] = soundHubs;
    for (const { metadata } of furtherHubs) {
      const message = `is a second Hub of the namespace; ${hub!.metadata.name} is in use, delete one of them`;
      add(problems, { code: 'DUPLICATE', resource: `Hub/${metadata.name}`, field: '', message });
    }

    const shares = new Map<string, { topics: Topic[]; stages: Stage[]; problems: Problem[] }>();
    const shareOf = (resource: string): { topics: Topic[]; stages: Stage[]; problems: Problem[] } => {
      const share = shares.get(resource) ?? { topics: [], stages: [], problems: [] };
      shares.set(resource, share);
      return share;
    };
    if (hub) {
      const planned = plan(hub, soundFlows, soundDestinations);
      for (const topic of planned.topics) shareOf(topic.owner).topics.push(topic);
      for (const stage of planned.stages) shareOf(stage.owner).stages.push(stage);
      for (const problem of planned.problems) add(problems, problem);
    }
    for (const [resource, found] of problems) shareOf(resource).problems.push(...found);
    for (const names of users.values()) names.sort();
    return {
      shares,
      plan: {
        hub,
        flows: byName(soundFlows),
        destinations: byName(soundDestinations),
        share: (resource) => shares.get(resource) ?? nothing,
        usersOf: (name) => users.get(name) ?? [],
      },
    };
  }

  #parse<T>(schema: z.ZodType<T>, object: KubeObject): Parsed<T> {
    const present = this.#parsed.get(object);
    if (present) return present as Parsed<T>;
    const result = schema.safeParse(object);
    const parsed: Parsed<T> = result.success
      ? { resource: result.data, problems: [] }
      : { problems: schemaProblems(result.error, `${object.kind}/${object.metadata.name}`) };
    this.#parsed.set(object, parsed);
    return parsed;
  }

  #tellChanges(namespace: string, shares: ReadonlyMap<string, Share>): void {
    const former = this.#hashes.get(namespace) ?? new Map<string, string>();
    const hashes = new Map([...shares].map(([resource, share]) => [resource, hashOf(share)]));
    this.#hashes.set(namespace, hashes);
    for (const resource of new Set([...former.keys(), ...hashes.keys()])) {
      if (former.get(resource) !== hashes.get(resource)) this.#sources.onShareChanged(namespace, resource);
    }
  }
}

function add(problems: Map<string, Problem[]>, problem: Problem): void {
  problems.set(problem.resource, [...(problems.get(problem.resource) ?? []), problem]);
}

function byAge({ metadata: a }: KubeObject, { metadata: b }: KubeObject): number {
  const [one, other] = [a.creationTimestamp ?? '', b.creationTimestamp ?? ''];
  if (one !== other) return one < other ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

function byName<T extends { metadata: { name: string } }>(resources: readonly T[]): Map<string, T> {
  return new Map(resources.map((resource) => [resource.metadata.name, resource]));
}

/** From a spec that need not be sound. */
function destinationNames(spec: unknown): string[] {
  const { destinations } = (spec ?? {}) as { destinations?: unknown };
  if (!Array.isArray(destinations)) return [];
  const names = destinations.map((entry) => (entry as { name?: unknown } | null)?.name);
  return [...new Set(names.filter((name) => typeof name === 'string'))];
}
