import type { KafkaConnection, KafkaLog } from './connection.js';
import { lastFailure } from './connection-failure.js';
import { withinDeadline } from './deadline.js';
import { loadClient, type RecordWriter } from './kafka-client.js';
import { StoreError, unreachable } from './kafka-error.js';
import type { PartitionRecords } from './partitioned-records.js';
import { reasonIn } from './refusal.js';
import { MOST_BATCH_BYTES, type OutgoingRecord, recordBytes } from './record.js';

export interface GatheringProducerOptions {
  connection: KafkaConnection;
  log?: KafkaLog;
  /** How long a broker may take to answer one request, in milliseconds; default 5,000. */
  requestTimeoutMs?: number;
  /** How long it may take to open a connection, in milliseconds; default 2,000. */
  connectionTimeoutMs?: number;
  /**
   * How long a record is tried for, in milliseconds, before it is given up; default 25,000. Waiting for the round
   * before counts: once its caller's time is over a record must not be stored any more, for it is sent again elsewhere.
   */
  retryForMs?: number;
  /** The most records that are sent in one round; default 2,000. */
  maxRoundRecords?: number;
}

interface Waiting {
  record: OutgoingRecord;
  bytes: number;
  /** When it was handed in, in milliseconds of a monotonic clock. */
  since: number;
  signal: AbortSignal | undefined;
  stored: () => void;
  failed: (error: StoreError) => void;
}

/**
 * Stores records for many callers at once: what they hand in while a round is under way goes out together in the
 * next one. There is one round at a time, first come first served, so the records of a caller are stored in the
 * order of its calls; idempotent, acknowledged by all in-sync replicas.
 *
 * When a round fails, nothing may overtake what failed in it: every record that waits is given up too, and the
 * writer is discarded, for it may not know how many of the records were stored. A new one has a new producer id.
 */
export class GatheringProducer {
  readonly #options: Required<Omit<GatheringProducerOptions, 'log'>> & { log: KafkaLog | undefined };
  #queue: Waiting[] = [];
  #pendingRecords = 0;
  #pendingBytes = 0;
  #connected: Promise<RecordWriter> | undefined;
  #rounds: Promise<void> | undefined;
  #roundStarted: number | undefined;
  #roundCount = 0;
  #closed = false;

  constructor({ log, ...options }: GatheringProducerOptions) {
    const defaults = {
      requestTimeoutMs: 5_000,
      connectionTimeoutMs: 2_000,
      retryForMs: 25_000,
      maxRoundRecords: 2_000,
    };
    this.#options = { ...defaults, ...options, log };
  }

  /** Records that have been handed in and are neither stored nor given up yet. */
  get pendingRecords(): number {
    return this.#pendingRecords;
  }

  /** Their size, in bytes. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** For how long the present round has been under way, in milliseconds; undefined between rounds. */
  get inRoundMs(): number | undefined {
    return this.#roundStarted === undefined ? undefined : performance.now() - this.#roundStarted;
  }

  /** How many rounds there have been. */
  get roundCount(): number {
    return this.#roundCount;
  }

