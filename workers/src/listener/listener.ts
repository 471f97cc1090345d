/**
 * The listener: takes messages over MLLP, checks each, stores it in Kafka, and only then acknowledges it.
 *
 * While Kafka is slow or away it stops reading: what it has not read, the sender still has. A connection that
 * could not be served for `storeTimeoutMs` is closed without a reply, so that its sender tries elsewhere.
 */
import type { Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ListenerConfiguration } from '@integration-hub/api';
import { parsePath, type Message } from '@integration-hub/hl7/messages';
import { GatheringProducer, StoreError, type OutgoingRecord } from '@integration-hub/kafka';
import { Events } from '../events.js';
import { listen } from '../health.js';
import { kafkaConnection } from '../kafka-connection.js';
import { kafkaLog } from '../kafka-log.js';
import type { Worker, WorkerParts } from '../worker.js';
import { compileAcceptance } from './acceptance.js';
import { ListenerConnection, type ListenerService } from './connection.js';
import { createMllpServer } from './mllp-server.js';
import { RefusalLog } from './refusal-log.js';
import { SecurityEvents } from './security-events.js';
import type { Validation } from './validation.js';

/** A round of storing that takes longer than this means that Kafka is slow: nothing more is read meanwhile. */
const slowStoreMs = 1_000;
/** And longer than this, that it is away: the worker is not ready. */
const awayStoreMs = 5_000;
/** Bytes of messages that wait to be stored, over all connections, before reading stops. */
const mostPendingBytes = 64 * 1_048_576;
const tickMs = 250;
/** How long after a suspension no message is taken. */
const wakingMs = 1_000;
/** How long a stop waits for Kafka to take the security events that it has not yet. */
const securityCloseMs = 5_000;
/** How long a stop waits for connections to be answered. */
const drainMs = 15_000;

export class Listener implements Worker {
  readonly #configuration: ListenerConfiguration;
  readonly #parts: WorkerParts;
  readonly #service: ListenerService;
  readonly #producer: GatheringProducer;
  readonly #events: Events;
  /** One of its own: what is refused must not stand in the way of messages, nor the other way round. */
  readonly #securityProducer: GatheringProducer;
  readonly #security: SecurityEvents;
  readonly #server: Server;
  readonly #connections = new Set<ListenerConnection>();
  #tick: NodeJS.Timeout | undefined;
  #lastWatch = performance.now();
  /** Connections that the kernel took meanwhile are seen a moment later than those that were there. */
  #wakingUntil = 0;
  #listening = false;
  #readingAllowed = true;
  /** Storing has failed; until Kafka answers again nothing is read, and the worker is not ready. */
  #kafkaAway = false;

