/**
 * Each stage alone: a load is taken in while nothing else runs, then the transformer works the backlog off, then the
 * sender does. So no stage waits for another, and the start of a backlog can be compared with its end. A backlog of a
 * given number of messages does not come through the listener, but is stored as a listener would.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { outboundTopic, receivedTopic } from '@integration-hub/api';
import type { TopicAdmin } from '@integration-hub/kafka';
import type { WorkerProcess } from '@integration-hub/cli';
import { Bed, type SectionSettings } from './road/bed.js';
import type { HubRoad } from './road/hub.js';
import type { ProduceOrder } from './road/callers.js';
import type { LoadOrder, LoadResult } from './road/load-generator.js';
import type { Program } from './road/program.js';
import type { Arrivals } from './road/receiver.js';
import { allArrived } from './road/round.js';
import { requireAll } from './road/verdict.js';
import { comparison, type Comparison } from './side-by-side.js';

/** Rates of one round, in messages a second; of a stage also those of the first and of the last tenth. */
interface DrainRates {
  readonly transformer: number;
  readonly transformerFirst: number;
  readonly transformerLast: number;
  readonly sender: number;
  readonly senderFirst: number;
  readonly senderLast: number;
}

interface Rates extends DrainRates {
  readonly listener: number;
}

/** The stages that work a backlog off, how far that is seen, and both ends of the road. */
interface Draining {
  readonly road: HubRoad;
  /** What the transformer writes to. */
  readonly topic: string;
  readonly admin: TopicAdmin;
  readonly receiver: Program;
}

const receiverConnections = 16;

/**
 * All figures of this section.
 *
 * @param messages of the backlog, of which only the flow ordered by patient is drained; absent: as many as are
 *   taken in within the seconds
 * @throws Error where a message is lost, doubled, reordered or altered
 */
export function compareBacklog(settings: SectionSettings, messages?: number): Promise<Comparison[]> {
  return Bed.with(async (bed) => {
    const { admin, template } = bed;
    const { load, receiver, receiverPort } = await bed.ends();
    const common = { receiverPort, partitions: 1 };
    const many = await bed.hub({
      ...common,
      name: 'ordered by patient',
      namespace: 'patient',
      orderBy: 'PID-3.1',
      connections: receiverConnections,
    });
    if (messages !== undefined) {
      const topic = outboundTopic('patient', 'mpi');
      return drainMany(bed, { road: many, topic, admin, receiver }, settings, messages);
    }
    const one = await bed.hub({ ...common, name: 'one order', namespace: 'flow', connections: 1 });

    const turns = new Map<HubRoad, Rates[]>([many, one].map((road) => [road, []]));
    for (let round = 1; round <= settings.rounds; round += 1) {
      for (const [road, namespace] of [
        [many, 'patient'],
        [one, 'flow'],
      ] as const) {
        const topic = outboundTopic(namespace, 'mpi');
        const order = {
          round: `r${round}`,
          connections: settings.connections,
          seconds: settings.seconds,
          template,
        };
        const rates = await runBacklog({ road, topic, admin, receiver }, load, order);
        turns.get(road)!.push(rates);
        settings.onProgress(`${road.name}, round ${round}: ${inWords(rates)}`);
      }
    }
    const [ofMany, ofOne] = [turns.get(many)!, turns.get(one)!];
    return [
      comparison(
        'transformer alone',
        'messages/s',
        'listener alone',
        ofMany.map(({ transformer, listener }) => ({ ours: transformer, peer: listener })),
      ),
      comparison(
        `sender alone, ${receiverConnections} connections, by patient`,
        'messages/s',
        'sender, one order',
        ofMany.map(({ sender }, index) => ({ ours: sender, peer: ofOne[index]!.sender })),
      ),
      atTheEnd('transformer', ofMany, 'transformerLast', 'transformerFirst'),
      atTheEnd('sender, by patient', ofMany, 'senderLast', 'senderFirst'),
      atTheEnd('sender, one order', ofOne, 'senderLast', 'senderFirst'),
    ];
  });
}

/** Drains so many messages in each round, stored by as many sources as there would be connections. */
async function drainMany(
  bed: Bed,
  draining: Draining,
  { rounds, connections, onProgress }: SectionSettings,
  messages: number,
): Promise<Comparison[]> {
  const producer = await bed.program('gathered-producer.js');
  const recordsEach = Math.ceil(messages / connections);
  const all: DrainRates[] = [];
  for (let number = 1; number <= rounds; number += 1) {
    const round = `r${number}`;
    await stopStages(draining.road);
    const order: ProduceOrder = {
      kafka: bed.kafka,
      topic: receivedTopic('patient', 'phw-to-mpi'),
      round,
      callers: connections,
      until: { recordsEach },
      template: bed.template,
    };
    const perSecond = await producer.ask<number>(order);
    onProgress(`round ${round}: ${recordsEach * connections} messages stored, ${Math.round(perSecond)}/s`);
    const sources = Array.from({ length: connections }, (_, source) => `${round}.${source}`);
    const rates = await drain(draining, round, new Map(sources.map((source) => [source, recordsEach])));
    onProgress(`round ${round}: ${inWords(rates)}`);
    all.push(rates);
  }
  return [
    atTheEnd('transformer', all, 'transformerLast', 'transformerFirst'),
    atTheEnd('sender, by patient', all, 'senderLast', 'senderFirst'),
  ];
}

