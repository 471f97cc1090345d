/**
 * The sender: delivers what is in a destination's outbound topic at the pace that the destination can bear. Messages
 * with one key go one after another: each is acknowledged by the receiver, and that is committed, before the next one
 * is sent. Messages with other keys go meanwhile, as far as there are connections, and one commit tells of several;
 * which of them are done is committed with the offset. So what may arrive twice after a crash is of each key only the
 * last message that was sent, and of few keys: twice as many as there are connections, or MOST_IN_FLIGHT if that is more.
 *
 * A message that can't be delivered holds back those with its key, no others; waiting is the topic's, not the heap's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readDescription, type MessageDescription, type SenderConfiguration } from '@integration-hub/api';
import {
  GatheringProducer,
  type Consumer,
  type IncomingBatch,
  type IncomingRecord,
} from '@integration-hub/kafka';
import { consumeStage } from '../consume-stage.js';
import { deadLetter } from '../dead-letter.js';
import { Events } from '../events.js';
import { kafkaConnection } from '../kafka-connection.js';
import { kafkaLog } from '../kafka-log.js';
import { aboutMessage, aboutRead, aboutSent } from '../telemetry/span-attributes.js';
import type { SpanAttributes } from '../telemetry/traces.js';
import type { Worker, WorkerParts } from '../worker.js';
import { backOff } from './back-off.js';
import { Delivery, type Outcome } from './delivery.js';
import { type Lane, PartitionWindow } from './partition-window.js';
import { Pool } from './pool.js';
import { Throttle } from './throttle.js';

/** While some wait for their time, so often those that came meanwhile are fetched, in milliseconds. */
const FETCH_INTERVAL = 100;

/** A commit waits so long, in milliseconds, for deliveries that are under way, to tell of them as well. */
const COMMIT_GATHERING = 2;

/** So many messages, each with another key, may always be on their way or acknowledged and not yet committed at once. */
const MOST_IN_FLIGHT = 8;

/** A partition's window, and the generation of the group that it is of. */
interface Assigned {
  readonly generation: number;
  readonly window: PartitionWindow;
  /** Whether something is done that no commit since has told of. */
  isUncommitted: boolean;
  /** The commit that is under way, and the one that will follow it for those who came later. */
  committing: Promise<void> | undefined;
  next: Promise<void> | undefined;
  /** Messages that have gone out and are not acknowledged yet, and who is to be told when there are none. */
  underWay: number;
  noneUnderWay: (() => void) | undefined;
}

export class Sender implements Worker {
  readonly #configuration: SenderConfiguration;
  readonly #parts: WorkerParts;
  readonly #deliveries: readonly Delivery[];
  readonly #connections: Pool<Delivery>;
  readonly #places: Pool<number>;
  readonly #throttle: Throttle;
  readonly #deadLetters: GatheringProducer;
  readonly #events: Events;
  readonly #assigned = new Map<number, Assigned>();
  readonly #atWork = new Map<number, Promise<void>>();
  readonly #stopping = new AbortController();
  /** The receiver could not be reached this often in a row; until then nobody tries. */
  #unreachable = { times: 0, until: 0 };
  #consumer: Consumer | undefined;

