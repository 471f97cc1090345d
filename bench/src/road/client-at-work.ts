/**
 * One Kafka client library at one kind of work, through the interfaces that stages use. A process of its own for each
 * order; the parent sends a ClientOrder and is told a ClientFigures.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ConsumeOptions,
  consumeBatches,
  GatheringProducer,
  type KafkaClientName,
  type KafkaConnection,
  PartitionTransactions,
} from '@integration-hub/kafka';
import { SilentRelay } from '@integration-hub/kafka/silent-relay';
import { listenerRecord } from './listener-record.js';
import { answerOrders } from './orders.js';

export interface ClientOrder {
  readonly work: 'produce' | 'consume' | 'transform' | 'steady' | 'silence';
  readonly client: KafkaClientName;
  readonly kafka: string;
  readonly topic: string;
  /** Of transform, whose records it is. */
  readonly input?: string;
  /** Who produce, each waiting until a record is stored; of the others, whose records there are. */
  readonly callers: number;
  /** How long to produce. */
  readonly seconds: number;
  /** How many records there are to take; of produce, none. */
  readonly records?: number;
}

export interface ClientFigures {
  readonly records: number;
  readonly perSecond: number;
  /** Time on a processor for a record, in microseconds. */
  readonly cpuUs: number;
  /** The most resident memory, in MiB. */
  readonly memoryMb: number;
  /** The longest time without a record stored, and without one taken, in milliseconds. */
  readonly longestStored: number;
  readonly longestTaken: number;
}

const valueBytes = 1_000;

/** A record of a message's size with a message's headers; its value begins with its caller and number. */
function recordOf(
  topic: string,
  caller: number,
  number: number,
): Parameters<GatheringProducer['produce']>[0] {
  const value = Buffer.alloc(valueBytes, 'x');
  value.writeUInt32BE(caller, 0);
  value.writeUInt32BE(number, 4);
  return listenerRecord(topic, `c.${caller}`, `c.${caller}-${number}`, value);
}

/** Sees that of each caller every record comes once and in order. */
class Arrivals {
  readonly #next: number[];
  count = 0;

  constructor(callers: number) {
    this.#next = Array.from({ length: callers }, () => 1);
  }

  /** @throws Error where it is not the caller's next */
  take(value: Buffer): void {
    const [caller, number] = [value.readUInt32BE(0), value.readUInt32BE(4)];
    const next = this.#next[caller]!;
    if (number !== next) throw new Error(`caller ${caller}: record ${number} came where ${next} was due`);
    this.#next[caller] = next + 1;
    this.count += 1;
  }
}

/** The longest time between two that were noted, in milliseconds. */
class LongestPause {
  #last: number | undefined;
  longest = 0;

