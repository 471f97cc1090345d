/**
 * The listener alone: from the socket to Kafka and back, with validation, at several numbers of connections. Beside
 * it what its Kafka client, and kafkajs as it is published, store of the same records without a listener, and a bare echo
 * of the same frames.
 */
import { receivedTopic } from '@integration-hub/api';
import type { TopicAdmin } from '@integration-hub/kafka';
import { Bed, type SectionSettings } from './road/bed.js';
import type { ProduceOrder } from './road/callers.js';
import type { LoadOrder, LoadResult } from './road/load-generator.js';
import { readNumbered, Template } from './road/numbered-message.js';
import { residentMb } from './road/processes.js';
import { sizedMessage } from './road/sized-message.js';
import { requireAll } from './road/verdict.js';
import { comparison, type Comparison } from './side-by-side.js';

const connectionCounts = [1, 10, 100, 1_000] as const;

/** Rates of one round at one number of connections, in messages a second. */
interface Rates {
  readonly ours: number;
  readonly gathered: number;
  /** By kafkajs as it is published. */
  readonly published: number;
  readonly echo: number;
}

/**
 * Figures of the sample message.
 *
 * @throws Error where what was acknowledged is not in Kafka once, in order and right
 */
export function compareListener(settings: SectionSettings): Promise<Comparison[]> {
  return Bed.with(async (bed) => {
    const listener = await startListener(bed);
    const idleMb = residentMb(listener.pid);
    const rates = await measure(bed, listener, settings, bed.template);
    const loadMb = residentMb(listener.pid);
    const hundred = rates.get(100)!;
    return [
      ...[...rates].flatMap(([connections, all]) =>
        compareAt(`listener, ${connections.toLocaleString('en')} connections`, all),
      ),
      comparison(
        'listener, 1,000 connections',
        'messages/s',
        'itself with 100',
        rates.get(1_000)!.map(({ ours }, index) => ({ ours, peer: hundred[index]!.ours })),
      ),
      comparison('listener, memory after load', 'MiB', 'idle', [{ ours: loadMb, peer: idleMb }]),
    ];
  });
}

/**
 * Figures of messages of 300 bytes, 3 kB and 300 kB.
 *
 * @throws Error where what was acknowledged is not in Kafka once, in order and right
 */
export async function compareSizes(settings: SectionSettings): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const bytes of [300, 3_000, 300_000]) {
    const template = sizedMessage(bytes);
    const found = await Bed.with(async (bed) => {
      const rates = await measure(bed, await startListener(bed), settings, template);
      const size = bytes.toLocaleString('en');
      return [...rates].flatMap(([connections, all]) =>
        compareAt(`${size} bytes, ${connections.toLocaleString('en')} connections`, all),
      );
    });
    comparisons.push(...found);
  }
  return comparisons;
}

/** A listener whose flow goes no further. */
export interface LonelyListener {
  readonly port: number;
  readonly pid: number;
  readonly topic: string;
}

/**
 * Starts our hub, and stops all of it but the listener.
 *
 * @param name of its namespace
 * @param traced URL of OTLP/HTTP and the share of messages, where they are to be traced
 */
export async function startListener(
  bed: Bed,
  name = 'listener',
  traced?: { readonly telemetry: string; readonly sampleRatio: number },
): Promise<LonelyListener> {
  const names = { name, namespace: name };
  const road = await bed.hub({ ...names, partitions: 1, connections: 1, receiverPort: 1, ...traced });
  for (const worker of road.hub.workers) if (worker.stage.role !== 'listener') await worker.stop();
  const { pid } = road.hub.workers.find((worker) => worker.stage.role === 'listener')!;
  return { port: road.port, pid: pid!, topic: receivedTopic(names.namespace, 'phw-to-mpi') };
}

async function measure(
  bed: Bed,
  listener: LonelyListener,
  settings: SectionSettings,
  template: Buffer,
): Promise<Map<number, Rates[]>> {
  const { kafka, admin } = bed;
  const topics = { gathered: 'bench-gathered', published: 'bench-published' };
  const shape = { partitions: 1, replicationFactor: 1, config: {} };
  await admin.ensureTopics(Object.values(topics).map((name) => ({ name, ...shape })));
  const load = await bed.program('load-generator.js');
  const gathering = await bed.program('gathered-producer.js');
  const publishing = await bed.program('published-producer.js');
  const echo = await bed.program('echo.js');
  const echoPort = await echo.ask<number>({});
  const sent = new Map<string, number>();

  const round = async (name: string, connections: number): Promise<Rates> => {
    const order: Omit<LoadOrder, 'port'> = { round: name, connections, seconds: settings.seconds, template };
    const result = await load.ask<LoadResult>({ ...order, port: listener.port });
    for (const [source, times] of result.sent) sent.set(source, times.length);
    const until = { seconds: settings.seconds };
    const all: Omit<ProduceOrder, 'topic'> = { kafka, round: name, callers: connections, until, template };
    const gathered = await gathering.ask<number>({ ...all, topic: topics.gathered });
    const published = await publishing.ask<number>({ ...all, topic: topics.published });
    const echoed = await load.ask<LoadResult>({ ...order, port: echoPort, takesAnyReply: true });
    const rates = { ours: ratePerSecond(result), gathered, published, echo: ratePerSecond(echoed) };
    const texts = Object.entries(rates).map(([what, rate]) => `${what} ${Math.round(rate)}/s`);
    settings.onProgress(
      `${template.length} bytes, ${connections} connections, round ${name}: ${texts.join(', ')}`,
    );
    return rates;
  };

  await round('warm-up', 100);
  const all = new Map<number, Rates[]>(connectionCounts.map((connections) => [connections, []]));
  for (let number = 1; number <= settings.rounds; number += 1) {
    for (const connections of connectionCounts) {
      all.get(connections)!.push(await round(`r${number}c${connections}`, connections));
    }
  }
  await requireStored(admin, listener.topic, sent, template);
  return all;
}

/** Acknowledged messages a second. */
export function ratePerSecond({ acknowledgedAfter, began, ended }: LoadResult): number {
  return (acknowledgedAfter.length * 1_000) / (ended - began);
}

function compareAt(name: string, rates: readonly Rates[]): Comparison[] {
  const peers = [
    ['its Kafka client, gathered', 'gathered'],
    ['kafkajs as published, gathered', 'published'],
    ['TCP echo', 'echo'],
  ] as const;
  return peers.map(([peer, which]) =>
    comparison(
      name,
      'messages/s',
      peer,
      rates.map((rate) => ({ ours: rate.ours, peer: rate[which] })),
    ),
  );
}

/**
 * Whether everything that was acknowledged is in the topic.
 *
 * @param sent how many messages each source sent
 * @throws Error which says what is wrong, and how much of it there is
 */
export async function requireStored(
  admin: TopicAdmin,
  topic: string,
  sent: ReadonlyMap<string, number>,
  template: Buffer,
): Promise<void> {
  const stored = new Map<string, { numbers: number[]; sums: number[] }>();
  for (const { value } of await admin.readAll(topic, { timeoutMs: 120_000 })) {
    const { source, number, sum } = readNumbered(value);
    let of = stored.get(source);
    if (of === undefined) stored.set(source, (of = { numbers: [], sums: [] }));
    of.numbers.push(number);
    of.sums.push(sum);
  }
  const messages = new Template(template);
  requireAll(sent, stored, (source) => readNumbered(messages.message(source, 1)).sum);
}
