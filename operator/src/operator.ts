/** The operator as a whole: copies of the cluster's objects, the queue that they feed, and the leader's right to write. */
import type { KubeConfig } from '@kubernetes/client-node';
import { noTraces, type Log, type Telemetry, type Traces } from '@integration-hub/workers';
import { Applier } from './applier.js';
import type { Configuration } from './configuration.js';
import { HealthServer } from './health-server.js';
import { HubKafka } from './hub-kafka.js';
import { KafkaCredentials, placeKey, type KafkaPlace } from './kafka-credentials.js';
import { ApiClient } from './kubernetes/api-client.js';
import { ApiError } from './kubernetes/api-error.js';
import { EventRecorder } from './kubernetes/event-recorder.js';
import { Leadership } from './kubernetes/leadership.js';
import { resourceTypes, type KubeObject, type ResourceType } from './kubernetes/object.js';
import { Reflector, type ReflectorOptions } from './kubernetes/reflector.js';
import { OptionalKind } from './kubernetes/optional-kind.js';
import { Metrics } from './metrics.js';
import { NamespacePlans } from './namespace-plans.js';
import { managedBySelector, ownerLabels, type OwnerKind } from './render/names.js';
import { dependents, Reconciler } from './reconcile/reconciler.js';
import { trimPod } from './reconcile/stage-state.js';
import { trimOwned } from './reconcile/stages.js';
import { keyOf, ownedTypes, subjectOf, type World } from './reconcile/world.js';
import { inSpan, startTracing } from './tracing.js';
import { WorkQueue } from './work-queue.js';

/** Changes of many pods or flows are taken together, in milliseconds. */
const gatherMs = 500;
const backOffMs = [250, 60_000] as const;
/** A reconcile that takes longer hangs: each of its requests ends by itself. */
const hungAfterMs = 300_000;

/** The resources that people write. */
const ownTypes = [resourceTypes.hub, resourceTypes.destination, resourceTypes.flow, resourceTypes.replay];

export interface OperatorOptions {
  readonly configuration: Configuration;
  readonly kubeConfig: KubeConfig;
  readonly log: Log;
  /** Variables that say where telemetry goes. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Another leads now, or may: end the process. */
  readonly onDeposed: () => void;
}

export class Operator {
  readonly #options: OperatorOptions;
  readonly #metrics: Metrics;
  readonly #client: ApiClient;
  readonly #caches = new Map<ResourceType, Reflector>();
  readonly #kafkas = new Map<string, HubKafka>();
  readonly #world: World;
  readonly #queue: WorkQueue;
  readonly #leadership: Leadership;
  readonly #health: HealthServer;
  readonly #rules: OptionalKind;
  readonly #begunAt = new Map<string, number>();
  #telemetry: Telemetry | undefined;
  #traces: Traces = noTraces;
  #elected = false;
  #stopping = false;

