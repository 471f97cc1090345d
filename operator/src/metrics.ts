/** What the operator counts, in Prometheus' form. */
import type { Condition } from '@integration-hub/api';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { KubeObject } from './kubernetes/object.js';

/** Labels of what is said of a resource. Not `namespace`: Prometheus sets that to the operator's own. */
const ofResource = ['resource_namespace', 'kind', 'name'] as const;

export class Metrics {
  readonly registry = new Registry();
  readonly reconciles = new Counter({
    name: 'ihub_operator_reconciles_total',
    help: 'Reconciles of a resource, by their outcome: success or error',
    labelNames: ['kind', 'outcome'],
    registers: [this.registry],
  });
  readonly reconcileSeconds = new Histogram({
    name: 'ihub_operator_reconcile_seconds',
    help: 'How long a reconcile took',
    labelNames: ['kind'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15],
    registers: [this.registry],
  });
  readonly apiCalls = new Counter({
    name: 'ihub_operator_api_calls_total',
    help: 'Requests to the API server; code 0: it did not answer',
    labelNames: ['verb', 'resource', 'code'],
    registers: [this.registry],
  });
  readonly watchRestarts = new Counter({
    name: 'ihub_operator_watch_restarts_total',
    help: 'Watches that ended otherwise than in their time, and were begun anew with a list',
    labelNames: ['resource', 'reason'],
    registers: [this.registry],
  });
  readonly spans = new Counter({
    name: 'ihub_telemetry_spans_total',
    help: 'Spans by their outcome: exported; kept in a file, since nobody took them in; dropped',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  readonly leader = new Gauge({
    name: 'ihub_operator_leader',
    help: '1 where this process is the leader',
    registers: [this.registry],
  });

  /**
   * @param queueDepth keys that wait to be reconciled
   * @param resources all Hubs, flows and destinations with their status
   */
  constructor(queueDepth: () => number, resources: () => Iterable<KubeObject>) {
    collectDefaultMetrics({ register: this.registry });
    this.#report(resources);
    new Gauge({
      name: 'ihub_operator_queue_depth',
      help: 'Resources that wait to be reconciled',
      registers: [this.registry],
      collect() {
        this.set(queueDepth());
      },
    });
  }

  /** What the status of each resource says. Every process of the operator knows it, the leader or not. */
  #report(resources: () => Iterable<KubeObject>): void {
    const gauge = (name: string, help: string, read: (status: Status) => Iterable<Reading>): Gauge =>
      new Gauge({
        name,
        help,
        labelNames: [...ofResource, 'type'],
        registers: [this.registry],
        collect() {
          this.reset();
          for (const { kind, metadata, status } of resources()) {
            const labels = { resource_namespace: metadata.namespace ?? '', kind, name: metadata.name };
            for (const { value, ...more } of read(status ?? {})) {
              this.set({ ...labels, ...more }, value);
            }
          }
        },
      });
    gauge('ihub_condition', '1: the condition is True; 0: it is False', ({ conditions = [] }) =>
      conditions.flatMap(({ type, status }) =>
        status === 'Unknown' ? [] : [{ type, value: status === 'True' ? 1 : 0 }],
      ),
    );
    const count = (name: keyof NonNullable<Status['counts']>) => (status: Status) => {
      const value = status.counts?.[name];
      return value === undefined ? [] : [{ value }];
    };
    gauge('ihub_backlog_messages', 'Messages that wait to be transformed or delivered', count('backlog'));
    gauge(
      'ihub_dead_letters_open',
      'Dead letters that are neither replayed nor dropped',
      count('deadLetters'),
    );
  }
}

/** Of a status, what is counted. */
interface Status {
  readonly conditions?: readonly Condition[];
  readonly counts?: { readonly backlog?: number; readonly deadLetters?: number };
}

interface Reading {
  readonly type?: string;
  readonly value: number;
}
