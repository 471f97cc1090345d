/**
 * The archivist: writes what is in the topics of flows, destinations and events into the archive, in a group of its
 * own, so that no message waits for it. An offset is committed after the database has committed; what is read again
 * after a crash is there already, and left as it is.
 *
 * While the database is away it waits, and everything waits in Kafka.
 *
 * It runs replays as well: it has the archive and Kafka at hand, and is started again whenever it dies.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readReplayRequest, type ArchivistConfiguration, type ReplayRequest } from '@integration-hub/api';
import { type Consumer, type IncomingBatch } from '@integration-hub/kafka';
import { applyRequest, ReplayRunner } from '@integration-hub/replay';
import { type Archive, ArchiveError, dayOf, openArchive, type StepToWrite } from '@integration-hub/store';
import { consumeStage } from '../consume-stage.js';
import { kafkaConnection } from '../kafka-connection.js';
import { kafkaLog } from '../kafka-log.js';
import { errorShape } from '../log.js';
import type { Worker, WorkerParts } from '../worker.js';
import { stepOf } from './step.js';

/** Records of one statement: enough to share its cost, few enough for the memory of both sides. */
const [mostRecords, mostBytes] = [1_000, 4 * 1_048_576];
/** Partitions that are written at the same time. */
const concurrency = 3;
/** First and longest wait for a database that is away. */
const [firstWaitMs, longestWaitMs] = [250, 10_000];
const retentionEveryMs = 3_600_000;

export class Archivist implements Worker {
  readonly #configuration: ArchivistConfiguration;
  readonly #parts: WorkerParts;
  readonly #stopping = new AbortController();
  #archive: Promise<Archive> | undefined;
  #databaseAway = false;
  #retention: NodeJS.Timeout | undefined;
  readonly #replays: ReplayRunner;
  #consumer: Consumer | undefined;