  constructor(options: OperatorOptions) {
    this.#options = options;
    const { configuration, kubeConfig, log } = options;
    this.#metrics = new Metrics(
      () => this.#queue.depth,
      () => ownTypes.flatMap((type) => [...this.#cache(type).values()]),
    );
    this.#client = new ApiClient({
      kubeConfig,
      onCall: (verb, resource, code) => this.#metrics.apiCalls.inc({ verb, resource, code }),
      beforeWrite: () => this.#mustLead(),
    });
    this.#makeCaches();
    const events = new EventRecorder(this.#client, configuration.identity, (error) =>
      log.warn('an event could not be written', { error: textOf(error) }),
    );
    const inNamespace = (type: ResourceType) => (namespace: string) => this.#cache(type).indexed(namespace);
    this.#world = {
      client: this.#client,
      caches: this.#caches,
      plans: new NamespacePlans({
        hubs: inNamespace(resourceTypes.hub),
        flows: inNamespace(resourceTypes.flow),
        destinations: inNamespace(resourceTypes.destination),
        onShareChanged: (namespace, resource) => this.#queue.add(`${namespace}/${resource}`),
      }),
      applier: new Applier({
        client: this.#client,
        caches: this.#caches,
        onApply: ({ kind, metadata: { name, namespace } }, why) =>
          log.info('written', { kind, namespace, name, why }),
      }),
      events,
      log,
      kafka: (place) => this.#kafka(place),
      forgetKafka: (key, but) => this.#forgetKafka(key, but),
      image: configuration['worker-image'],
      command: configuration.workerCommand,
      consoleCommand: configuration.consoleCommand,
      statusEveryMs: configuration['status-every-ms'],
      now: Date.now,
    };
    const reconciler = new Reconciler(this.#world);
    this.#queue = new WorkQueue({
      concurrency: configuration.concurrency,
      backOffMs,
      handle: (key) => this.#reconcile(reconciler, key),
      onError: (key, error, waitMs) => {
        // A write that another overtook is everyday; the next try sees what it wrote.
        const level = error instanceof ApiError && error.status === 409 ? 'debug' : 'warn';
        log.log(level, 'not reconciled; it will be tried again', { key, error: textOf(error), waitMs });
      },
    });
    this.#leadership = new Leadership({
      client: this.#client,
      namespace: configuration['lease-namespace'],
      name: configuration['lease-name'],
      identity: configuration.identity,
      durationMs: configuration['lease-duration-ms'],
      onElected: () => {
        log.info('this process leads now');
        this.#elected = true;
        this.#metrics.leader.set(1);
        this.#beginWhenReady();
      },
      onDeposed: options.onDeposed,
      onError: (error) => log.warn('the Lease could not be renewed or read', { error: textOf(error) }),
    });
    this.#rules = new OptionalKind({
      type: resourceTypes.prometheusRule,
      client: this.#client,
      everyMs: configuration['status-every-ms'],
      onServed: () => this.#watchRules(),
    });
    this.#health = new HealthServer({
      live: () => this.#hungKey(),
      ready: () => this.#notSynced(),
      registry: this.#metrics.registry,
    });
  }

  /** @returns the port of /livez, /readyz and /metrics */
  async start(): Promise<number> {
    const { configuration, log, environment } = this.#options;
    this.#telemetry = await startTracing(environment, {
      log,
      metrics: this.#metrics,
      namespace: configuration['lease-namespace'],
    });
    this.#traces = this.#telemetry.traces;
    const port = await this.#health.start(configuration['http-port']);
    for (const cache of this.#caches.values()) cache.start();
    this.#leadership.start();
    this.#rules.start();
    return port;
  }

  /** Finishes what is in hand, gives the Lease back, and ends. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#rules.stop();
    await this.#queue.stop();
    await this.#leadership.stop();
    await Promise.all([...this.#caches.values()].map((cache) => cache.stop()));
    await Promise.all([...this.#kafkas.values()].map((kafka) => kafka.stop()));
    this.#health.stop();
    this.#client.close();
    await this.#telemetry?.close();
  }

  #cache(type: ResourceType): Reflector {
    return this.#caches.get(type)!;
  }

  #makeCaches(): void {
    const { configuration } = this.#options;
    const managed = { labelSelector: managedBySelector };
    for (const type of ownTypes) {
      this.#addCache(type, {
        indexBy: ({ metadata }) => metadata.namespace,
        trim: withoutManagedFields,
        onChange: (object, former) => this.#resourceChanged(object, former),
      });
    }
    for (const type of ownedTypes) this.#addOwnedCache(type);
    this.#addCache(resourceTypes.pod, {
      ...managed,
      indexBy: ({ metadata: { namespace, labels } }) =>
        `${namespace ?? ''}/${labels?.['app.kubernetes.io/instance'] ?? ''}`,
      trim: trimPod,
      onChange: (object, former) => this.#podChanged(object, former),
    });
    this.#addCache(resourceTypes.autoscaler, {
      indexBy: scaledStage,
      trim: withoutManagedFields,
      onChange: (object, former) => {
        for (const one of [object, former]) {
          const [namespace, stage] = (one && scaledStage(one))?.split('/') ?? [];
          const deployment = this.#cache(resourceTypes.deployment).get(namespace, stage ?? '');
          this.#add(deployment && ownerKey(deployment));
        }
      },
    });
    if (configuration.readNodes) {
      this.#addCache(resourceTypes.node, {
        metadataOnly: true,
        namespace: undefined,
        onChange: (object, former) => {
          const zone = 'topology.kubernetes.io/zone';
          if (object?.metadata.labels?.[zone] !== former?.metadata.labels?.[zone]) this.#addAll();
        },
      });
    }
  }

  /** The cluster has come to know PrometheusRules: those that are there are looked at, and the missing ones made. */
  #watchRules(): void {
    this.#addOwnedCache(resourceTypes.prometheusRule);
    this.#cache(resourceTypes.prometheusRule).start();
    // Where reconciling has not begun yet, this is waited for like the others.
    if (this.#elected) this.#beginWhenReady();
  }

  #addOwnedCache(type: ResourceType): void {
    this.#addCache(type, {
      labelSelector: managedBySelector,
      indexBy: ownerKey,
      trim: trimOwned,
      onChange: (object, former) => this.#ownedChanged(object, former),
    });
  }

  #addCache(
    type: ResourceType,
    options: Pick<ReflectorOptions, 'onChange'> & {
      [Name in keyof ReflectorOptions]?: ReflectorOptions[Name] | undefined;
    },
  ): void {
    const { configuration, log } = this.#options;
    let lastReason = '';
    const { trim, indexBy, ...rest } = options;
    this.#caches.set(
      type,
      new Reflector({
        namespace: configuration.namespace === '' ? undefined : configuration.namespace,
        ...rest,
        ...(trim && { trim }),
        ...(indexBy && { indexBy }),
        client: this.#client,
        type,
        silenceMs: configuration['silence-ms'],
        relistMs: configuration['relist-ms'],
        onChange: (object, former) => {
          lastReason = '';
          options.onChange(object, former);
        },
        onRestart: (reason, error) => {
          this.#metrics.watchRestarts.inc({ resource: type.plural, reason });
          log.log(reason === lastReason ? 'debug' : 'warn', 'a watch begins anew with a list', {
            resource: type.plural,
            reason,
            error: textOf(error),
          });
          lastReason = reason;
          // What is denied is done without, and may be allowed later.
          if (this.#elected) this.#beginWhenReady();
        },
      } as ReflectorOptions),
    );
  }

  /** Begins to reconcile once this process leads and knows the cluster: what it doesn't see it would make anew. */
  #beginWhenReady(): void {
    if (this.#stopping || !this.#leadership.isLeader) return;
    if (this.#notSynced() !== undefined) {
      setTimeout(() => this.#beginWhenReady(), 50);
      return;
    }
    this.#addAll();
    this.#queue.start();
  }

  #notSynced(): string | undefined {
    const waiting = [...this.#caches].filter(([, cache]) => !cache.synced && !cache.denied);
    if (waiting.length === 0) return undefined;
    return `not yet listed: ${waiting.map(([{ plural }]) => plural).join(', ')}`;
  }

  #hungKey(): string | undefined {
    const hung = [...this.#begunAt].find(([, at]) => performance.now() - at > hungAfterMs);
    return hung && `the reconcile of ${hung[0]} hangs`;
  }

  #mustLead(): void {
    if (!this.#leadership.isLeader) throw new ApiError(0, 'NotLeader', 'this process does not lead');
  }

  async #reconcile(reconciler: Reconciler, key: string): Promise<number | undefined> {
    const { kind, namespace, name } = subjectOf(key);
    const attributes = { 'ihub.kind': kind, 'k8s.namespace.name': namespace, 'ihub.name': name };
    const begunAt = performance.now();
    this.#begunAt.set(key, begunAt);
    let outcome = 'error';
    try {
      const againAfterMs = await inSpan(this.#traces, 'reconcile', attributes, () =>
        reconciler.reconcile(key),
      );
      outcome = 'success';
      return againAfterMs;
    } finally {
      this.#begunAt.delete(key);
      this.#metrics.reconciles.inc({ kind, outcome });
      this.#metrics.reconcileSeconds.observe({ kind }, (performance.now() - begunAt) / 1000);
    }
  }

  #add(key: string | undefined): void {
    if (key !== undefined) this.#queue.add(key);
  }

  #addAll(): void {
    for (const type of ownTypes) {
      for (const { kind, metadata } of this.#cache(type).values()) {
        this.#queue.add(keyOf(metadata.namespace!, kind, metadata.name));
      }
    }
  }

  #resourceChanged(object: KubeObject | undefined, former: KubeObject | undefined): void {
    const { kind, metadata } = (object ?? former)!;
    const namespace = metadata.namespace!;
    const key = keyOf(namespace, kind, metadata.name);
    const isStatusOnly =
      object !== undefined &&
      former !== undefined &&
      intentOf(object) === intentOf(former) &&
      object.metadata.uid === former.metadata.uid;
    if (!isStatusOnly && kind !== 'MessageReplay') this.#world.plans.invalidate(namespace);
    this.#queue.add(key);
    if (kind === 'IntegrationFlow') {
      for (const hub of this.#cache(resourceTypes.hub).indexed(namespace)) {
        this.#queue.addAfter(keyOf(namespace, 'Hub', hub.metadata.name), gatherMs);
      }
      if (isStatusOnly) return;
      for (const one of [object, former]) {
        const { destinations = [] } = (one?.spec ?? {}) as { destinations?: { name: string }[] };
        for (const { name } of destinations) this.#queue.add(keyOf(namespace, 'Destination', name));
      }
    } else if (kind === 'Hub' && !isStatusOnly) {
      for (const type of [resourceTypes.flow, resourceTypes.destination, resourceTypes.replay]) {
        for (const other of this.#cache(type).indexed(namespace)) {
          this.#queue.add(keyOf(namespace, other.kind, other.metadata.name));
        }
      }
    }
  }

  #ownedChanged(object: KubeObject | undefined, former: KubeObject | undefined): void {
    for (const one of [object, former]) this.#add(one && ownerKey(one));
  }

  #podChanged(object: KubeObject | undefined, former: KubeObject | undefined): void {
    const key = ownerKey((object ?? former)!);
    if (key === undefined) return;
    this.#queue.add(key);
    for (const other of dependents(this.#world, subjectOf(key))) this.#queue.addAfter(other, gatherMs);
  }

  #kafka(place: KafkaPlace): HubKafka {
    const id = placeKey(place);
    const present = this.#kafkas.get(id);
    if (present) return present;
    const { log } = this.#options;
    const kafka = new HubKafka({
      credentials: new KafkaCredentials(this.#client, place),
      lowerAfterMs: this.#options.configuration['lower-after-zone-loss-ms'],
      log: (level, message, fields) => log.log(level, message, fields),
      onChange: (key) => this.#queue.add(key),
      onTopicChange: (changes, key) => {
        for (const { topic, kind, detail } of changes) log.info('topic changed', { topic, kind, detail });
        const owner = key && this.#resource(key);
        if (!owner) return;
        const note = changes.map(({ topic, kind, detail }) => `${topic} ${kind}: ${detail}`).join('; ');
        void this.#world.events.record(owner, 'Normal', 'TopicsChanged', note);
      },
    });
    this.#kafkas.set(id, kafka);
    return kafka;
  }

  #forgetKafka(key: string, but?: HubKafka): void {
    for (const [id, kafka] of this.#kafkas) {
      if (kafka === but) continue;
      kafka.forget(key);
      if (!kafka.idle) continue;
      this.#kafkas.delete(id);
      void kafka.stop();
    }
  }

  #resource(key: string): KubeObject | undefined {
    const { namespace, kind, name } = subjectOf(key);
    const { hub, flow, destination } = resourceTypes;
    const type = kind === 'Hub' ? hub : kind === 'IntegrationFlow' ? flow : destination;
    return this.#cache(type).get(namespace, name);
  }
}

