/**
 * Runs replays: takes those that nobody runs, and sends their messages in order. How far it has come is written in the
 * transaction that writes the messages, with a transactional id for each replay; so whoever dies when, and whoever
 * else takes the replay for his own, each message is written once.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  eventsTopic,
  outboundTopic,
  readDescription,
  readReplayProgress,
  recordHeaders,
  replayAuditHeaders,
  replayProgressKey,
  replayProgressValue,
  replaysTopic,
  replayStateKey,
  type MessageDescription,
  type ReplayAuditEvent,
  type ReplayStateRecord,
} from '@integration-hub/api';
import {
  ExclusiveWriter,
  KafkaError,
  RecordReader,
  TopicAdmin,
  type IncomingRecord,
  type KafkaConnection,
  type KafkaLog,
  type OutgoingRecord,
} from '@integration-hub/kafka';
import { type Archive, ArchiveError, type Replay, type ReplayMessage } from '@integration-hub/store';

export interface ReplayRunnerOptions {
  readonly connection: KafkaConnection;
  readonly namespace: string;
  /** Opens the archive, or gives the one that is open. */
  readonly archive: () => Promise<Archive>;
  readonly log: KafkaLog;
  /** A replay is another's if its runner has said nothing for so long, in milliseconds; default 10,000. */
  readonly leaseMs?: number;
}

/** How often it looks for replays, and for what was done with them, in milliseconds. */
const lookEveryMs = 1_000;
/** After a fault, in milliseconds. */
const pauseMs = 2_000;
/** Replays that one process runs at the same time. */
const mostAtOnce = 4;
/** Messages of one transaction, and about how many bytes. */
const [fewestMessages, mostMessages, portionBytes] = [10, 1_000, 8 * 1_048_576];
/** A replay that is slow writes so often a second. */
const portionsPerSecond = 4;
/** Audit entries that are told at once. */
const mostTold = 100;

/** A message, and what it had beside its bytes. */
interface Found {
  readonly key: Buffer | null;
  readonly bytes: Buffer;
  readonly description: MessageDescription;
}

export class ReplayRunner {
  readonly #options: ReplayRunnerOptions;
  readonly #name = randomUUID();
  readonly #leaseMs: number;
  readonly #stopping = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  #looking: Promise<void> = Promise.resolve();

  constructor(options: ReplayRunnerOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? 10_000;
  }

  start(): void {
    this.#looking = this.#look();
  }