  /** @param validation by the flow's schema; undefined where it has none */
  constructor(configuration: ListenerConfiguration, parts: WorkerParts, validation: Validation | undefined) {
    this.#configuration = configuration;
    this.#parts = parts;
    this.#producer = new GatheringProducer({
      connection: kafkaConnection(configuration.kafka, configuration.stage),
      log: kafkaLog(parts.log),
      // What is not stored when its sender is let down must not be stored later, behind what that sends elsewhere.
      retryForMs: configuration.storeTimeoutMs,
    });
    this.#events = new Events(configuration, parts);
    const { flow, healthBoard, peer } = configuration;
    const labels = { flow, health_board: healthBoard, peer };
    const [received, last] = [parts.metrics.received.labels(labels), { flow, at: 0 }];
    parts.metrics.lastReceived = last;
    this.#securityProducer = new GatheringProducer({
      connection: kafkaConnection(configuration.kafka, `${configuration.stage}-security`),
      log: kafkaLog(parts.log),
    });
    this.#security = new SecurityEvents(configuration, {
      store: (record) => this.#securityProducer.produce(record),
      count: (type) => parts.metrics.securityEvents.inc({ flow, type }),
    });
    const security = this.#security;
    this.#service = {
      configuration,
      log: parts.log,
      refusals: new RefusalLog(parts.log),
      metrics: parts.metrics,
      traces: parts.traces,
      security,
      judge: compileAcceptance(configuration, validation),
      keyOf: keyFunction(configuration),
      store: (record, signal) => this.#store(record, signal),
      tell: this.#events.tell,
      wasSuspended: () => {
        const now = performance.now();
        return now - this.#lastWatch > configuration.storeTimeoutMs || now < this.#wakingUntil;
      },
      readingAllowed: () => this.#readingAllowed && this.#producer.pendingBytes < mostPendingBytes,
      received: {
        inc: () => {
          received.inc();
          last.at = Date.now();
        },
      },
      acknowledged: parts.metrics.acknowledged.labels(labels),
    };
    this.#server = createMllpServer(configuration.listen, {
      flow,
      log: parts.log,
      metrics: parts.metrics,
      security,
      admit: (socket) => this.#admit(socket),
    });
  }

  get ready(): boolean {
    return this.#listening && !this.#kafkaAway && (this.#producer.inRoundMs ?? 0) < awayStoreMs;
  }

  async start(): Promise<void> {
    await this.#producer.connect();
    const { host, port } = this.#configuration.listen;
    await listen(this.#server, port, host);
    this.#listening = true;
    this.#lastWatch = performance.now();
    this.#tick = setInterval(() => this.#watch(), tickMs);
    this.#parts.log.info('listening', { address: this.#server.address() });
  }

  async stop(): Promise<void> {
    this.#listening = false;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.drain();
    const deadline = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, drainMs);
    await closed;
    clearTimeout(deadline);
    clearInterval(this.#tick);
    this.#service.refusals.flush();
    await this.#producer.close();
    const told = this.#security.close().then(() => this.#securityProducer.close());
    await Promise.race([told, sleep(securityCloseMs, undefined, { ref: false })]);
    await this.#events.close();
  }

  #admit(socket: Socket): void {
    if (!this.#listening) {
      socket.destroy(); // Its TLS handshake has outlasted our listening.
      return;
    }
    const connection = new ListenerConnection(socket, this.#service);
    this.#connections.add(connection);
    const gauge = this.#parts.metrics.connections.labels(this.#configuration.flow);
    gauge.inc();
    socket.once('close', () => {
      this.#connections.delete(connection);
      gauge.dec();
    });
  }

  async #store(record: OutgoingRecord, signal: AbortSignal): Promise<void> {
    try {
      await this.#producer.produce(record, signal);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'NOT_STORED') void this.#awaitKafka();
      throw error;
    }
  }

  /** Asks for Kafka until it answers; reading goes on then. */
  async #awaitKafka(): Promise<void> {
    if (this.#kafkaAway) return;
    this.#kafkaAway = true;
    this.#watch();
    while (this.#listening) {
      try {
        await this.#producer.connect();
        break;
      } catch {
        await sleep(tickMs);
      }
    }
    this.#kafkaAway = false;
    this.#watch();
  }

  /** Opens and closes the gate on reading, and closes connections that have waited too long. */
  #watch(): void {
    if (this.#service.wasSuspended()) {
      if (this.#wakingUntil < performance.now()) {
        this.#parts.log.warn('this process was suspended: its connections are closed', { code: 'SUSPENDED' });
        this.#wakingUntil = performance.now() + wakingMs;
      }
      for (const connection of this.#connections) connection.destroy();
    }
    this.#lastWatch = performance.now();
    const inRoundMs = this.#producer.inRoundMs ?? 0;
    const allowed = !this.#kafkaAway && inRoundMs < slowStoreMs;
    if (allowed !== this.#readingAllowed) {
      this.#readingAllowed = allowed;
      const text = allowed ? 'Kafka answers again: reading goes on' : 'Kafka is slow or away: reading stops';
      this.#parts.log.log(allowed ? 'info' : 'warn', text, { inRoundMs });
    }
    for (const connection of this.#connections) connection.tick();
  }
}

/** What messages of one order have in common: the flow, or a field's text. */
function keyFunction(configuration: ListenerConfiguration): (message: Message) => Buffer {
  const flowKey = Buffer.from(configuration.flow);
  if (configuration.ordering.by === 'Flow') return () => flowKey;
  const { path } = configuration.ordering;
  parsePath(path); // Fails at the start, not with the first message.
  return (message) => {
    const text = message.er7(path);
    return text === '' ? flowKey : Buffer.from(text);
  };
}
