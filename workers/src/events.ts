/** How a stage tells what becomes of messages: without ever waiting, and without ever failing one. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  eventHeaders,
  type MessageDescription,
  type MessageEvent,
  type MessageEventType,
  type RecordHeaders,
  type WorkerConfiguration,
} from '@integration-hub/api';
import { GatheringProducer } from '@integration-hub/kafka';
import { kafkaConnection } from './kafka-connection.js';
import { kafkaLog } from './kafka-log.js';
import type { WorkerParts } from './worker.js';

/** Events that may wait to be taken by Kafka; what is told meanwhile is dropped. */
const mostPending = 10_000;
/** How long a stop waits for those that wait, in milliseconds. */
const closeMs = 2_000;

/** What may be told beside what every event has. */
export type EventDetails = Pick<MessageEvent, 'destination' | 'destinations' | 'duplicateOf' | 'error'>;
export type Tell = (type: MessageEventType, about: MessageDescription, details?: EventDetails) => void;

export class Events {
  readonly #topic: string | null;
  readonly #stage: string;
  readonly #producer: GatheringProducer;
  readonly #dropped: { inc(): void };

  /** @param retryForMs how long an event is tried for, in milliseconds */
  constructor(
    {
      eventsTopic,
      stage,
      kafka,
    }: Pick<WorkerConfiguration, 'stage' | 'kafka'> & { readonly eventsTopic: string | null },
    { log, metrics }: Pick<WorkerParts, 'log' | 'metrics'>,
    retryForMs = 60_000,
  ) {
    this.#topic = eventsTopic;
    this.#stage = stage;
    this.#dropped = metrics.eventsDropped.labels({ stage });
    this.#producer = new GatheringProducer({
      connection: kafkaConnection(kafka, `${stage}-events`),
      log: kafkaLog(log),
      retryForMs,
    });
  }

  /** Tells an event, or drops and counts it. Does nothing where nobody listens. */
  readonly tell: Tell = (type, about, details = {}) => {
    if (!this.#hasRoom()) return;
    const { namespace, flow, correlationId, receivedTime, controlId } = about;
    const event: MessageEvent = {
      version: 1,
      type,
      time: new Date().toISOString(),
      namespace,
      flow,
      stage: this.#stage,
      correlationId,
      receivedTime,
      controlId,
      ...(about.replay !== undefined && { replay: about.replay.id }),
      ...details,
    };
    this.#produce(correlationId, event, eventHeaders(event, randomUUID()));
  };

  #hasRoom(): boolean {
    if (this.#topic === null) return false;
    if (this.#producer.pendingRecords < mostPending) return true;
    this.#dropped.inc();
    return false;
  }

  #produce(key: string, event: MessageEvent, headers: RecordHeaders): void {
    const value = Buffer.from(JSON.stringify(event));
    this.#producer
      .produce({ topic: this.#topic!, key: Buffer.from(key), value, headers })
      .catch(() => this.#dropped.inc());
  }

  /** Waits a little for what has been told. */
  async close(): Promise<void> {
    const closed = this.#producer.close().catch(() => undefined);
    await Promise.race([closed, delay(closeMs, undefined, { ref: false })]);
  }
}
