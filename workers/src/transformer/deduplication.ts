/**
 * Knows messages that come again. What was passed on is noted in a topic of its own, in the transaction that passes it
 * on, in the partition of the number that it was read from. Each transformer follows that topic all the time, so it
 * has the notes in memory when it is given a partition; it then writes a mark, which shuts out whoever wrote before,
 * and goes on once it has read that mark: all that was noted stands before it.
 */
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { MessageDescription, TransformerConfiguration } from '@integration-hub/api';
import { Message } from '@integration-hub/hl7/messages';
import {
  consumeBatches,
  type Consumer,
  type IncomingBatch,
  type IncomingRecord,
  type OutgoingRecord,
} from '@integration-hub/kafka';
import { kafkaConnection } from '../kafka-connection.js';
import { kafkaLog } from '../kafka-log.js';
import type { WorkerParts } from '../worker.js';
import { SeenMessages, type SeenMessage } from './seen-messages.js';

type Settings = Pick<TransformerConfiguration, 'kafka' | 'stage' | 'flow' | 'group' | 'charset'> & {
  readonly deduplication: NonNullable<TransformerConfiguration['deduplication']>;
};

/** The same sending application has given its control id to a message with other bytes. */
export class ControlIdReusedError extends Error {
  readonly code = 'CONTROL_ID_REUSED';
}

/** A message that may be passed on, or one that was before. */
export type Verdict =
  | { readonly isDuplicate: true; readonly firstReceived: Date }
  /** `note` is to be written with what comes of the message; absent where it can't be told from others. */
  | { readonly isDuplicate: false; readonly note: Note | undefined };

/** Of one message that is being passed on. */
export interface Note {
  readonly seen: SeenMessage;
  readonly record: OutgoingRecord;
}

interface Partition {
  readonly table: SeenMessages;
  /** What this process has committed and has yet to read in the topic, by id. */
  readonly own: Map<string, SeenMessage>;
  /** The generation in which the mark was read: from there on nobody else notes anything. */
  settledIn: number;
  lastMark: string;
  /** Where to go on reading, and the generation of the follower that it was read in. */
  position: bigint;
  readIn: number;
}

const MARK = Buffer.from('mark');
const [ID_BYTES, DIGEST_BYTES] = [8, 16];
/** With so many notes of our own unread the follower lags; it is waited for. */
const MOST_UNREAD = 10_000;
const LOOK_EVERY_MS = 10;
/** Of some 60 bytes each; with more at a time many outlive the young part of the heap, and half the time goes there. */
const NOTES_AT_A_TIME_BYTES = 128 * 1_024;

export class Deduplication {
  readonly #settings: Settings;
  readonly #parts: WorkerParts;
  readonly #windowSeconds: number;
  readonly #partitions: Partition[];
  #follower: Consumer | undefined;

