/**
 * The transformer: reads what the listener stored, maps it, and writes it to its destinations' topics, each batch
 * in one Kafka transaction with the offset it was read from. So inside the hub every message is processed once.
 *
 * A message that can't be mapped becomes a dead letter in the same transaction; the ones after it go on.
 */
import {
  readDescription,
  recordHeaders,
  type MessageDescription,
  type TransformerConfiguration,
} from '@integration-hub/api';
import { Message, MessageError } from '@integration-hub/hl7/messages';
import {
  builtInMapping,
  compileCondition,
  ConditionError,
  MappingError,
} from '@integration-hub/hl7/transformation';
import {
  PartitionTransactions,
  type Consumer,
  type IncomingBatch,
  type IncomingRecord,
  type OutgoingRecord,
} from '@integration-hub/kafka';
import { consumeStage } from '../consume-stage.js';
import { deadLetter, type Failure } from '../dead-letter.js';
import { Events } from '../events.js';
import { kafkaConnection } from '../kafka-connection.js';
import { kafkaLog } from '../kafka-log.js';
import { errorShape } from '../log.js';
import { aboutMessage, aboutRead, aboutSent } from '../telemetry/span-attributes.js';
import type { StageSpan } from '../telemetry/traces.js';
import type { Worker, WorkerParts } from '../worker.js';
import { ControlIdReusedError, Deduplication } from './deduplication.js';
import type { SeenMessage } from './seen-messages.js';

/** What became of a message; to be told once that is committed. */
interface Outcome {
  readonly description: MessageDescription;
  /** Absent: it was transformed, for these destinations. */
  readonly failure?: Failure;
  /** When the same message was received that was passed on before; then this one is dropped. */
  readonly duplicateOf?: Date;
  readonly destinations: readonly string[];
  readonly span: StageSpan;
  /** Of the records that come of it. */
  readonly sending: readonly StageSpan[];
}

/** What is written in one transaction. */
interface Output {
  readonly records: OutgoingRecord[];
  /** What is noted of the messages that are passed on, by id. */
  readonly noted: Map<string, SeenMessage>;
}

/** Records of one transaction: large enough to share its cost, small enough to go on soon after a fault. */
const mostRecords = 500;
const mostBytes = 8 * 1_048_576;

/**
 * Compiles a flow's mapping and routes.
 * @returns a function from a received message's bytes to what is to be written for each destination
 * @throws MappingError or ConditionError when the mapping isn't known or a condition is wrong
 */
export function compileTransformation(
  configuration: Pick<TransformerConfiguration, 'mapping' | 'routes' | 'charset'>,
): (bytes: Buffer) => { readonly topic: string; readonly destination: string; readonly bytes: Buffer }[] {
  const mapping = builtInMapping(configuration.mapping);
  const routes = configuration.routes.map((route) => ({
    ...route,
    matches: route.when === null ? undefined : compileCondition(route.when),
  }));
  const conditional = routes.some((route) => route.matches);
  return (bytes) => {
    const mapped = mapping.map(Message.parse(bytes, { defaultCharset: configuration.charset }));
    const sent = conditional ? Message.parse(mapped, { defaultCharset: configuration.charset }) : undefined;
    return routes
      .filter((route) => route.matches === undefined || route.matches(sent!))
      .map(({ topic, destination }) => ({ topic, destination, bytes: mapped }));
  };
}

export class Transformer implements Worker {
  readonly #configuration: TransformerConfiguration;
  readonly #parts: WorkerParts;
  readonly #transform: ReturnType<typeof compileTransformation>;
  readonly #transactions: PartitionTransactions;
  readonly #events: Events;
  readonly #deduplication: Deduplication | undefined;
  #consumer: Consumer | undefined;

