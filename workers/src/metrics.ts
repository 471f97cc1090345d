/** What a worker counts, in Prometheus' form. Labels name flows, destinations and codes; never a patient. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { OldestWaiting } from './oldest-waiting.js';

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** The metrics of one worker process. */
export class Metrics {
  readonly registry = new Registry();

  readonly received = this.#counter('ihub_messages_received_total', 'Messages read off a connection', [
    'flow',
    'health_board',
    'peer',
  ]);
  readonly acknowledged = this.#counter(
    'ihub_messages_acknowledged_total',
    'Messages stored and acknowledged',
    ['flow', 'health_board', 'peer'],
  );
  readonly rejected = this.#counter('ihub_messages_rejected_total', 'Messages that a listener refused', [
    'flow',
    'code',
    'health_board',
    'peer',
  ]);
  readonly transformed = this.#counter('ihub_messages_transformed_total', 'Messages mapped and routed', [
    'flow',
    'health_board',
    'peer',
  ]);
  readonly duplicates = this.#counter(
    'ihub_messages_duplicate_total',
    'Messages that came again and were dropped',
    ['flow'],
  );
  readonly forgotten = this.#counter(
    'ihub_deduplication_forgotten_total',
    'Messages that were forgotten before their time, since there were too many to remember',
    ['flow'],
  );
  readonly sent = this.#counter('ihub_messages_sent_total', 'Messages that a receiver acknowledged', [
    'flow',
    'destination',
    'health_board',
    'peer',
  ]);
  readonly retries = this.#counter('ihub_delivery_failures_total', 'Tries to deliver that did not succeed', [
    'destination',
    'code',
  ]);
  readonly deadLetters = this.#counter('ihub_dead_letters_total', 'Messages set aside', [
    'flow',
    'stage',
    'code',
    'health_board',
    'peer',
  ]);
  readonly eventsDropped = this.#counter(
    'ihub_events_dropped_total',
    'Events that Kafka did not take in time; messages are not concerned',
    ['stage'],
  );
  readonly spans = this.#counter(
    'ihub_telemetry_spans_total',
    'Spans by their outcome: exported; kept in a file, since nobody took them in; dropped',
    ['outcome'],
  );
  readonly archived = this.#counter('ihub_archived_records_total', 'Records written to the archive', [
    'topic',
  ]);
  readonly notArchived = this.#counter(
    'ihub_archive_skipped_total',
    'Records that were not written to the archive',
    ['topic', 'reason'],
  );
  readonly securityEvents = this.#counter(
    'ihub_security_events_total',
    'Refusals that may be an attack: messages too large, senders, certificates and connections refused',
    ['flow', 'type'],
  );
  readonly framingViolations = this.#counter(
    'ihub_framing_violations_total',
    'Connections closed for their framing',
    ['flow', 'code'],
  );
  readonly tlsFailures = this.#counter(
    'ihub_tls_failures_total',
    'Connections refused in or right after their TLS handshake',
    ['flow', 'reason'],
  );
  readonly tlsExpiry = new Gauge({
    name: 'ihub_tls_certificate_expiry_timestamp_seconds',
    help: 'When the certificate that a listener shows ends, in seconds since 1970',
    labelNames: ['flow'],
    registers: [this.registry],
  });
  readonly started = new Gauge({
    name: 'ihub_worker_started_timestamp_seconds',
    help: 'When the worker was started, in seconds since 1970',
    labelNames: ['role', 'stage', 'flow', 'destination', 'zone'],
    registers: [this.registry],
  });
  readonly connections = new Gauge({
    name: 'ihub_connections',
    help: 'MLLP connections open now',
    labelNames: ['flow'],
    registers: [this.registry],
  });
  readonly storeSeconds = new Histogram({
    name: 'ihub_store_seconds',
    help: 'From a whole message to its acknowledgement by Kafka',
    buckets: seconds,
    registers: [this.registry],
  });
  readonly deliverySeconds = new Histogram({
    name: 'ihub_delivery_seconds',
    help: 'From a message’s receipt by its listener to the receiver’s acknowledgement',
    labelNames: ['flow', 'destination'],
    buckets: seconds,
    registers: [this.registry],
  });

  readonly oldestWaiting = new OldestWaiting(this.registry);
  /** When the last message came, in milliseconds since 1970, and of which flow; the gauge reads it when it is asked. */
  lastReceived: { readonly flow: string; at: number } | undefined;

  /** @param namespace of the flows and destinations, a label of every metric; '' leaves it out */
  constructor(namespace = '') {
    if (namespace !== '') this.registry.setDefaultLabels({ namespace });
    collectDefaultMetrics({ register: this.registry });
    const last = (): Metrics['lastReceived'] => this.lastReceived;
    new Gauge({
      name: 'ihub_last_received_timestamp_seconds',
      help: 'When the last message was read off a connection, in seconds since 1970; absent: none since the start',
      labelNames: ['flow'],
      registers: [this.registry],
      collect() {
        const { flow, at = 0 } = last() ?? {};
        if (flow !== undefined && at > 0) this.set({ flow }, at / 1_000);
      },
    });
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}