  /**
   * Connects, before the first record does; so a wrong address is known at once.
   *
   * @throws KafkaError UNREACHABLE
   */
  async connect(): Promise<void> {
    await this.#round([]).catch((error: unknown) => {
      throw unreachable(this.#options.connection, (error as StoreError).cause);
    });
  }

  /**
   * Stores one record; resolves once Kafka has acknowledged it.
   *
   * @param signal aborted: the record is not wanted any more, where it has not been sent yet
   * @throws StoreError
   */
  async produce(record: OutgoingRecord, signal?: AbortSignal): Promise<void> {
    if (this.#closed) throw new StoreError('CLOSED', 'The record was not stored: this process is stopping.');
    const bytes = recordBytes(record);
    this.#pendingRecords += 1;
    this.#pendingBytes += bytes;
    try {
      await new Promise<void>((stored, failed) => {
        this.#queue.push({ record, bytes, since: performance.now(), signal, stored, failed });
        this.#rounds ??= this.#runRounds();
      });
    } finally {
      this.#pendingRecords -= 1;
      this.#pendingBytes -= bytes;
    }
  }

  /** Waits for what has been handed in, and disconnects. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#rounds;
    const connected = await this.#connected?.catch(() => undefined);
    this.#connected = undefined;
    await connected?.disconnect();
    connected?.discard();
  }

  async #runRounds(): Promise<void> {
    // What is handed in together is to go out together.
    await new Promise(setImmediate);
    while (this.#queue.length > 0) {
      const round = this.#takeRound();
      if (round.length > 0)
        await this.#round(round).catch((error: unknown) => this.#giveUpQueue(error as StoreError));
    }
    this.#rounds = undefined;
  }

  #takeRound(): Waiting[] {
    const round: Waiting[] = [];
    let bytes = 0;
    let taken = 0;
    for (const waiting of this.#queue) {
      bytes += waiting.bytes;
      if (round.length === this.#options.maxRoundRecords || (round.length > 0 && bytes > MOST_BATCH_BYTES))
        break;
      taken += 1;
      if (waiting.signal?.aborted !== true) round.push(waiting);
      else
        waiting.failed(new StoreError('ABORTED', 'The record was not stored: it was not wanted any more.'));
    }
    this.#queue = this.#queue.slice(taken);
    return round;
  }

  #giveUpQueue(error: StoreError): void {
    for (const { failed } of this.#queue) failed(error);
    this.#queue = [];
  }

  /**
   * Stores the records of a round, and tells their callers.
   *
   * @throws StoreError NOT_STORED when it is over, some of its records were not confirmed, and the producer is gone
   */
  async #round(round: readonly Waiting[]): Promise<void> {
    this.#roundCount += 1;
    this.#roundStarted = performance.now();
    const { connection, retryForMs } = this.#options;
    let writer: RecordWriter | undefined;
    try {
      const send = async (): Promise<void> => {
        writer = await (this.#connected ??= this.#connect((opened) => (writer = opened)));
        const stores = writer;
        const parts = await stores.part(round, ({ record }) => record);
        const results = await Promise.allSettled(parts.map((part) => this.#store(stores, part)));
        for (const result of results) if (result.status === 'rejected') throw result.reason;
      };
      const waitedMs =
        round.length === 0 ? 0 : performance.now() - Math.min(...round.map(({ since }) => since));
      await withinDeadline(Math.max(0, retryForMs - waitedMs), send(), () => lastFailure(connection));
    } catch (error) {
      writer?.discard();
      this.#connected = undefined;
      const failure = new StoreError(
        'NOT_STORED',
        `Kafka at ${connection.bootstrapServers.join(', ')} has not confirmed that the record is stored: ${reasonIn(connection, error, topicsOf(round))}. Send it again once Kafka is back.`,
        { cause: error },
      );
      // Those of the round that are stored have been told already.
      for (const { failed } of round) failed(failure);
      throw failure;
    } finally {
      this.#roundStarted = undefined;
    }
  }

  async #connect(opened: (writer: RecordWriter) => void): Promise<RecordWriter> {
    const library = await loadClient(this.#options.connection);
    const writer = library.openWriter({ ...this.#options, onLost: () => void this.#renew(writer) });
    opened(writer);
    await writer.connect();
    return writer;
  }

  /**
   * An idle writer has lost a connection: to another that knows who leads the partitions now. Else the next record would
   * find that out, perhaps from brokers that are not there any more, and wait for each.
   */
  async #renew(lost: RecordWriter): Promise<void> {
    const isPresent = (await this.#connected?.catch(() => undefined)) === lost;
    if (!isPresent || this.#rounds !== undefined || this.#closed || lost.isDiscarded) return;
    lost.discard();
    this.#connected = undefined;
    this.#rounds = this.#round([])
      .catch(() => undefined)
      .then(() => this.#runRounds());
  }

  async #store(writer: RecordWriter, part: PartitionRecords<Waiting>): Promise<void> {
    const { topic, items } = part;
    try {
      await writer.write(part);
      for (const { stored } of items) stored();
    } catch (error) {
      // Refused before it was written, and for good; the others need not suffer.
      if (items.length > 1 || (error as { type?: unknown }).type !== 'MESSAGE_TOO_LARGE') throw error;
      items[0]!.failed(
        new StoreError(
          'TOO_LARGE',
          `The record of ${items[0]!.bytes} bytes is larger than the topic ${topic} accepts; raise its max.message.bytes, or lower the flow's largest message.`,
          { cause: error },
        ),
      );
    }
  }
}

function topicsOf(round: readonly Waiting[]): string | undefined {
  const topics = [...new Set(round.map(({ record }) => record.topic))];
  return topics.length === 0 ? undefined : `writing to ${topics.join(', ')}`;
}
