/**
 * The dead letters that nothing has been done with yet, as the console shows them: without their content. They are
 * read from their topics from the beginning, and then as they come.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ConsoleConfiguration, type ConsolePlan, readMark } from '@integration-hub/api';
import { Message, MessageError } from '@integration-hub/hl7';
import {
  consumeBatches,
  type Consumer,
  type IncomingBatch,
  type IncomingRecord,
  readLetter,
  TopicAdmin,
} from '@integration-hub/kafka';
import { errorShape, type Log, kafkaConnection } from '@integration-hub/workers';
import type { DeadLetter, Failure } from './api.js';

/** Letters of one owner that are kept; beyond them the oldest are counted only. */
const mostOfOne = 20_000;
const tickMs = 1_000;
/** So long without a record after it has joined, a reader has caught up. */
const quietMs = 1_500;
const expiryEveryMs = 60_000;

interface Owner {
  readonly letters: Map<string, DeadLetter>;
  /** Beside those that are kept. */
  more: number;
}

export class DeadLetterIndex {
  readonly #configuration: ConsoleConfiguration;
  readonly #plan: () => ConsolePlan;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  readonly #owners = new Map<string, Owner>();
  /** Letters that are being handled here, until their marks have been read. */
  readonly #inHand = new Set<string>();
  #topics = new Map<string, string>();
  #consumer: Consumer | undefined;
  #lastHeard = 0;
  #isCaughtUp = false;
  #hasFailed = false;
  #expiredAt = 0;
  #ended: Promise<void> | undefined;

  constructor(configuration: ConsoleConfiguration, plan: () => ConsolePlan, log: Log) {
    this.#configuration = configuration;
    this.#plan = plan;
    this.#log = log;
  }

