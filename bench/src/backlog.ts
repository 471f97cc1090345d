/**
 * Each stage alone: a load is taken in while nothing else runs, then the transformer works the backlog off, then the
 * sender does. So no stage waits for another, and the start of a backlog can be compared with its end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { outboundTopic } from '@integration-hub/api';
import type { TopicAdmin } from '@integration-hub/kafka';
import { Bed, type SectionSettings } from './road/bed.js';
import type { HubRoad } from './road/hub.js';
import type { LoadResult } from './road/load-generator.js';
import type { Program } from './road/program.js';
import type { Arrivals } from './road/receiver.js';
import { allArrived } from './road/round.js';
import { requireAll } from './road/verdict.js';
import { comparison, type Comparison } from './side-by-side.js';

/** Rates of one round, in messages a second. */
interface Rates {
  readonly listener: number;
  readonly transformer: number;
  readonly sender: number;
  /** Of the first and of the last tenth of what the sender delivered. */
  readonly senderFirst: number;
  readonly senderLast: number;
}

const receiverConnections = 16;

/**
 * All figures of this section.
 *
 * @throws Error where a message is lost, doubled, reordered or altered
 */
export function compareBacklog(settings: SectionSettings): Promise<Comparison[]> {
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
        const rates = await runBacklog(road, topic, admin, load, receiver, order);
        turns.get(road)!.push(rates);
        const texts = Object.entries<number>({ ...rates }).map(
          ([stage, rate]) => `${stage} ${Math.round(rate)}/s`,
        );
        settings.onProgress(`${road.name}, round ${round}: ${texts.join(', ')}`);
      }
    }
    const [ofMany, ofOne] = [turns.get(many)!, turns.get(one)!];
    const compared = (name: string, peer: string, ours: (keyof Rates)[], rates = ofMany): Comparison =>
      comparison(
        name,
        'messages/s',
        peer,
        rates.map((rate) => ({ ours: rate[ours[0]!], peer: rate[ours[1]!] })),
      );
    return [
      compared('transformer alone', 'listener alone', ['transformer', 'listener']),
      comparison(
        `sender alone, ${receiverConnections} connections, by patient`,
        'messages/s',
        'sender, one order',
        ofMany.map(({ sender }, index) => ({ ours: sender, peer: ofOne[index]!.sender })),
      ),
      compared('sender, by patient: last tenth', 'first tenth', ['senderLast', 'senderFirst']),
      compared('sender, one order: last tenth', 'first tenth', ['senderLast', 'senderFirst'], ofOne),
    ];
  });
}

async function runBacklog(
  road: HubRoad,
  topic: string,
  admin: TopicAdmin,
  load: Program,
  receiver: Program,
  order: { round: string; connections: number; seconds: number; template: Buffer },
): Promise<Rates> {
  const [transformer, sender] = (['transformer', 'sender'] as const).map((role) =>
    road.hub.workers.find((worker) => worker.stage.role === role)!,
  );
  await transformer!.stop();
  await sender!.stop();
  const result = await load.ask<LoadResult>({ ...order, port: road.port });
  const messages = result.acknowledgedAfter.length;

  await transformer!.start();
  const transformed = await watchEnd(admin, topic, messages);
  await sender!.start();
  await allArrived(receiver, order.round, messages);
  const arrived = await receiver.ask<Map<string, Arrivals>>({ take: order.round });
  const counts = new Map([...result.sent].map(([source, times]) => [source, times.length]));
  requireAll(counts, arrived, road.sumOf);
  const times = Float64Array.from([...arrived.values()].flatMap(({ at }) => at)).sort();
  const rate = (from: number, to: number): number => ((to - from) * 1_000) / (times[to]! - times[from]!);
  const [tenth, last] = [Math.floor(messages / 10), messages - 1];
  return {
    listener: (messages * 1_000) / (result.ended - result.began),
    transformer: transformed,
    sender: rate(0, last),
    senderFirst: rate(0, tenth),
    senderLast: rate(last - tenth, last),
  };
}

/** Watches a topic grow by so many records; markers of transactions are among what its offsets count. */
async function watchEnd(admin: TopicAdmin, topic: string, messages: number): Promise<number> {
  const size = async (): Promise<number> =>
    [...(await admin.endOffsets(topic)).values()].reduce((sum, end) => sum + Number(end), 0);
  const begin = await size();
  const seen: { at: number; size: number }[] = [];
  const deadline = performance.now() + 120_000;
  for (let quietSince = performance.now(); performance.now() < deadline;) {
    const now = await size();
    const at = performance.now();
    if (now > (seen.at(-1)?.size ?? begin)) {
      seen.push({ at, size: now });
      quietSince = at;
    }
    if (now - begin >= messages && at - quietSince > 500) break;
    await sleep(20);
  }
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined || last.size - begin < messages) {
    throw new Error(`of ${messages} messages not all were transformed`);
  }
  const share = (last.size - first.size) / (last.size - begin);
  return (messages * share * 1_000) / (last.at - first.at);
}
