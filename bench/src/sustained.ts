/**
 * The whole road for as long as is asked for, ours alone: full load first, with what every process takes meanwhile; then half
 * of what it delivered, and steady loads.
 */
import { Bed, type SectionSettings } from './road/bed.js';
import { markEnds, measureHops } from './road/hops.js';
import { cpuSeconds, residentMb } from './road/processes.js';
import { type Percentiles, type RoundFigures, runRound } from './road/round.js';
import type { Figure } from './figure.js';

const sampleMs = 500;
/** Messages a second that are measured beside half of what the road can do: half of the goal, and the documented need. */
const STEADY = [2_500, 200];
/** Of the road, by what Kafka says when each of a message's records came. */
const PARTS = ['until stored', 'from there until transformed and sent', 'from there to the receiver'];

/**
 * All figures of this section. Each lower load lasts as long as the full one, at most a minute.
 *
 * @throws Error where a message is lost, doubled, reordered or altered
 */
export function measureSustained(settings: SectionSettings): Promise<Figure[]> {
  return Bed.with(async (bed) => {
    const { connections, seconds, onProgress } = settings;
    const { template } = bed;
    const { load, receiver, receiverPort } = await bed.ends();
    const road = await bed.hub({
      name: 'ours, ordered by patient',
      namespace: 'sustained',
      orderBy: 'PID-3.1',
      partitions: 1,
      connections: 16,
      receiverPort,
    });
    const processes = new Map([
      ...road.hub.workers.map(({ stage, pid }) => [stage.role, pid!] as const),
      ['Kafka', bed.kafkaPid] as const,
      ['load', load.pid] as const,
      ['receiver', receiver.pid] as const,
    ]);
    const figures: Figure[] = [];
    const figure = (name: string, value: number, unit: string): number => figures.push({ name, value, unit });
    const latency = (name: string, { p50, p99, p999 }: Percentiles): void => {
      for (const [share, value] of Object.entries({ p50, p99, 'p99.9': p999 })) {
        figure(`${name}, ${share}`, value, 'ms');
      }
    };
    const most = new Map<string, number>();
    const sample = (): void => {
      for (const [name, pid] of processes) most.set(name, Math.max(most.get(name) ?? 0, residentMb(pid)));
    };
    for (const { stage, pid } of road.hub.workers)
      figure(`${stage.role}: memory idle`, residentMb(pid!), 'MiB');

    onProgress('warming up');
    await runRound(road, load, receiver, { round: 'w', connections, seconds: 5, template });
    onProgress(`full load for ${seconds} s`);
    const cpuOf = (): Map<string, number> =>
      new Map([...processes].map(([name, pid]) => [name, cpuSeconds([pid])]));
    const before = cpuOf();
    const sampling = setInterval(sample, sampleMs);
    let full: RoundFigures;
    try {
      full = await runRound(road, load, receiver, { round: 'f', connections, seconds, template });
    } finally {
      clearInterval(sampling);
    }
    figure('messages', full.messages, 'messages');
    figure('acknowledged', full.acknowledged, 'messages/s');
    figure('delivered', full.delivered, 'messages/s');
    figure('p99 to the receiver', full.delivery.p99, 'ms');
    for (const [name, cpu] of cpuOf()) {
      figure(`${name}: CPU for a message`, ((cpu - before.get(name)!) * 1_000) / full.messages, 'ms');
    }
    for (const [name, mb] of most) figure(`${name}: most memory`, mb, 'MiB');

    const loads: [name: string, perSecond: number][] = [
      ['half load', full.delivered / 2],
      ...STEADY.map((perSecond): [string, number] => [`${perSecond.toLocaleString('en')}/s`, perSecond]),
    ];
    for (const [index, [name, perSecond]] of loads.entries()) {
      onProgress(`${name}: ${Math.round(perSecond)}/s`);
      const marks = await markEnds(bed.admin, road.topics);
      let hops: Percentiles[] = [];
      const order = { round: `h${index}`, connections, seconds: Math.min(seconds, 60), perSecond, template };
      const found = await runRound(road, load, receiver, order, async (times) => {
        hops = await measureHops(bed.admin, marks, times);
      });
      latency(`${name}: to the receiver`, found.delivery);
      latency(`${name}: to the acknowledgement`, found.acknowledgement);
      PARTS.forEach((part, place) => latency(`${name}: ${part}`, hops[place]!));
    }
    return figures;
  });
}
