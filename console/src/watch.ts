/** What the console knows of the hub at a time: gathered from workers and Kafka every two seconds. */
import { EventEmitter, once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Measurement } from '@integration-hub/alarms';
import {
  type ConsoleConfiguration,
  consoleConfiguration,
  type ConsolePlan,
  type PlannedDestination,
  type PlannedFlow,
} from '@integration-hub/api';
import { errorShape, type Log, type Sample } from '@integration-hub/workers';
import type {
  Condition,
  DestinationSummary,
  FlowDetail,
  FlowSummary,
  History as HistoryAnswer,
  Overview,
  RoadStep,
  WorkerSummary,
} from './api.js';
import { AlarmOverrides } from './alarm-overrides.js';
import { AlarmWatch, known, missingZones } from './alarm-watch.js';
import { DeadLetterIndex } from './dead-letter-index.js';
import { History } from './history.js';
import { KafkaWatch } from './kafka-watch.js';
import type { OverrideStore } from './override-store.js';
import { type WorkersLook, WorkerWatch } from './worker-watch.js';

const everyMs = 2_000;
/** Nobody waits for a look any longer. */
const longestLookMs = 5_000;
/** Rates are of so many looks, that they don't flicker. */
const looksOfRates = 5;
const mostFailures = 20;

const RECEIVED = 'ihub_messages_received_total';
const TRANSFORMED = 'ihub_messages_transformed_total';
const SENT = 'ihub_messages_sent_total';
const RETRIES = 'ihub_delivery_failures_total';
const REJECTED = 'ihub_messages_rejected_total';
const SET_ASIDE = 'ihub_dead_letters_total';
const LATENCY = 'ihub_delivery_seconds_bucket';
const WAITING_SECONDS = 'ihub_oldest_waiting_seconds';
const LAST_RECEIVED = 'ihub_last_received_timestamp_seconds';

export interface WatchOptions {
  readonly configuration: ConsoleConfiguration;
  /** The file that it was read from, whose plan is read again when it changes. */
  readonly file: string;
  /** Where it is kept what is silenced and tuned. */
  readonly overrides: OverrideStore;
  readonly log: Log;
}

/** Emits `look` after each look. */
export class Watch extends EventEmitter<{ look: [] }> {
  readonly deadLetters: DeadLetterIndex;
  readonly alarms: AlarmWatch;
  readonly overrides: AlarmOverrides;
  readonly #configuration: ConsoleConfiguration;
  readonly #file: string;
  readonly #log: Log;
  readonly #kafka: KafkaWatch;
  readonly #workers: WorkerWatch;
  readonly #history = new History();
  readonly #stopping = new AbortController();
  readonly #since = new Date().toISOString();
  /** The latest last. */
  #looks: WorkersLook[] = [];
  /** Since the console looks, by series. */
  readonly #totals = new Map<string, Sample>();
  readonly #reachable = new Map<string, boolean>();
  #plan: ConsolePlan;
  #readAt = 0;
  #ended: Promise<void> | undefined;