  /** Finishes the transactions in hand; another runner goes on at once. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#looking;
    await Promise.all(this.#running.values());
  }

  async #look(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        const archive = await this.#options.archive();
        const free = mostAtOnce - this.#running.size;
        const { namespace } = this.#options;
        const taken = free > 0 ? await archive.replays.take(namespace, this.#name, this.#leaseMs, free) : [];
        for (const replay of taken) this.#begin(replay);
        await this.#tell(archive);
      } catch (error) {
        this.#warn('replays can’t be looked for at present', error);
        await this.#sleep(pauseMs);
      }
      await this.#sleep(lookEveryMs);
    }
  }

  #begin(replay: Replay): void {
    // Its lease was over, so what this process still does of it can't succeed.
    const former = this.#running.get(replay.id);
    const run = (former ?? Promise.resolve()).then(() => this.#run(replay));
    this.#running.set(replay.id, run);
    void run.finally(() => {
      if (this.#running.get(replay.id) === run) this.#running.delete(replay.id);
    });
  }

  /** Runs a replay until it ends, is paused, or fails; never rejects. */
  async #run(replay: Replay): Promise<void> {
    const { id } = replay;
    try {
      await this.#send(replay);
    } catch (error) {
      const isHopeless =
        (error instanceof ArchiveError && ['UNKNOWN_KEY', 'ALTERED_CONTENT'].includes(error.code)) ||
        (error instanceof KafkaError && error.code === 'UNKNOWN_TOPIC');
      this.#warn(`the replay ${id} is held up`, error);
      if (isHopeless) await this.#finish(id, 'failed', (error as Error).message);
      else await this.#sleep(pauseMs);
    }
    await this.#quietly((archive) => archive.replays.release(id, this.#name));
  }

  async #send(replay: Replay): Promise<void> {
    const { connection, namespace, log } = this.#options;
    const { id, total, perSecond } = replay;
    const archive = await this.#options.archive();
    const writer = await ExclusiveWriter.open({ connection, claim: `ihub.${namespace}.replay.${id}`, log });
    const readers = new Map<string, Promise<RecordReader>>();
    try {
      // Read only now that nobody else can write it. What the database says may be older, or Kafka may be a new one.
      let next = Math.max(await this.#sent(id), replay.done);
      let count = perSecond === null ? fewestMessages : portionAt(perSecond);
      const [begun, begunAt] = [next, performance.now()];
      while (next < total && (await this.#mayGoOn(id, next))) {
        const messages = await archive.replays.portion(id, next, Math.min(count, total - next));
        const found = await this.#find(messages, readers);
        const gone = messages.filter((message) => !found.has(message));
        await archive.replays.gone(
          id,
          gone.map(({ position }) => position),
        );
        next += messages.length;
        const records = messages.flatMap((message) => {
          const one = found.get(message);
          return one === undefined ? [] : [this.#record(replay, message, one)];
        });
        await writer.write([...records, this.#progress(id, next)]);
        if (perSecond === null) count = portionOf(messages.length, found.values());
        else if (!(await this.#wait(id, next, begunAt + ((next - begun) / perSecond) * 1_000))) return;
      }
      if (next < total) return;
      await archive.replays.progress(id, this.#name, next, this.#leaseMs);
      await this.#finish(id, 'completed', '');
    } finally {
      await writer.close();
      for (const reader of readers.values()) await (await reader.catch(() => undefined))?.close();
    }
  }

  /** Notes how far it has come. @returns whether to go on */
  async #mayGoOn(id: string, next: number): Promise<boolean> {
    if (this.#stopping.signal.aborted) return false;
    const archive = await this.#options.archive();
    return (await archive.replays.progress(id, this.#name, next, this.#leaseMs)) === 'running';
  }

  /** Waits for a moment, as performance.now() tells it, and goes on being heard from. @returns whether to go on */
  async #wait(id: string, next: number, until: number): Promise<boolean> {
    for (;;) {
      const ms = until - performance.now();
      if (ms <= 0) return true;
      await this.#sleep(Math.min(ms, lookEveryMs));
      if (!(await this.#mayGoOn(id, next))) return false;
    }
  }

  /** How many of the list have been sent, as Kafka knows it. */
  async #sent(id: string): Promise<number> {
    const { connection, namespace } = this.#options;
    const admin = await TopicAdmin.connect({ connection });
    try {
      const key = replayProgressKey(id);
      const records = await admin.readAll(replaysTopic(namespace));
      const last = records.findLast((record) => record.key?.equals(key) ?? false);
      return (last && readReplayProgress(last.value)) ?? 0;
    } finally {
      await admin.close();
    }
  }

  /** What there is of messages: in the archive, else in Kafka. */
  async #find(
    messages: readonly ReplayMessage[],
    readers: Map<string, Promise<RecordReader>>,
  ): Promise<Map<ReplayMessage, Found>> {
    const found = new Map<ReplayMessage, Found>();
    const elsewhere = Map.groupBy(
      messages.filter(({ kept }) => kept === undefined),
      ({ origin }) => origin,
    );
    const wanted = new Map<string, Map<number, bigint[]>>();
    for (const message of messages) {
      if (message.kept !== undefined) {
        found.set(message, this.#fromArchive(message, message.kept));
        continue;
      }
      const { topic, partition, offset } = placeOf(message.origin);
      const ofTopic = wanted.get(topic) ?? new Map<number, bigint[]>();
      ofTopic.set(partition, [...(ofTopic.get(partition) ?? []), offset]);
      wanted.set(topic, ofTopic);
    }
    for (const [topic, offsets] of wanted) {
      let reader = readers.get(topic);
      if (reader === undefined) {
        const { connection, log } = this.#options;
        reader = RecordReader.open({ connection, topic, log });
        readers.set(topic, reader);
      }
      for (const record of await (await reader).read(offsets)) {
        const description = readDescription(record.headers);
        // A topic that was deleted and made again has other messages at the same places.
        const message = elsewhere
          .get(`${record.topic}/${record.partition}/${record.offset}`)
          ?.find((one) => isOf(one, record, description));
        if (message !== undefined) {
          found.set(message, { key: record.key, bytes: record.value, description });
        }
      }
    }
    return found;
  }

  #fromArchive(
    { correlationId, receivedAt, flow, controlId }: ReplayMessage,
    { bytes, envelope }: NonNullable<ReplayMessage['kept']>,
  ): Found {
    const { key, ...rest } = envelope;
    const { namespace } = this.#options;
    const receivedTime = receivedAt.toISOString();
    return { key, bytes, description: { correlationId, namespace, flow, receivedTime, controlId, ...rest } };
  }

  #record(
    { id, toDestination }: Replay,
    message: ReplayMessage,
    { key, bytes, description }: Found,
  ): OutgoingRecord {
    const origin = placeOf(message.origin);
    const topic = toDestination === '' ? origin.topic : outboundTopic(this.#options.namespace, toDestination);
    const type = topic === origin.topic && message.kind === 'received' ? 'received' : 'transformed';
    return {
      topic,
      // Those with a key keep their order by it. Those without have the order of their partition.
      ...(key === null && { partition: topic === origin.topic ? origin.partition : 0 }),
      key,
      value: bytes,
      headers: recordHeaders({ ...description, replay: { of: message.correlationId, id } }, type),
    };
  }

  #progress(id: string, next: number): OutgoingRecord {
    return {
      topic: replaysTopic(this.#options.namespace),
      key: replayProgressKey(id),
      value: replayProgressValue(next),
      headers: {},
    };
  }

  /** Tells Kafka what was done with replays; what is not told is told the next time. */
  async #tell({ replays }: Archive): Promise<void> {
    const { connection, namespace, log } = this.#options;
    const entries = (await replays.untold(mostTold)).filter((entry) => entry.namespace === namespace);
    if (entries.length === 0) return;
    const about = new Map(
      (await replays.some(entries.map(({ replay }) => replay))).map((one) => [one.id, one]),
    );
    const records = entries.map(({ id, action, replay, at, who, why }): OutgoingRecord => {
      const { total, done } = about.get(replay)!;
      const time = at.toISOString();
      const event: ReplayAuditEvent = {
        ...{ version: 1, type: 'REPLAY', action, replay, time, namespace, who, why, total, done },
      };
      return {
        topic: eventsTopic(namespace),
        key: Buffer.from(replay),
        value: Buffer.from(JSON.stringify(event)),
        headers: replayAuditHeaders(event, id),
      };
    });
    const states = [...about.values()].map((replay): OutgoingRecord => {
      const { id, state, total, done, leftOut, error } = replay;
      const record: ReplayStateRecord = { version: 1, id, state, total, done, leftOut, error };
      return {
        topic: replaysTopic(namespace),
        key: replayStateKey(id),
        value: Buffer.from(JSON.stringify(record)),
        headers: {},
      };
    });
    const writer = await ExclusiveWriter.open({ connection, claim: `ihub.${namespace}.replay-audit`, log });
    try {
      await writer.write([...records, ...states]);
    } finally {
      await writer.close();
    }
    await replays.toldOf(entries.map(({ id }) => id));
  }

  async #finish(id: string, state: 'completed' | 'failed', error: string): Promise<void> {
    await (await this.#options.archive()).replays.finish(id, this.#name, state, error);
  }

  /** For what is done again by itself where it fails. */
  async #quietly(work: (archive: Archive) => Promise<void>): Promise<void> {
    try {
      await work(await this.#options.archive());
    } catch (error) {
      this.#warn('a replay could not be given back', error);
    }
  }

  #warn(text: string, error: unknown): void {
    // The texts of these name topics and servers. Any other may quote what it was about.
    const isSafe = error instanceof ArchiveError || error instanceof KafkaError;
    this.#options.log('warn', text, { reason: isSafe ? error.message : (error as Error).name });
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}

function placeOf(origin: string): { topic: string; partition: number; offset: bigint } {
  const [topic, partition, offset] = origin.split('/') as [string, string, string];
  return { topic, partition: Number(partition), offset: BigInt(offset) };
}

function isOf(
  message: ReplayMessage,
  record: IncomingRecord,
  { correlationId }: MessageDescription,
): boolean {
  // What another tool has written has no correlation id of ours; the archive gave it one.
  const isForeign = !/^[0-9a-f-]{36}$/.test(correlationId);
  return record.value.length > 0 && (isForeign || correlationId === message.correlationId);
}

function portionAt(perSecond: number): number {
  return Math.min(mostMessages, Math.max(1, Math.floor(perSecond / portionsPerSecond)));
}

/** How many messages to send at once, by the size of the last ones. */
function portionOf(count: number, found: Iterable<Found>): number {
  let bytes = 0;
  for (const one of found) bytes += one.bytes.length;
  const fitting = Math.floor(portionBytes / Math.max(1, bytes / Math.max(1, count)));
  return Math.min(mostMessages, Math.max(fewestMessages, fitting));
}