  note(): void {
    const now = performance.now();
    if (this.#last !== undefined) this.longest = Math.max(this.longest, now - this.#last);
    this.#last = now;
  }
}

async function run(order: ClientOrder): Promise<ClientFigures> {
  const { client, kafka, work } = order;
  const connection = { bootstrapServers: [kafka], clientId: 'bench', client };
  const pauses = { stored: new LongestPause(), taken: new LongestPause() };
  // What it takes to load the library is not counted: that is the same however long it works.
  const began = { time: performance.now(), cpu: process.cpuUsage() };
  let records: number;
  if (work === 'produce') records = await produce(order, connection, began);
  else if (work === 'consume' || work === 'transform') records = await take(order, connection, began);
  else records = await faulty(order, connection, pauses);
  const { user, system } = process.cpuUsage(began.cpu);
  return {
    records,
    perSecond: (records * 1_000) / (performance.now() - began.time),
    cpuUs: (user + system) / records,
    memoryMb: process.resourceUsage().maxRSS / 1_024,
    longestStored: pauses.stored.longest,
    longestTaken: pauses.taken.longest,
  };
}

interface Beginning {
  time: number;
  cpu: NodeJS.CpuUsage;
}

function beginNow(began: Beginning): void {
  began.time = performance.now();
  began.cpu = process.cpuUsage();
}

async function produce(
  { topic, callers, seconds }: ClientOrder,
  connection: KafkaConnection,
  began: Beginning,
): Promise<number> {
  const producer = new GatheringProducer({ connection });
  await producer.connect();
  beginNow(began);
  let stored = 0;
  const call = async (caller: number): Promise<void> => {
    for (let number = 1; performance.now() - began.time < seconds * 1_000; number += 1) {
      await producer.produce(recordOf(topic, caller, number));
      stored += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  await producer.close();
  return stored;
}

/** Takes all records there are, and where asked writes them on, a transaction for each batch. */
async function take(order: ClientOrder, connection: KafkaConnection, began: Beginning): Promise<number> {
  const { topic, input, callers, records = 0, work, client } = order;
  const groupId = `${work}-${client}-${topic}-${process.pid}`;
  const all = new Arrivals(callers);
  const ended = Promise.withResolvers<undefined>();
  const onFatal = (error: unknown): void => ended.reject(error);
  const transactions = new PartitionTransactions({ connection, groupId, onFatal });
  const onBatch: ConsumeOptions['onBatch'] = async (batch) => {
    if (all.count === 0) beginNow(began);
    const nextOffset = batch.records.at(-1)!.offset + 1n;
    if (input !== undefined) {
      const copies = batch.records.map(({ key, value, headers }) => ({ topic, key, value, headers }));
      if (!(await transactions.run(batch, copies, nextOffset))) return;
    } else {
      await batch.commit(nextOffset);
      batch.resolve(nextOffset - 1n);
    }
    for (const { value } of batch.records) all.take(value);
    if (all.count >= records) ended.resolve(undefined);
  };
  const consumer = await consumeBatches({
    connection,
    groupId,
    topics: [input ?? topic],
    partitionsConsumedConcurrently: 4,
    onBatch,
    onFatal,
  });
  await ended.promise;
  await consumer.stop();
  await transactions.close();
  if (all.count !== records) throw new Error(`${all.count} records came where there are ${records}`);
  return all.count;
}

/** One caller for each ten milliseconds stores a record, and another end takes it, while something breaks. */
async function faulty(
  { topic, seconds, kafka, work }: ClientOrder,
  connection: KafkaConnection,
  { stored, taken }: { stored: LongestPause; taken: LongestPause },
): Promise<number> {
  const relay = work === 'silence' ? await SilentRelay.start(Number(kafka.split(':').at(-1))) : undefined;
  const producer = new GatheringProducer({ connection });
  await producer.connect();
  const places = new Set<string>();
  const seen = new Map<number, number>();
  const unconfirmed = new Set<number>();
  /** Sends a record that was not confirmed again, as a hospital does; it may then be there twice. */
  const store = async (number: number): Promise<void> => {
    for (;;) {
      try {
        await producer.produce(recordOf(topic, 0, number));
        stored.note();
        return;
      } catch {
        unconfirmed.add(number);
      }
    }
  };
  const consumer = await consumeBatches({
    connection,
    groupId: `faulty-${topic}`,
    topics: [topic],
    sessionTimeoutMs: 6_000,
    onBatch: async (batch) => {
      const next = batch.records.at(-1)!.offset + 1n;
      for (const { value, partition, offset } of batch.records) {
        // What could not be committed is fetched again.
        const place = `${partition} ${offset}`;
        if (places.has(place)) continue;
        places.add(place);
        const number = value.readUInt32BE(4);
        seen.set(number, (seen.get(number) ?? 0) + 1);
      }
      taken.note();
      await batch.commit(next);
      batch.resolve(next - 1n);
    },
    onFatal: (error) => {
      throw error as Error;
    },
  });
  const began = performance.now();
  let isSilent = false;
  const produced: Promise<void>[] = [];
  let number = 0;
  while (performance.now() - began < seconds * 1_000) {
    number += 1;
    produced.push(store(number));
    await delay(10);
    if (relay !== undefined && !isSilent && performance.now() - began > 3_000) {
      isSilent = true;
      relay.fallSilent();
    }
  }
  await Promise.all(produced);
  while (seen.size < number) await delay(20);
  for (const [one, times] of seen) {
    if (times > 1 && !unconfirmed.has(one)) throw new Error(`record ${one} came ${times} times`);
  }
  await consumer.stop();
  await producer.close();
  await relay?.stop();
  return number;
}

answerOrders(run);
