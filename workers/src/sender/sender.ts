/**
 * The sender: delivers what is in a destination's outbound topic, one message at a time over one kept connection,
 * at the pace that the destination can bear. A message's offset is committed once the receiver has acknowledged it
 * and before the next one of its partition is sent, so what may arrive twice after a crash is what was in flight.
 *
 * A message that can't be delivered holds back its partition, no other; waiting is the topic's, not the heap's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readDescription, type MessageDescription, type SenderConfiguration } from '@integration-hub/api';
import {
  consumeBatches,
  GatheringProducer,
  type Consumer,
  type IncomingBatch,
  type IncomingRecord,
} from '@integration-hub/kafka';
import { deadLetter } from '../dead-letter.js';
import { kafkaLog } from '../kafka-log.js';
import type { Worker, WorkerParts } from '../worker.js';
import { backOff } from './back-off.js';
import { Delivery, type Outcome } from './delivery.js';
import { Throttle } from './throttle.js';

/** The message that a partition is held back by. */
interface Blocked {
  readonly offset: bigint;
  readonly failures: number;
}

export class Sender implements Worker {
  readonly #configuration: SenderConfiguration;
  readonly #parts: WorkerParts;
  readonly #delivery: Delivery;
  readonly #throttle: Throttle;
  readonly #deadLetters: GatheringProducer;
  readonly #blocked = new Map<number, Blocked>();
  readonly #stopping = new AbortController();
  /** The receiver could not be reached this often in a row; until then nobody tries. */
  #unreachable = { times: 0, until: 0 };
  #lane: Promise<unknown> = Promise.resolve();
  #consumer: Consumer | undefined;

  constructor(configuration: SenderConfiguration, parts: WorkerParts) {
    this.#configuration = configuration;
    this.#parts = parts;
    this.#delivery = new Delivery(configuration);
    this.#throttle = new Throttle(configuration.messagesPerMinute);
    const { kafka, stage } = configuration;
    this.#deadLetters = new GatheringProducer({
      connection: { bootstrapServers: kafka.bootstrapServers, clientId: stage },
      log: kafkaLog(parts.log),
    });
  }

  get ready(): boolean {
    return this.#consumer?.joined ?? false;
  }

  async start(): Promise<void> {
    const { kafka, stage, group, topic, partitions } = this.#configuration;
    await this.#deadLetters.connect();
    this.#consumer = await consumeBatches({
      connection: { bootstrapServers: kafka.bootstrapServers, clientId: stage },
      groupId: group,
      topics: [topic],
      sessionTimeoutMs: kafka.sessionTimeoutMs,
      watchdogMs: kafka.watchdogMs,
      partitionsConsumedConcurrently: partitions,
      log: kafkaLog(this.#parts.log),
      onBatch: (batch) => this.#send(batch),
      onFatal: this.#parts.onFatal,
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#consumer?.stop();
    this.#delivery.close();
    await this.#deadLetters.close();
  }

  async #send(batch: IncomingBatch): Promise<void> {
    for (const record of batch.records) {
      const outcome = await this.#inTurn(() => this.#deliver(batch, record));
      if (outcome === undefined) return;
      const description = readDescription(record.headers);
      if (outcome.kind === 'delivered') {
        this.#delivered(description);
      } else if (
        outcome.kind === 'undeliverable' ||
        (outcome.kind === 'refused' && this.#configuration.retry.onRefusal === 'DeadLetter')
      ) {
        await this.#setAside(record, description, outcome);
      } else {
        batch.pauseFor(this.#holdBack(record, description, outcome));
        return;
      }
      this.#blocked.delete(batch.partition);
      await batch.commit(record.offset + 1n);
      batch.resolve(record.offset);
    }
  }

  /** Runs deliveries of all partitions one after another: there is one connection. */
  async #inTurn<T>(deliver: () => Promise<T>): Promise<T> {
    const turn = this.#lane.then(deliver);
    this.#lane = turn.catch(() => undefined);
    return turn;
  }

  /** @returns undefined where the message was not touched: the worker stops, or the partition is another's now */
  async #deliver(batch: IncomingBatch, record: IncomingRecord): Promise<Outcome | undefined> {
    const mayGoOn = (): boolean => batch.isCurrent() && !this.#stopping.signal.aborted;
    if (!mayGoOn()) return undefined;
    const unreachableForMs = this.#unreachable.until - performance.now();
    if (unreachableForMs > 0) {
      batch.pauseFor(unreachableForMs);
      return undefined;
    }
    const waitMs = this.#throttle.takeTurn();
    if (waitMs >= 1) await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    if (!mayGoOn()) return undefined;
    return this.#delivery.deliver(record.value, mayGoOn);
  }

  #delivered(description: MessageDescription): void {
    this.#unreachable = { times: 0, until: 0 };
    const { metrics, log } = this.#parts;
    const { destination } = this.#configuration;
    const { flow, controlId, correlationId, receivedTime } = description;
    metrics.sent.inc({ flow, destination });
    const seconds = (Date.now() - Date.parse(receivedTime)) / 1000;
    if (seconds >= 0) metrics.deliverySeconds.observe({ destination }, seconds);
    log.debug('delivered', { flow, controlId, correlationId });
  }

  /** Says how long the message's partition has to wait. */
  #holdBack(
    record: IncomingRecord,
    description: MessageDescription,
    outcome: Outcome & { kind: 'failed' | 'refused' },
  ): number {
    const { retry, destination } = this.#configuration;
    const before = this.#blocked.get(record.partition);
    const failures = before !== undefined && before.offset === record.offset ? before.failures + 1 : 1;
    this.#blocked.set(record.partition, { offset: record.offset, failures });
    let waitMs = backOff(failures, retry);
    if (outcome.kind === 'failed' && outcome.unreachable) {
      // Nobody gets through, so the wait is the destination's: its partitions don't each knock on their own.
      const times = this.#unreachable.times + 1;
      waitMs = backOff(times, retry);
      this.#unreachable = { times, until: performance.now() + waitMs };
    }
    this.#parts.metrics.retries.inc({ destination, code: outcome.code });
    const { flow, controlId, correlationId } = description;
    const { code: reasonCode, reason } = outcome;
    const fields = { reasonCode, reason, failures, waitMs, flow, controlId, correlationId };
    this.#parts.log.warn('not delivered; it will be tried again', fields);
    return waitMs;
  }

  async #setAside(
    record: IncomingRecord,
    description: MessageDescription,
    outcome: Outcome & { kind: 'refused' | 'undeliverable' },
  ): Promise<void> {
    const { deadLetterTopic, stage } = this.#configuration;
    const { code, reason } = outcome;
    const attempts = (this.#blocked.get(record.partition)?.failures ?? 0) + 1;
    const origin = `${record.topic}/${record.partition}/${record.offset}`;
    const failure = { code, reason, attempts, origin };
    await this.#deadLetters.produce(
      deadLetter(deadLetterTopic, stage, description, record.value, record.key, failure),
    );
    const { flow, controlId, correlationId } = description;
    this.#parts.metrics.deadLetters.inc({ flow, stage, code });
    this.#parts.log.warn('message set aside', {
      reasonCode: code,
      reason,
      attempts,
      origin,
      flow,
      controlId,
      correlationId,
    });
  }
}
