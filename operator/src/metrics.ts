/** What the operator counts, in Prometheus' form. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

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

  /** @param queueDepth keys that wait to be reconciled */
  constructor(queueDepth: () => number) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'ihub_operator_queue_depth',
      help: 'Resources that wait to be reconciled',
      registers: [this.registry],
      collect() {
        this.set(queueDepth());
      },
    });
  }
}