/** The last tenth of what a stage did, held against its first. */
function atTheEnd(
  stage: string,
  rates: readonly DrainRates[],
  last: keyof DrainRates,
  first: keyof DrainRates,
): Comparison {
  const pairs = rates.map((rate) => ({ ours: rate[last], peer: rate[first] }));
  return comparison(`${stage}: last tenth`, 'messages/s', 'first tenth', pairs);
}

function inWords(rates: DrainRates): string {
  const all = Object.entries<number>({ ...rates });
  return all.map(([what, rate]) => `${what} ${Math.round(rate)}/s`).join(', ');
}

function stagesOf({ hub }: HubRoad): WorkerProcess[] {
  return (['transformer', 'sender'] as const).map((role) =>
    hub.workers.find((worker) => worker.stage.role === role)!,
  );
}

async function stopStages(road: HubRoad): Promise<void> {
  for (const stage of stagesOf(road)) await stage.stop();
}

async function runBacklog(draining: Draining, load: Program, order: Omit<LoadOrder, 'port'>): Promise<Rates> {
  await stopStages(draining.road);
  const result = await load.ask<LoadResult>({ ...order, port: draining.road.port });
  const sent = new Map([...result.sent].map(([source, times]) => [source, times.length]));
  const listener = (result.acknowledgedAfter.length * 1_000) / (result.ended - result.began);
  return { listener, ...(await drain(draining, order.round, sent)) };
}

/**
 * Lets the transformer work off what is stored, then the sender.
 *
 * @param sent how many messages of each source
 * @throws Error where not all of them arrive, once, in order and right
 */
async function drain(
  { road, topic, admin, receiver }: Draining,
  round: string,
  sent: ReadonlyMap<string, number>,
): Promise<DrainRates> {
  const messages = [...sent.values()].reduce((sum, count) => sum + count, 0);
  const [transformer, sender] = stagesOf(road);
  const begin = await sizeOf(admin, topic);
  await transformer!.start();
  const transformed = await watchEnd(admin, topic, begin, messages);
  await sender!.start();
  await allArrived(receiver, round, messages);
  const arrived = await receiver.ask<Map<string, Arrivals>>({ take: round });
  requireAll(sent, arrived, road.sumOf);
  const times = Float64Array.from([...arrived.values()].flatMap(({ at }) => at)).sort();
  const rate = (from: number, to: number): number => ((to - from) * 1_000) / (times[to]! - times[from]!);
  const [tenth, last] = [Math.floor(messages / 10), messages - 1];
  return {
    ...transformed,
    sender: rate(0, last),
    senderFirst: rate(0, tenth),
    senderLast: rate(last - tenth, last),
  };
}

async function sizeOf(admin: TopicAdmin, topic: string): Promise<number> {
  return [...(await admin.endOffsets(topic)).values()].reduce((sum, end) => sum + Number(end), 0);
}

/** How large a topic was, and when. */
interface Seen {
  readonly at: number;
  readonly size: number;
}

/** Without a record more for so long, what is missing is taken for lost. */
const patienceMs = 60_000;

/** Watches a topic grow by so many records; markers of transactions are among what its offsets count. */
async function watchEnd(
  admin: TopicAdmin,
  topic: string,
  begin: number,
  messages: number,
): Promise<Pick<DrainRates, 'transformer' | 'transformerFirst' | 'transformerLast'>> {
  const seen: Seen[] = [];
  for (let quietSince = performance.now(); performance.now() - quietSince < patienceMs;) {
    const size = await sizeOf(admin, topic);
    const at = performance.now();
    if (size > (seen.at(-1)?.size ?? begin)) {
      seen.push({ at, size });
      quietSince = at;
    }
    if (size - begin >= messages && at - quietSince > 500) break;
    await sleep(20);
  }
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined || last.size - begin < messages) {
    throw new Error(`of ${messages} messages not all were transformed`);
  }
  // Of what was written, markers too, so much is messages.
  const share = messages / (last.size - begin);
  const rate = (from: Seen, to: Seen): number =>
    from === to ? NaN : ((to.size - from.size) * share * 1_000) / (to.at - from.at);
  const tenth = (last.size - first.size) / 10;
  return {
    transformer: rate(first, last),
    transformerFirst: rate(
      first,
      seen.find(({ size }) => size >= first.size + tenth)!,
    ),
    transformerLast: rate(
      seen.findLast(({ size }) => size <= last.size - tenth)!,
      last,
    ),
  };
}