  constructor({ configuration, file, overrides, log }: WatchOptions) {
    super();
    // Each page that is open listens.
    this.setMaxListeners(0);
    this.#configuration = configuration;
    this.#file = file;
    this.#log = log;
    this.#plan = configuration.plan;
    const plan = (): ConsolePlan => this.#plan;
    this.#kafka = new KafkaWatch(configuration, plan);
    this.#workers = new WorkerWatch(configuration.workers);
    this.deadLetters = new DeadLetterIndex(configuration, plan, log);
    this.alarms = new AlarmWatch(configuration.notifier, log);
    this.overrides = new AlarmOverrides(overrides, () => this.#plan.alerts);
  }

  /** The flows and destinations that there are now. */
  get plan(): ConsolePlan {
    return this.#plan;
  }

  start(): void {
    this.#kafka.start();
    this.deadLetters.start();
    this.#ended = this.#untilStopped();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#ended, this.#kafka.stop(), this.deadLetters.stop(), this.alarms.stop()]);
  }

  overview(): Overview {
    const { hub, archive } = this.#configuration;
    const { flows, destinations, zones } = this.#plan;
    return {
      hub,
      at: new Date().toISOString(),
      kafka: this.#kafka.answers,
      archive: archive !== null,
      zones: this.#kafka.zones(zones),
      flows: flows.map((flow) => this.#flow(flow)),
      destinations: destinations.map((destination) => this.#destination(destination)),
      alarms: this.alarms.counts,
    };
  }

  /** @returns undefined where there is no such flow */
  flow(name: string): FlowDetail | undefined {
    const flow = this.#plan.flows.find((one) => one.name === name);
    if (flow === undefined) return undefined;
    const summary = this.#flow(flow);
    return {
      summary,
      since: this.#since,
      road: this.#road(flow),
      ordering: flow.ordering,
      contentPolicy: flow.contentPolicy,
      conditions: this.#conditions(flow, summary),
      recentFailures: this.deadLetters.failures(name, mostFailures),
    };
  }

  /** @returns undefined where there is no such flow */
  history(name: string, minutes: number): HistoryAnswer | undefined {
    if (!this.#plan.flows.some((one) => one.name === name)) return undefined;
    return { points: this.#history.points(name, minutes, Date.now()) };
  }

  /** Resolves once it has looked anew, or has not for some seconds. */
  async looked(): Promise<void> {
    await once(this, 'look', { signal: AbortSignal.timeout(longestLookMs) }).catch(() => undefined);
  }

  async #untilStopped(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const begun = performance.now();
      try {
        await this.#readPlan();
        this.#take(await this.#workers.look(this.#plan));
        this.alarms.look(Date.now(), this.overrides.settings, this.#measurements());
        this.emit('look');
      } catch (error) {
        this.#log.error('the console could not look at the hub', errorShape(error));
      }
      const rest = Math.max(100, everyMs - (performance.now() - begun));
      await delay(rest, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Of a file that is wrong, or half written, the plan that was known stays. */
  async #readPlan(): Promise<void> {
    const changedAt = (await stat(this.#file)).mtimeMs;
    if (changedAt === this.#readAt) return;
    this.#readAt = changedAt;
    const parsed = consoleConfiguration.safeParse(JSON.parse(await readFile(this.#file, 'utf8')));
    if (parsed.success) this.#plan = parsed.data.plan;
    else this.#log.warn('the changed configuration is not one of a console; what was known stays', {});
    this.#history.keep(new Set(this.#plan.flows.map(({ name }) => name)));
  }

  #take(look: WorkersLook): void {
    this.#looks = [...this.#looks.slice(-looksOfRates), look];
    for (const sample of look.grown) {
      if (sample.name === LATENCY) continue;
      const key = sample.name + JSON.stringify(sample.labels);
      const value = (this.#totals.get(key)?.value ?? 0) + sample.value;
      this.#totals.set(key, { ...sample, value });
    }
    const now = Date.now();
    for (const { name: flow } of this.#plan.flows) {
      const latencies = new Map<number, number>();
      for (const { name, labels, value } of look.grown) {
        if (name !== LATENCY || labels['flow'] !== flow) continue;
        const bound = labels['le'] === '+Inf' ? Infinity : Number(labels['le']);
        latencies.set(bound, (latencies.get(bound) ?? 0) + value);
      }
      const received = sum(look.grown, RECEIVED, { flow });
      const [delivered, failed] = [sum(look.grown, SENT, { flow }), sum(look.grown, SET_ASIDE, { flow })];
      this.#history.add(flow, { received, delivered, failed, latencies }, now);
    }
    for (const { name: destination } of this.#plan.destinations) {
      const refusals = look.grown.filter(
        ({ name, labels }) => name === RETRIES && labels['destination'] === destination,
      );
      const isAnswered =
        sum(look.grown, SENT, { destination }) > 0 ||
        refusals.some(({ labels }) => labels['code']?.startsWith('REFUSED_'));
      if (isAnswered) this.#reachable.set(destination, true);
      else if (refusals.length > 0) this.#reachable.set(destination, false);
    }
  }

  /** What alarms are made of; the same that Prometheus' rules are made of (operator/src/render/alert-rules.ts). */
  #measurements(): Measurement[] {
    const { flows, destinations, zones } = this.#plan;
    const grown = this.#looks.at(-1)?.grown ?? [];
    const common = (summary: FlowSummary | DestinationSummary, stages: readonly string[]) => ({
      name: summary.name,
      ...known('oldestWaitingSeconds', summary.oldestWaitingSeconds),
      ...known('backlog', summary.backlog),
      ...(this.deadLetters.isComplete && known('deadLetters', summary.deadLetters)),
      ...known('missingZones', missingZones(zones, stages, summary.workers)),
      readiness: readinessOf(stages, summary.workers),
    });
    return [
      {
        kind: 'Hub',
        name: this.#configuration.hub,
        readiness: this.#kafka.answers
          ? { ready: true }
          : { ready: false, reason: 'Kafka does not answer the console.' },
        ...(this.#kafka.answers && {
          missingZones: this.#kafka.zones(zones).flatMap(({ name, redundant }) => (redundant ? [] : [name])),
        }),
        ...known('archiveLagSeconds', this.#latest(WAITING_SECONDS, { stage: 'archivist' })),
      },
      ...flows.map((flow): Measurement => {
        const { name, listener, transformer } = flow;
        const summary = this.#flow(flow);
        const setAside = transformer ? sum(grown, SET_ASIDE, { flow: name, stage: transformer.stage }) : 0;
        const failed = sum(grown, REJECTED, { flow: name }) + setAside;
        const lastReceived = summary.lastReceivedAt === null ? null : Date.parse(summary.lastReceivedAt);
        return {
          kind: 'IntegrationFlow',
          ...common(summary, [listener, ...(transformer ? [transformer.stage] : [])]),
          messages: { handled: sum(grown, RECEIVED, { flow: name }), failed },
          ...known('lastReceivedAt', lastReceived),
        };
      }),
      ...destinations.map((destination): Measurement => {
        const { name, sender } = destination;
        const failed = sum(grown, RETRIES, { destination: name }) + sum(grown, SET_ASIDE, { stage: sender });
        const handled = sum(grown, SENT, { destination: name }) + failed;
        return {
          kind: 'Destination',
          ...common(this.#destination(destination), [sender]),
          messages: { handled, failed },
        };
      }),
    ];
  }

  #flow({ name, listener, transformer }: PlannedFlow): FlowSummary {
    const stages = [listener, ...(transformer ? [transformer.stage] : [])];
    const workers = this.#workersOf(stages);
    const { received, failed } = this.#history.lastMinute(name, Date.now());
    const backlog = transformer ? this.#kafka.waiting(transformer.group, transformer.topic) : null;
    const lastReceived = this.#latest(LAST_RECEIVED, { flow: name });
    return {
      name,
      ready: stages.every((stage) => workers.some((one) => one.stage === stage && one.ready)),
      workers,
      receivedPerSecond: this.#rate(RECEIVED, { flow: name }),
      deliveredPerSecond: this.#rate(SENT, { flow: name }),
      failedPerSecond: this.#rate(SET_ASIDE, { flow: name }),
      errorRate: received + failed === 0 ? null : Math.min(1, failed / Math.max(received, failed)),
      backlog,
      oldestWaitingSeconds: transformer ? this.#oldestWaiting(transformer.stage, backlog) : null,
      deadLetters: this.deadLetters.count(name),
      lastReceivedAt: lastReceived === null ? null : new Date(1_000 * lastReceived).toISOString(),
    };
  }

  #destination({ name, sender, group, topic, messagesPerMinute }: PlannedDestination): DestinationSummary {
    const backlog = this.#kafka.waiting(group, topic);
    return {
      name,
      reachable: this.#reachable.get(name) ?? null,
      workers: this.#workersOf([sender]),
      sentPerSecond: this.#rate(SENT, { destination: name }),
      refusedPerSecond: this.#rate(RETRIES, { destination: name }),
      backlog,
      oldestWaitingSeconds: this.#oldestWaiting(sender, backlog),
      deadLetters: this.deadLetters.count(name),
      ...(messagesPerMinute !== null && { throttlePerMinute: messagesPerMinute }),
    };
  }

  #road({ name: flow, listener, transformer, destinations }: PlannedFlow): RoadStep[] {
    const step = (
      counter: string,
      labels: Record<string, string>,
    ): Pick<RoadStep, 'count' | 'perSecond'> => ({
      count: sum(this.#totals.values(), counter, labels),
      perSecond: this.#rate(counter, labels),
    });
    const topicStep = (topic: string, lag: number | null): RoadStep => ({
      ...{ stage: '', kind: 'topic', name: topic, count: null, perSecond: null, lag },
    });
    const own: RoadStep[] = [
      { stage: listener, kind: 'listener', name: listener, ...step(RECEIVED, { flow }), lag: null },
    ];
    if (transformer) {
      const { stage, group, topic, mapping } = transformer;
      own.push(topicStep(topic, this.#kafka.waiting(group, topic)), {
        ...{ stage, kind: 'transformer', name: mapping, lag: null },
        ...step(TRANSFORMED, { flow }),
      });
    }
    return destinations.reduce((road, name) => {
      const found = this.#plan.destinations.find((one) => one.name === name);
      if (found === undefined) return road;
      const { sender, group, topic } = found;
      return [
        ...road,
        topicStep(topic, this.#kafka.waiting(group, topic)),
        {
          ...{ stage: sender, kind: 'destination' as const, name, lag: null },
          ...step(SENT, { flow, destination: name }),
        },
      ];
    }, own);
  }

  #conditions({ destinations, transformer, listener }: PlannedFlow, summary: FlowSummary): Condition[] {
    const stageCondition = (type: string, stage: string): Condition => {
      const workers = this.#workersOf([stage]);
      const ready = workers.filter((one) => one.ready).length;
      return {
        type,
        ok: ready > 0,
        sentence: `${ready} of ${workers.length} workers of ${stage} are ready.`,
      };
    };
    const unreachable = destinations.filter((name) => this.#reachable.get(name) === false);
    return [
      {
        type: 'Kafka',
        ok: this.#kafka.answers,
        sentence: this.#kafka.answers ? 'Kafka answers.' : 'Kafka does not answer the console.',
      },
      stageCondition('Listening', listener),
      ...(transformer ? [stageCondition('Transforming', transformer.stage)] : []),
      {
        type: 'Delivering',
        ok: unreachable.length === 0,
        sentence:
          unreachable.length === 0
            ? 'The last deliveries have reached their receivers.'
            : `Not reached when last tried: ${unreachable.join(', ')}. Messages wait and are tried again.`,
      },
      ...(summary.deadLetters
        ? [
            {
              type: 'DeadLetters',
              ok: false,
              sentence: `${summary.deadLetters} messages were set aside: look at them, mend and replay them, or drop them.`,
            },
          ]
        : []),
    ];
  }

  #workersOf(stages: readonly string[]): WorkerSummary[] {
    return (this.#looks.at(-1)?.workers ?? [])
      .filter(({ stage }) => stages.includes(stage))
      .map(({ stage, zone, ready, up }) => ({ stage, zone, ready, up }));
  }

  /** By second, over the last looks; null before there are two. */
  #rate(counter: string, labels: Readonly<Record<string, string>>): number | null {
    const [first, ...rest] = this.#looks;
    const last = rest.at(-1);
    if (first === undefined || last === undefined) return null;
    const grown = rest.reduce((total, look) => total + sum(look.grown, counter, labels), 0);
    return (1_000 * grown) / (last.at - first.at);
  }

  /** A worker that has taken nothing yet says nothing; where nothing waits there is nothing to say. */
  #oldestWaiting(stage: string, backlog: number | null): number | null {
    return backlog === 0 ? 0 : this.#latest(WAITING_SECONDS, { stage });
  }

  /** The highest value of a gauge, of workers that answer. */
  #latest(gauge: string, labels: Readonly<Record<string, string>>): number | null {
    const values = (this.#looks.at(-1)?.workers ?? []).flatMap(({ up, samples }) =>
      up ? matching(samples, gauge, labels).map(({ value }) => value) : [],
    );
    return values.length === 0 ? null : Math.max(...values);
  }
}

function readinessOf(
  stages: readonly string[],
  workers: readonly WorkerSummary[],
): NonNullable<Measurement['readiness']> {
  const idle = stages.filter((stage) => !workers.some((one) => one.stage === stage && one.ready));
  if (idle.length === 0) return { ready: true };
  return { ready: false, reason: `${idle.join(' and ')} has no ready worker that the console can see.` };
}

function matching(
  samples: Iterable<Sample>,
  wanted: string,
  labels: Readonly<Record<string, string>>,
): Sample[] {
  const entries = Object.entries(labels);
  return [...samples].filter(
    (sample) => sample.name === wanted && entries.every(([name, value]) => sample.labels[name] === value),
  );
}

function sum(samples: Iterable<Sample>, wanted: string, labels: Readonly<Record<string, string>>): number {
  return matching(samples, wanted, labels).reduce((total, { value }) => total + value, 0);
}