  constructor(settings: Settings, parts: WorkerParts) {
    this.#settings = settings;
    this.#parts = parts;
    const { windowMs, partitions, maxMessages } = settings.deduplication;
    this.#windowSeconds = windowMs / 1_000;
    const most = Math.ceil(maxMessages / partitions);
    this.#partitions = Array.from({ length: partitions }, () => ({
      table: new SeenMessages(this.#windowSeconds, most),
      own: new Map<string, SeenMessage>(),
      settledIn: -1,
      lastMark: '',
      position: 0n,
      readIn: -1,
    }));
  }

  /** Begins to follow the notes. @throws KafkaError UNREACHABLE, UNKNOWN_TOPIC */
  async start(): Promise<void> {
    const { kafka, stage, group, deduplication } = this.#settings;
    this.#follower = await consumeBatches({
      connection: kafkaConnection(kafka, `${stage}-deduplication`),
      // Alone in its group, and without a commit in it: Kafka forgets the group when this process is gone.
      groupId: `${group}.deduplication.${randomUUID()}`,
      sessionTimeoutMs: kafka.sessionTimeoutMs,
      watchdogMs: kafka.watchdogMs,
      log: kafkaLog(this.#parts.log),
      onFatal: this.#parts.onFatal,
      topics: [deduplication.topic],
      maxBytesPerPartition: NOTES_AT_A_TIME_BYTES,
      onBatch: (batch) => {
        this.#read(batch);
        return Promise.resolve();
      },
    });
  }

  async stop(): Promise<void> {
    await this.#follower?.stop();
  }

  /**
   * Makes sure that all that was ever noted of a batch's partition is known here.
   *
   * @param write writes a record in a transaction that only the partition's present holder can commit
   * @returns false where the batch is to be left
   */
  async settle(batch: IncomingBatch, write: (mark: OutgoingRecord) => Promise<boolean>): Promise<boolean> {
    const partition = this.#partitions[batch.partition]!;
    if (partition.settledIn === batch.generation && partition.own.size < MOST_UNREAD) return true;
    const since = performance.now();
    const mark = randomUUID();
    if (!(await write(this.#record(batch.partition, MARK, Buffer.from(mark))))) return false;
    while (partition.lastMark !== mark) {
      if (!batch.isCurrent()) return false;
      await delay(LOOK_EVERY_MS);
    }
    partition.own.clear();
    partition.settledIn = batch.generation;
    this.#parts.log.info('messages passed on before are known', {
      partition: batch.partition,
      messages: partition.table.size,
      milliseconds: Math.round(performance.now() - since),
    });
    return true;
  }

  /**
   * Whether a message came before.
   *
   * @param noted what is being passed on in the same transaction, by id
   * @throws MessageError where it can't be read; ControlIdReusedError
   */
  judge(
    record: IncomingRecord,
    description: MessageDescription,
    noted: ReadonlyMap<string, SeenMessage>,
  ): Verdict {
    const id = idOf(Message.parse(record.value, { defaultCharset: this.#settings.charset }));
    if (id === undefined) return { isDuplicate: false, note: undefined };
    const { table, own } = this.#partitions[record.partition]!;
    const name = id.toString('latin1');
    const former = noted.get(name) ?? own.get(name) ?? table.find(id);
    const time = Date.parse(description.receivedTime);
    const receivedAt = Math.floor((Number.isNaN(time) ? record.timestamp : time) / 1_000);
    const seen = { id, digest: digestOf(record.value), receivedAt };
    // Who sends a message again by hand means it.
    const isMeant = description.replay !== undefined;
    if (!isMeant && former !== undefined && Math.abs(receivedAt - former.receivedAt) < this.#windowSeconds) {
      const firstReceived = new Date(former.receivedAt * 1_000);
      if (former.digest.equals(seen.digest)) return { isDuplicate: true, firstReceived };
      throw new ControlIdReusedError(
        `Its sending application gave this control id (MSH-10) to another message, received at ${firstReceived.toISOString()}, whose bytes differ. It is not passed on: compare the two, and replay it if it is to be`,
      );
    }
    return { isDuplicate: false, note: { seen, record: this.#record(record.partition, id, encoded(seen)) } };
  }

  /** What was noted has been committed. */
  committed(partition: number, noted: ReadonlyMap<string, SeenMessage>): void {
    const { table, own } = this.#partitions[partition]!;
    for (const [name, seen] of noted) {
      const read = table.find(seen.id);
      // It may have been read before its commit was answered.
      const isRead = read?.receivedAt === seen.receivedAt && read.digest.equals(seen.digest);
      if (!isRead) own.set(name, seen);
    }
  }

  /** Nobody knows whether what was noted has been committed, or by whom else something was. */
  doubted(partition: number): void {
    this.#partitions[partition]!.settledIn = -1;
  }

  #record(partition: number, key: Buffer, value: Buffer): OutgoingRecord {
    return { topic: this.#settings.deduplication.topic, partition, key, value, headers: {} };
  }

  #read(batch: IncomingBatch): void {
    const partition = this.#partitions[batch.partition];
    if (partition === undefined) return;
    const isNew = partition.readIn !== batch.generation;
    partition.readIn = batch.generation;
    // A group without commits begins from the beginning each time that it is joined.
    if (isNew && batch.fetchedFrom < partition.position) {
      batch.seek(partition.position);
      return;
    }
    const { table, own } = partition;
    const forgotten = table.forgotten;
    for (const { key, value } of batch.records) {
      if (key?.equals(MARK) === true) partition.lastMark = value.toString();
      else if (key?.length === ID_BYTES && value.length === DIGEST_BYTES + 4) {
        const seen = decoded(key, value);
        table.remember(seen);
        const name = key.toString('latin1');
        if (own.get(name)?.digest.equals(seen.digest) === true) own.delete(name);
      }
    }
    const { offset } = batch.records.at(-1)!;
    partition.position = offset + 1n;
    batch.resolve(offset);
    this.#tellForgotten(table.forgotten - forgotten);
  }

  #tellForgotten(count: number): void {
    if (count === 0) return;
    const { flow, deduplication } = this.#settings;
    this.#parts.metrics.forgotten.inc({ flow }, count);
    this.#parts.log.warn(
      'more messages than spec.deduplication.maxMessages came within its window: the oldest are forgotten, and would be passed on again',
      { reasonCode: 'DEDUPLICATION_FULL', forgotten: count, maxMessages: deduplication.maxMessages },
    );
  }
}

/** Of MSH-3 and MSH-10, whole and as they were sent; undefined where there is no MSH-10. */
function idOf(message: Message): Buffer | undefined {
  const { controlId } = message;
  if (controlId === '') return undefined;
  // A carriage return ends a segment, so it is in neither.
  return hash(Buffer.from(`${message.er7('MSH-3')}\r${controlId}`)).subarray(0, ID_BYTES);
}

function digestOf(bytes: Buffer): Buffer {
  return hash(bytes).subarray(0, DIGEST_BYTES);
}

function hash(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function encoded({ digest, receivedAt }: SeenMessage): Buffer {
  const value = Buffer.alloc(DIGEST_BYTES + 4);
  digest.copy(value);
  value.writeUInt32BE(receivedAt, DIGEST_BYTES);
  return value;
}

function decoded(id: Buffer, value: Buffer): SeenMessage {
  return { id, digest: value.subarray(0, DIGEST_BYTES), receivedAt: value.readUInt32BE(DIGEST_BYTES) };
}