  constructor(configuration: SenderConfiguration, parts: WorkerParts) {
    this.#configuration = configuration;
    this.#parts = parts;
    const { connections } = configuration.mllp;
    this.#deliveries = Array.from({ length: connections }, () => new Delivery(configuration));
    this.#connections = new Pool(this.#deliveries);
    // While what some connections have delivered is being committed, the connections deliver what is next.
    const inFlight = Math.max(2 * connections, MOST_IN_FLIGHT);
    this.#places = new Pool(Array.from({ length: inFlight }, (_, place) => place));
    this.#events = new Events(configuration, parts);
    this.#throttle = new Throttle(configuration.messagesPerMinute, () => this.#share());
    const { kafka, stage } = configuration;
    this.#deadLetters = new GatheringProducer({
      connection: kafkaConnection(kafka, stage),
      log: kafkaLog(parts.log),
    });
  }

  get ready(): boolean {
    return this.#consumer?.joined ?? false;
  }

  async start(): Promise<void> {
    const { topic, partitions } = this.#configuration;
    await this.#deadLetters.connect();
    this.#consumer = await consumeStage(this.#configuration, this.#parts, {
      topics: [topic],
      partitionsConsumedConcurrently: partitions,
      onBatch: (batch) => this.#takeBatch(batch),
      oldest: (partition) => this.#assigned.get(partition)?.window.oldestTimestamp,
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#consumer?.stop();
    for (const delivery of this.#deliveries) delivery.close();
    await this.#deadLetters.close();
    await this.#events.close();
  }

  /** Works on one batch of a partition at a time, were the group to be joined anew meanwhile. */
  async #takeBatch(batch: IncomingBatch): Promise<void> {
    const former = this.#atWork.get(batch.partition);
    const work = (async () => {
      await former?.catch(() => undefined);
      await this.#send(batch);
    })();
    this.#atWork.set(batch.partition, work);
    await work;
  }

  /** Ends when nothing of the partition is in flight: all is done, or what is not waits for its time. */
  async #send(batch: IncomingBatch): Promise<void> {
    if (!this.#mayGoOn(batch)) return;
    const { records } = batch;
    const assigned = await this.#assignedOf(batch);
    const { window } = assigned;
    const faults: unknown[] = [];
    let running = 0;
    let added = 0;
    let mayBeIdle = !window.isEmpty;
    let changed = Promise.withResolvers<undefined>();

    const start = (lane: Lane): void => {
      window.take(lane);
      running += 1;
      void this.#runLane(batch, assigned, lane)
        .catch((error: unknown) => faults.push(error))
        .finally(() => {
          window.leave(lane);
          running -= 1;
          mayBeIdle ||= lane.records.length > 0;
          changed.resolve(undefined);
        });
    };

    for (;;) {
      const goesOn = faults.length === 0 && this.#mayGoOn(batch);
      if (goesOn) {
        const more = added < records.length ? window.add(records, added) : 0;
        added += more;
        if (more > 0 || mayBeIdle) for (const lane of window.idle(performance.now())) start(lane);
      }
      if (running > 0) {
        changed = Promise.withResolvers();
        const waitMs = goesOn && mayBeIdle ? window.nextDue() - performance.now() : Infinity;
        const timer = waitMs === Infinity ? undefined : setTimeout(() => changed.resolve(undefined), waitMs);
        await changed.promise;
        clearTimeout(timer);
        continue;
      }
      // The window stays: while the partition is ours nobody knows better what is done, committed or not.
      if (faults.length > 0) throw faults[0];
      if (!goesOn) return;
      if (window.isEmpty) {
        if (assigned.isUncommitted) await this.#commit(batch, assigned);
        batch.resolve(records.at(-1)!.offset);
        return;
      }
      const waitMs = Math.max(0, window.nextDue() - performance.now());
      const isElseBlocked = this.#unreachable.until > performance.now() || added < records.length;
      await this.#sleep(isElseBlocked ? waitMs : Math.min(waitMs, FETCH_INTERVAL));
      if (!isElseBlocked && waitMs > FETCH_INTERVAL) {
        // The last record is left to be fetched again, so that there is a next time even if nothing new comes.
        if (records.length > 1) batch.resolve(records.at(-2)!.offset);
        return;
      }
    }
  }

  async #assignedOf(batch: IncomingBatch): Promise<Assigned> {
    const known = this.#assigned.get(batch.partition);
    if (known?.generation === batch.generation) return known;
    const { offset, note } = await batch.committed();
    const position = offset < 0n ? batch.fetchedFrom : offset;
    const window = new PartitionWindow(position, note);
    const assigned: Assigned = {
      generation: batch.generation,
      window,
      isUncommitted: false,
      committing: undefined,
      next: undefined,
      underWay: 0,
      noneUnderWay: undefined,
    };
    this.#assigned.set(batch.partition, assigned);
    return assigned;
  }

  /** This replica's part of the destination's pace: that of the partitions that it has. */
  #share(): number {
    const { partitions } = this.#configuration;
    return Math.min(Math.max(this.#consumer?.assignedPartitions ?? 1, 1), partitions) / partitions;
  }

  #mayGoOn(batch: IncomingBatch): boolean {
    return batch.isCurrent() && !this.#stopping.signal.aborted;
  }

  /** Delivers the records of a lane until there are no more, or the first must wait. */
  async #runLane(batch: IncomingBatch, assigned: Assigned, lane: Lane): Promise<void> {
    let isDone = true;
    while (isDone && lane.records.length > 0) {
      // A place is kept until the commit; the connection only until the acknowledgement.
      isDone = await this.#places.with(() => this.#deliverFirst(batch, assigned, lane));
    }
  }

  /** @returns whether the first message of the lane is done with */
  async #deliverFirst(batch: IncomingBatch, assigned: Assigned, lane: Lane): Promise<boolean> {
    const record = lane.records[0]!;
    const outcome = await this.#connections.with((delivery) =>
      this.#deliver(batch, assigned, lane, delivery),
    );
    if (outcome === undefined) return false;
    const description = readDescription(record.headers);
    if (outcome.kind === 'delivered') {
      this.#delivered(description);
    } else if (
      outcome.kind === 'undeliverable' ||
      (outcome.kind === 'refused' && this.#configuration.retry.onRefusal === 'DeadLetter')
    ) {
      await this.#setAside(record, description, outcome, lane.failures + 1);
    } else {
      lane.failures += 1;
      lane.dueAt = performance.now() + this.#holdBack(lane, description, outcome);
      return false;
    }
    assigned.window.done(lane);
    assigned.isUncommitted = true;
    await this.#commit(batch, assigned);
    return true;
  }

  /** Commits what is done now, in one request with what others have done meanwhile or are about to have done. */
  #commit(batch: IncomingBatch, assigned: Assigned): Promise<void> {
    assigned.next ??= (async () => {
      const since = performance.now();
      await assigned.committing?.catch(() => undefined);
      await gathered(assigned, COMMIT_GATHERING - (performance.now() - since));
      assigned.committing = assigned.next;
      assigned.next = undefined;
      const { position, note } = assigned.window;
      assigned.isUncommitted = false;
      try {
        await batch.commit(position, note);
      } catch (error) {
        assigned.isUncommitted = true;
        throw error;
      }
    })();
    return assigned.next;
  }

  /** @returns undefined where the message was not touched: the worker stops, it must wait, or it is another's now */
  async #deliver(
    batch: IncomingBatch,
    assigned: Assigned,
    lane: Lane,
    delivery: Delivery,
  ): Promise<Outcome | undefined> {
    const mayGoOn = (): boolean => this.#mayGoOn(batch);
    if (!mayGoOn()) return undefined;
    if (this.#unreachable.until > performance.now()) {
      lane.dueAt = this.#unreachable.until;
      return undefined;
    }
    const waitMs = this.#throttle.takeTurn();
    if (waitMs >= 1) await this.#sleep(waitMs);
    if (!mayGoOn()) return undefined;
    assigned.underWay += 1;
    const record = lane.records[0]!;
    const span = this.#parts.traces.goOn(record.headers['traceparent'], 'deliver', 'client');
    const attempt = lane.failures + 1;
    span.set(() => this.#aboutDelivery(record, attempt));
    // Of what did not go at once it is seen how it went at last.
    if (lane.failures > 0) span.keep();
    let outcome: Outcome | undefined;
    try {
      // In a zone that is cut off a coordinator goes on answering heartbeats, and knows nothing of the group's new one;
      // it can't store anything. So who has just reached the receiver again commits, to see whether it still counts.
      outcome = await delivery.deliver(record.value, mayGoOn, () => this.#commit(batch, assigned));
      return outcome;
    } finally {
      if (outcome === undefined) span.interrupt('NOT_SENT');
      else span.end(outcome.kind === 'delivered' ? undefined : outcome);
      assigned.underWay -= 1;
      if (assigned.underWay === 0) assigned.noneUnderWay?.();
    }
  }

  #aboutDelivery(record: IncomingRecord, attempt: number): SpanAttributes {
    const { destination, mllp, group } = this.#configuration;
    return {
      ...aboutMessage(readDescription(record.headers)),
      ...aboutRead(record, group),
      'ihub.destination': destination,
      'ihub.attempt': attempt,
      'network.protocol.name': 'mllp',
      'server.address': mllp.host,
      'server.port': mllp.port,
    };
  }

  async #sleep(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  #delivered(description: MessageDescription): void {
    this.#unreachable = { times: 0, until: 0 };
    const { metrics, log } = this.#parts;
    const { destination } = this.#configuration;
    const { flow, controlId, correlationId, receivedTime, healthBoard, peer } = description;
    metrics.sent.inc({ flow, destination, health_board: healthBoard, peer });
    this.#events.tell('MESSAGE_SENT', description, { destination });
    const seconds = (Date.now() - Date.parse(receivedTime)) / 1000;
    if (seconds >= 0) metrics.deliverySeconds.observe({ flow, destination }, seconds);
    // winston makes the line before it looks at the level.
    if (log.isDebugEnabled()) log.debug('delivered', { flow, controlId, correlationId });
  }

  /** Says how long the lane has to wait. */
  #holdBack(
    { failures }: Lane,
    description: MessageDescription,
    outcome: Outcome & { kind: 'failed' | 'refused' },
  ): number {
    const { retry, destination } = this.#configuration;
    let waitMs = backOff(failures, retry);
    if (outcome.kind === 'failed' && outcome.unreachable) {
      // Nobody gets through, so the wait is the destination's: its lanes don't each knock on their own.
      const now = performance.now();
      if (this.#unreachable.until <= now) {
        const times = this.#unreachable.times + 1;
        this.#unreachable = { times, until: now + backOff(times, retry) };
      }
      waitMs = Math.round(this.#unreachable.until - now);
    }
    this.#parts.metrics.retries.inc({ destination, code: outcome.code });
    const { flow, controlId, correlationId } = description;
    const { code: reasonCode, reason } = outcome;
    const fields = { reasonCode, reason, failures, waitMs, flow, controlId, correlationId };
    this.#parts.log.warn('not delivered; it will be tried again', fields);
    const error = { code: reasonCode, reason, attempts: failures, isFinal: false };
    this.#events.tell('MESSAGE_FAILED', description, { destination, error });
    return waitMs;
  }

  async #setAside(
    record: IncomingRecord,
    description: MessageDescription,
    outcome: Outcome & { kind: 'refused' | 'undeliverable' },
    attempts: number,
  ): Promise<void> {
    const { deadLetterTopic, stage, destination } = this.#configuration;
    const { code, reason } = outcome;
    const origin = `${record.topic}/${record.partition}/${record.offset}`;
    const failure = { code, reason, attempts, origin };
    const span = this.#parts.traces.goOn(record.headers['traceparent'], 'send', 'producer');
    span.set(() => ({ ...aboutMessage(description), ...aboutSent(deadLetterTopic) }));
    span.fail(failure);
    const { traceparent } = span;
    await this.#deadLetters
      .produce(
        deadLetter(
          deadLetterTopic,
          stage,
          { ...description, traceparent },
          record.value,
          record.key,
          failure,
        ),
      )
      .finally(() => span.end());
    const { flow, controlId, correlationId, healthBoard, peer } = description;
    this.#parts.metrics.deadLetters.inc({ flow, stage, code, health_board: healthBoard, peer });
    const error = { code, reason, attempts, isFinal: true };
    this.#events.tell('MESSAGE_FAILED', description, { destination, error });
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

/** Resolves when nothing is under way any more, and at the latest when the time is over. */
async function gathered(assigned: Assigned, atMostMs: number): Promise<void> {
  if (assigned.underWay === 0 || atMostMs <= 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, atMostMs);
    assigned.noneUnderWay = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  assigned.noneUnderWay = undefined;
}