/** The key of the resource that an object was made for. */
function ownerKey({ metadata: { namespace, labels } }: KubeObject): string | undefined {
  for (const [kind, label] of Object.entries(ownerLabels) as [OwnerKind, string][]) {
    const name = labels?.[label];
    if (name !== undefined) return keyOf(namespace!, kind, name);
  }
  return undefined;
}

/** What a person says of a resource, as opposed to what is reported of it. */
function intentOf({ metadata }: KubeObject): string {
  const { generation, annotations, deletionTimestamp } = metadata;
  return JSON.stringify([generation, annotations, deletionTimestamp]);
}

/** The stage whose Deployment an autoscaler scales. */
function scaledStage({ metadata, spec }: KubeObject): string | undefined {
  const { scaleTargetRef } = spec as { scaleTargetRef?: { kind: string; name: string } };
  return scaleTargetRef?.kind === 'Deployment'
    ? `${metadata.namespace ?? ''}/${scaleTargetRef.name}`
    : undefined;
}

/** Half of an object is the record of who set which field. */
function withoutManagedFields(object: KubeObject): KubeObject {
  const metadata = { ...object.metadata };
  delete metadata.managedFields;
  return { ...object, metadata };
}

/** Texts of the API server and of Kafka name objects and topics, nothing of a message. */
function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