  start(): void {
    this.#ended = this.#untilStopped();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  /** Open letters of a flow or destination; null where they have not all been read. */
  count(owner: string): number | null {
    if (!this.#isCaughtUp) return null;
    const found = this.#owners.get(owner);
    return found === undefined ? 0 : found.letters.size + found.more;
  }

  /** Whether a letter is known to be open; one that is not known may be handled, too old to be kept here, or gone. */
  isOpen(owner: string, id: string): boolean {
    return this.#isCaughtUp && !this.#inHand.has(id) && this.#owners.get(owner)?.letters.has(id) === true;
  }

  /** These letters are about to be handled: a page that asks at once must not be told that they are open. */
  takeInHand(ids: readonly string[]): void {
    for (const id of ids) {
      const [owner] = id.split('/');
      if (this.#owners.get(owner!)?.letters.has(id) === true) this.#inHand.add(id);
    }
  }

  get isComplete(): boolean {
    return this.#isCaughtUp;
  }

  /** Open letters, the latest first. */
  list({ of, code }: { readonly of?: string | undefined; readonly code?: string | undefined }): DeadLetter[] {
    const owners = of === undefined ? [...this.#owners.keys()] : [of];
    return owners
      .flatMap((owner) => [...(this.#owners.get(owner)?.letters.values() ?? [])])
      .filter((letter) => code === undefined || letter.code === code)
      .sort((a, b) => (a.at === b.at ? (a.id < b.id ? 1 : -1) : a.at < b.at ? 1 : -1));
  }

  /** What of a flow has failed last, at its own stages and at its destinations, the latest first. */
  failures(flow: string, most: number): Failure[] {
    return this.list({})
      .filter((letter) => letter.flow === flow)
      .slice(0, most)
      .map(({ at, code, sentence, correlationId, stage }) => ({
        ...{ at, code, sentence, correlationId, stage },
      }));
  }

  async #untilStopped(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#followPlan();
      } catch (error) {
        this.#failed(error);
      }
      await delay(tickMs, undefined, { signal }).catch(() => undefined);
    }
    await this.#consumer?.stop();
  }

  /** Is told once, until they can be read again. */
  #failed(error: unknown): void {
    if (!this.#hasFailed) this.#log.warn('dead letters can’t be read for now', errorShape(error));
    this.#hasFailed = true;
    this.#isCaughtUp = false;
  }

  async #followPlan(): Promise<void> {
    const { flows, destinations } = this.#plan();
    const topics = new Map([...flows, ...destinations].map((one) => [one.deadLetterTopic, one.name]));
    if (!sameKeys(topics, this.#topics)) {
      await this.#consumer?.stop();
      this.#consumer = undefined;
      this.#isCaughtUp = false;
      this.#topics = topics;
      const owners = new Set(topics.values());
      for (const owner of this.#owners.keys()) if (!owners.has(owner)) this.#owners.delete(owner);
    }
    if (topics.size === 0) {
      this.#isCaughtUp = true;
      return;
    }
    this.#consumer ??= await this.#open([...topics.keys()]);
    if (this.#consumer.joined && performance.now() - this.#lastHeard > quietMs) {
      this.#isCaughtUp = true;
      this.#hasFailed = false;
    }
    if (performance.now() - this.#expiredAt > expiryEveryMs) {
      this.#expiredAt = performance.now();
      await this.#expire();
    }
  }

  /** A group of its own that never commits: it begins at the beginning whenever it has to. */
  async #open(topics: readonly string[]): Promise<Consumer> {
    const { kafka } = this.#configuration;
    for (const owner of this.#owners.values()) owner.letters.clear();
    this.#owners.clear();
    this.#lastHeard = performance.now() + quietMs;
    return consumeBatches({
      connection: kafkaConnection(kafka, 'console-dead-letters'),
      groupId: `ihub-read-${randomUUID()}`,
      topics,
      sessionTimeoutMs: kafka.sessionTimeoutMs,
      watchdogMs: kafka.watchdogMs,
      onBatch: (batch) => {
        this.#take(batch);
        return Promise.resolve();
      },
      onFatal: (error) => {
        this.#failed(error);
        this.#consumer = undefined;
      },
    });
  }

  #take(batch: IncomingBatch): void {
    this.#lastHeard = performance.now();
    const name = this.#topics.get(batch.topic);
    if (name === undefined) return;
    let owner = this.#owners.get(name);
    if (owner === undefined) this.#owners.set(name, (owner = { letters: new Map(), more: 0 }));
    for (const record of batch.records) {
      const handled = takeRecord(name, owner, record);
      if (handled !== undefined) this.#inHand.delete(handled);
    }
    batch.resolve(batch.records.at(-1)!.offset);
  }

  /** Kafka keeps letters for a time only; what it has thrown away can't be shown or replayed. */
  async #expire(): Promise<void> {
    const { kafka } = this.#configuration;
    const connection = kafkaConnection(kafka, 'console');
    const admin = await TopicAdmin.connect({ connection });
    try {
      for (const [topic, name] of this.#topics) {
        const owner = this.#owners.get(name);
        if (owner === undefined || owner.letters.size === 0) continue;
        const starts = await admin.startOffsets(topic);
        for (const id of owner.letters.keys()) {
          const [, partition, offset] = id.split('/');
          if (BigInt(offset!) < (starts.get(Number(partition)) ?? 0n)) owner.letters.delete(id);
        }
      }
    } finally {
      await admin.close();
    }
  }
}

/** @returns the letter whose mark it is; undefined where it is none */
function takeRecord(name: string, owner: Owner, record: IncomingRecord): string | undefined {
  const mark = readMark(record.headers);
  if (mark !== undefined) {
    const id = `${name}/${mark.letter}`;
    const isKept = owner.letters.delete(id);
    if (!isKept && owner.more > 0) owner.more -= 1;
    return id;
  }
  const letter = readLetter(name, record, new Map());
  if (letter === undefined) return undefined;
  owner.letters.set(letter.id, describe(letter));
  if (owner.letters.size > mostOfOne) {
    const [oldest] = owner.letters.keys();
    owner.letters.delete(oldest!);
    owner.more += 1;
  }
  return undefined;
}

/** A letter as it is shown. */
export function describe(letter: NonNullable<ReturnType<typeof readLetter>>): DeadLetter {
  const { id, owner, reason, description, bytes } = letter;
  return {
    id,
    of: owner,
    at: reason.failedTime,
    code: reason.code,
    sentence: reason.reason,
    stage: reason.stage,
    controlId: description.controlId,
    type: typeOf(bytes),
    flow: description.flow,
    correlationId: description.correlationId,
    attempts: reason.attempts,
    rejected: reason.origin === '',
    truncated: reason.truncated,
  };
}

/** MSH-9.1 and 9.2; '' of what is no message. */
function typeOf(bytes: Buffer): string {
  try {
    const message = Message.parse(bytes);
    const [code, trigger] = [message.text('MSH-9.1'), message.text('MSH-9.2')];
    return trigger === '' ? code : `${code}^${trigger}`;
  } catch (error) {
    if (error instanceof MessageError) return '';
    throw error;
  }
}

function sameKeys(one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): boolean {
  return one.size === other.size && [...one.keys()].every((key) => other.has(key));
}
