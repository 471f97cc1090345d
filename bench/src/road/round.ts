/** One round: a load, everything that it sent seen to arrive, and the figures of that. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadOrder, LoadResult } from './load-generator.js';
import { cpuSeconds } from './processes.js';
import type { Program } from './program.js';
import type { Arrivals } from './receiver.js';
import { requireAll } from './verdict.js';

/** What is measured: it takes messages at a port, and they come out at the receiver. */
export interface Road {
  readonly name: string;
  readonly port: number;
  /** The sum of what comes out for a source, its control id left out. */
  readonly sumOf: (source: string) => number;
  /** Its processes, the shared Kafka not among them. */
  readonly pids: () => readonly number[];
  stop(): Promise<void>;
}

export interface RoundFigures {
  readonly messages: number;
  /** Messages a second, from the first that was sent to the last acknowledgement. */
  readonly acknowledged: number;
  /** Messages a second, from the first that was sent to the last arrival. */
  readonly delivered: number;
  /** From when a message was due to its acknowledgement, and to its arrival, in milliseconds. */
  readonly acknowledgement: Percentiles;
  readonly delivery: Percentiles;
  /** Of the road's processes, in seconds for each 1,000 messages. */
  readonly cpu: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export function percentiles(values: Float64Array): Percentiles {
  const sorted = values.slice().sort();
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}

/** Without an arrival for so long, what is missing is taken for lost. */
const patienceMs = 30_000;

/** When each message was due and when it arrived, by source. */
export interface RoundTimes {
  readonly sent: ReadonlyMap<string, Float64Array>;
  readonly arrived: ReadonlyMap<string, Arrivals>;
}

/**
 * @param onTimes is given the times of the round's messages, which nobody keeps
 * @throws Error where not every message arrived once, in order and right
 */
export async function runRound(
  road: Road,
  load: Program,
  receiver: Program,
  order: Omit<LoadOrder, 'port'>,
  onTimes?: (times: RoundTimes) => Promise<void>,
): Promise<RoundFigures> {
  const before = cpuSeconds(road.pids());
  const result = await load.ask<LoadResult>({ ...order, port: road.port });
  const counts = new Map([...result.sent].map(([source, times]) => [source, times.length]));
  const messages = result.acknowledgedAfter.length;
  await allArrived(receiver, order.round, messages);
  const cpu = ((cpuSeconds(road.pids()) - before) * 1_000) / messages;
  const arrived = await receiver.ask<Map<string, Arrivals>>({ take: order.round });
  try {
    requireAll(counts, arrived, road.sumOf);
  } catch (error) {
    throw new Error(`${road.name}, round ${order.round}: ${(error as Error).message}`, { cause: error });
  }
  await onTimes?.({ sent: result.sent, arrived });
  let last = 0;
  const delivery: number[] = [];
  for (const [source, { numbers, at }] of arrived) {
    const sent = result.sent.get(source)!;
    numbers.forEach((number, index) => {
      delivery.push(at[index]! - sent[number - 1]!);
      last = Math.max(last, at[index]!);
    });
  }
  return {
    messages,
    acknowledged: (messages * 1_000) / (result.ended - result.began),
    delivered: (messages * 1_000) / (last - result.began),
    acknowledgement: percentiles(result.acknowledgedAfter),
    delivery: percentiles(Float64Array.from(delivery)),
    cpu,
  };
}

/** Resolves when so many have arrived, or when nothing more does. */
export async function allArrived(receiver: Program, round: string, messages: number): Promise<void> {
  let count = -1;
  let since = performance.now();
  while (performance.now() - since < patienceMs) {
    const next = await receiver.ask<number>({ count: round });
    if (next >= messages) break;
    if (next !== count) since = performance.now();
    count = next;
    await sleep(20);
  }
  // What would come twice has the time to.
  await sleep(300);
}