  constructor(configuration: TransformerConfiguration, parts: WorkerParts) {
    this.#configuration = configuration;
    this.#parts = parts;
    this.#transform = compileTransformation(configuration);
    this.#events = new Events(configuration, parts);
    const { kafka, stage, group, deduplication } = configuration;
    if (deduplication !== null)
      this.#deduplication = new Deduplication({ ...configuration, deduplication }, parts);
    this.#transactions = new PartitionTransactions({
      connection: kafkaConnection(kafka, stage),
      groupId: group,
      log: kafkaLog(parts.log),
      onFatal: parts.onFatal,
    });
  }

  get ready(): boolean {
    return this.#consumer?.joined ?? false;
  }

  async start(): Promise<void> {
    await this.#deduplication?.start();
    this.#consumer = await consumeStage(this.#configuration, this.#parts, {
      topics: [this.#configuration.topic],
      onBatch: (batch) => this.#process(batch),
    });
  }

  async stop(): Promise<void> {
    await this.#consumer?.stop();
    await this.#transactions.close();
    await this.#deduplication?.stop();
    await this.#events.close();
  }

  async #process(batch: IncomingBatch): Promise<void> {
    const deduplication = this.#deduplication;
    const isSettled = await deduplication?.settle(batch, (mark) =>
      this.#transactions.run(batch, [mark], batch.fetchedFrom),
    );
    if (isSettled === false) return;
    let from = 0;
    while (from < batch.records.length && batch.isCurrent()) {
      const output: Output = { records: [], noted: new Map() };
      const outcomes: Outcome[] = [];
      let [to, bytes] = [from, 0];
      while (to < batch.records.length && to - from < mostRecords && bytes < mostBytes) {
        const record = batch.records[to]!;
        bytes += record.value.length;
        outcomes.push(this.#transformRecord(record, output));
        to += 1;
      }
      const last = batch.records[to - 1]!.offset;
      if (!(await this.#commit(batch, output.records, last + 1n, outcomes))) {
        deduplication?.doubted(batch.partition);
        return;
      }
      deduplication?.committed(batch.partition, output.noted);
      for (const outcome of outcomes) this.#done(outcome);
      from = to;
    }
  }

  /** @returns false where another has the partition now, and does it again */
  async #commit(
    batch: IncomingBatch,
    outgoing: OutgoingRecord[],
    nextOffset: bigint,
    outcomes: readonly Outcome[],
  ): Promise<boolean> {
    const transaction = this.#parts.traces.ofMany(
      outcomes.map(({ span }) => span),
      'commit',
      'producer',
    );
    const { topic, partition } = batch;
    transaction.set(() => ({
      ...aboutRead({ topic, partition, offset: nextOffset - 1n }, this.#configuration.group),
      'messaging.operation.name': 'commit',
      'messaging.operation.type': 'settle',
      'messaging.batch.message_count': outcomes.length,
    }));
    let isCommitted = false;
    try {
      isCommitted = await this.#transactions.run(batch, outgoing, nextOffset);
      return isCommitted;
    } finally {
      for (const { span, sending, failure } of outcomes) {
        for (const one of [...sending, span]) {
          if (isCommitted) one.end(one === span ? failure : undefined);
          else one.interrupt('NOT_COMMITTED');
        }
      }
      if (isCommitted) transaction.end();
      else transaction.interrupt('NOT_COMMITTED');
    }
  }

  #done({ description, failure, duplicateOf, destinations }: Outcome): void {
    const { flow, stage, healthBoard, peer } = this.#configuration;
    const labels = { flow, health_board: healthBoard, peer };
    if (duplicateOf !== undefined) {
      const { controlId, correlationId } = description;
      const firstReceived = duplicateOf.toISOString();
      this.#parts.metrics.duplicates.inc({ flow });
      this.#parts.log.info('message dropped: it came before', { controlId, correlationId, firstReceived });
      this.#events.tell('MESSAGE_PROCESSED', description, { destinations: [], duplicateOf: firstReceived });
      return;
    }
    if (failure === undefined) {
      this.#parts.metrics.transformed.inc(labels);
      this.#events.tell('MESSAGE_PROCESSED', description, { destinations: [...destinations] });
      return;
    }
    const { code, reason } = failure;
    this.#parts.metrics.deadLetters.inc({ ...labels, stage, code });
    this.#events.tell('MESSAGE_FAILED', description, { error: { code, reason, attempts: 1, isFinal: true } });
  }

  /** Adds what is to be written. */
  #transformRecord(record: IncomingRecord, { records, noted }: Output): Outcome {
    const description = readDescription(record.headers);
    const span = this.#parts.traces.goOn(record.headers['traceparent'], 'process', 'consumer');
    span.set(() => ({ ...aboutMessage(description), ...aboutRead(record, this.#configuration.group) }));
    const mapping = span.part('transform', 'internal');
    try {
      const verdict = this.#deduplication?.judge(record, description, noted);
      if (verdict?.isDuplicate === true) {
        mapping.end();
        span.set(() => ({ 'ihub.duplicate': true }));
        return { description, duplicateOf: verdict.firstReceived, destinations: [], span, sending: [] };
      }
      const made = this.#transform(record.value);
      mapping.end();
      const sending = made.map(({ topic, bytes }) => {
        const one = this.#sending(span, topic);
        const headers = recordHeaders({ ...description, traceparent: one.traceparent }, 'transformed');
        records.push({ topic, key: record.key, value: bytes, headers });
        return one;
      });
      // Of what was not passed on nothing is noted: when it comes again, it is another try.
      if (verdict?.note !== undefined) {
        records.push(verdict.note.record);
        noted.set(verdict.note.seen.id.toString('latin1'), verdict.note.seen);
      }
      return { description, destinations: made.map(({ destination }) => destination), span, sending };
    } catch (error) {
      const failure = this.#failureOf(error, record, description);
      mapping.end(failure);
      const { deadLetterTopic, stage } = this.#configuration;
      const sending = this.#sending(span, deadLetterTopic);
      const { traceparent } = sending;
      records.push(
        deadLetter(
          deadLetterTopic,
          stage,
          { ...description, traceparent },
          record.value,
          record.key,
          failure,
        ),
      );
      return { description, failure, destinations: [], span, sending: [sending] };
    }
  }

  #sending(span: StageSpan, topic: string): StageSpan {
    const sending = span.part('send', 'producer');
    sending.set(() => aboutSent(topic));
    return sending;
  }

  #failureOf(error: unknown, record: IncomingRecord, description: MessageDescription): Failure {
    const origin = `${record.topic}/${record.partition}/${record.offset}`;
    const { controlId, correlationId } = description;
    if (
      error instanceof MappingError ||
      error instanceof MessageError ||
      error instanceof ConditionError ||
      error instanceof ControlIdReusedError
    ) {
      const { code, message: reason } = error;
      this.#parts.log.warn('message not transformed', {
        reasonCode: code,
        reason,
        controlId,
        correlationId,
        origin,
      });
      return { code, reason, origin };
    }
    // A fault in a mapping. Its text may quote the message, so only its shape is told.
    this.#parts.log.error('message not transformed: the mapping failed unexpectedly', {
      reasonCode: 'UNEXPECTED',
      controlId,
      correlationId,
      origin,
      ...errorShape(error),
    });
    const reason = `the mapping ${this.#configuration.mapping} failed unexpectedly; the transformer's log has the place`;
    return { code: 'UNEXPECTED', reason, origin };
  }
}