  constructor(configuration: ArchivistConfiguration, parts: WorkerParts) {
    this.#configuration = configuration;
    this.#parts = parts;
    const { kafka, stage, namespace } = configuration;
    this.#replays = new ReplayRunner({
      connection: kafkaConnection(kafka, `${stage}-replays`),
      namespace,
      archive: () => this.#opened(),
      log: kafkaLog(parts.log),
    });
  }

  get ready(): boolean {
    return (this.#consumer?.joined ?? false) && !this.#databaseAway;
  }

  async start(): Promise<void> {
    this.#consumer = await consumeStage(this.#configuration, this.#parts, {
      topics: this.#configuration.topics,
      partitionsConsumedConcurrently: concurrency,
      onBatch: (batch) => this.#take(batch),
    });
    this.#replays.start();
    void this.#dropOldDays();
    this.#retention = setInterval(() => void this.#dropOldDays(), retentionEveryMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#retention);
    this.#stopping.abort();
    await Promise.all([this.#consumer?.stop(), this.#replays.stop()]);
    await this.#closeArchive();
  }

  /** Takes what MessageReplays ask for. One that can't be taken now holds up the others, and nothing else. */
  async #takeRequests(batch: IncomingBatch): Promise<void> {
    for (const { value } of batch.records) {
      const request = readReplayRequest(value);
      if (request !== undefined && !(await this.#apply(batch, request))) return;
    }
    const { offset } = batch.records.at(-1)!;
    await batch.commit(offset + 1n);
    batch.resolve(offset);
  }

  /** @returns false where the batch is not ours any more, or the worker stops */
  async #apply(batch: IncomingBatch, request: ReplayRequest): Promise<boolean> {
    const { kafka, stage } = this.#configuration;
    const connection = kafkaConnection(kafka, `${stage}-replays`);
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(longestWaitMs, 2 * waitMs)) {
      if (!batch.isCurrent() || this.#stopping.signal.aborted) return false;
      const archive = this.#open();
      try {
        await applyRequest({ archive: await this.#opened(), connection }, request);
        return true;
      } catch (error) {
        if (error instanceof ArchiveError && error.code === 'DATABASE_AWAY') {
          this.#databaseGone(error, archive);
        }
        this.#parts.log.warn('a MessageReplay can’t be taken at present', {
          replay: request.id,
          ...errorShape(error),
        });
        await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      }
    }
  }

  async #take(batch: IncomingBatch): Promise<void> {
    const { records, topic } = batch;
    if (topic === this.#configuration.replaysTopic) return this.#takeRequests(batch);
    const oldest = this.#oldestDay();
    let from = 0;
    while (from < records.length) {
      const steps: StepToWrite[] = [];
      let [to, bytes] = [from, 0];
      while (to < records.length && to - from < mostRecords && bytes < mostBytes) {
        const record = records[to]!;
        bytes += record.value.length;
        to += 1;
        const step = stepOf(record, this.#configuration);
        if (step === undefined) continue;
        if (dayOf(step.receivedAt) < oldest) {
          this.#parts.metrics.notArchived.inc({ topic, reason: 'TOO_OLD' });
        } else steps.push(step);
      }
      if (!(await this.#write(batch, steps))) return;
      const { offset } = records[to - 1]!;
      await batch.commit(offset + 1n);
      batch.resolve(offset);
      from = to;
    }
  }

  /** Writes until it has succeeded. @returns false where the batch is not ours any more, or the worker stops */
  async #write(batch: IncomingBatch, steps: readonly StepToWrite[]): Promise<boolean> {
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(longestWaitMs, 2 * waitMs)) {
      if (!batch.isCurrent() || this.#stopping.signal.aborted) return false;
      const archive = this.#open();
      try {
        if (steps.length > 0) await (await archive).write(steps);
        if (steps.length > 0) this.#databaseBack();
        this.#parts.metrics.archived.inc({ topic: batch.topic }, steps.length);
        return true;
      } catch (error) {
        if (error instanceof ArchiveError && error.code === 'DATABASE_REFUSES') {
          return this.#writeParts(batch, steps, error);
        }
        this.#databaseGone(error, archive);
        await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      }
    }
  }

  /** Finds the record that the database does not take, and leaves out that one only. */
  async #writeParts(
    batch: IncomingBatch,
    steps: readonly StepToWrite[],
    { message }: ArchiveError,
  ): Promise<boolean> {
    if (steps.length > 1) {
      const half = Math.ceil(steps.length / 2);
      return (
        (await this.#write(batch, steps.slice(0, half))) && (await this.#write(batch, steps.slice(half)))
      );
    }
    const { origin, correlationId } = steps[0]!;
    this.#parts.metrics.notArchived.inc({ topic: batch.topic, reason: 'REFUSED' });
    this.#parts.log.error('a record is not archived', {
      reasonCode: 'NOT_ARCHIVED',
      reason: message,
      origin,
      correlationId,
    });
    return true;
  }

  /** Opens the archive with what the Secrets' files hold now, and makes its tables. */
  #open(): Promise<Archive> {
    this.#archive ??= (async () => {
      const { patientIdentifiers, stage } = this.#configuration;
      const archive = await openArchive(this.#configuration, {
        applicationName: `ihub-${stage}`,
        connections: concurrency + 1,
        identifierPolicy: patientIdentifiers,
      });
      try {
        await archive.prepare();
        return archive;
      } catch (error) {
        await archive.close();
        throw error;
      }
    })();
    return this.#archive;
  }

  /** The archive; where it can't be had the next call tries anew. */
  async #opened(): Promise<Archive> {
    const archive = this.#open();
    try {
      const opened = await archive;
      this.#databaseBack();
      return opened;
    } catch (error) {
      this.#databaseGone(error, archive);
      throw error;
    }
  }

  /** The next try opens it anew: name and password may be others by then. */
  #databaseGone(error: unknown, archive: Promise<Archive>): void {
    if (!this.#databaseAway) {
      // Of our own errors, and of a file that isn't there, the text is safe.
      const isTold = error instanceof ArchiveError || (error as { syscall?: unknown }).syscall === 'open';
      const reason = isTold ? (error as Error).message : undefined;
      this.#parts.log.warn('nothing is archived for now; messages wait in Kafka', {
        reasonCode: 'DATABASE_AWAY',
        reason,
        ...(!isTold && errorShape(error)),
      });
    }
    this.#databaseAway = true;
    // Another batch may have opened it anew meanwhile. Closing takes as long as the slowest question to a database that
    // does not answer any more: nobody waits for that.
    if (this.#archive === archive) void this.#closeArchive();
  }

  #databaseBack(): void {
    if (this.#databaseAway) this.#parts.log.info('archiving goes on');
    this.#databaseAway = false;
  }

  async #closeArchive(): Promise<void> {
    const archive = this.#archive;
    this.#archive = undefined;
    await (await archive?.catch(() => undefined))?.close().catch(() => undefined);
  }

  #oldestDay(): string {
    return dayOf(new Date(Date.now() - this.#configuration.retentionMs));
  }

  async #dropOldDays(): Promise<void> {
    const archive = this.#open();
    try {
      const gone = await (await archive).dropBefore(this.#oldestDay());
      if (gone.length > 0) this.#parts.log.info('days are dropped from the archive', { days: gone });
      this.#databaseBack();
    } catch (error) {
      this.#databaseGone(error, archive);
    }
  }
}
