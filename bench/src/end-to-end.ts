/**
 * The whole road, MLLP to MLLP, with every promise kept: our PHW flow (validation and mapping on) and Apache Camel's
 * in turns, on one Kafka, under one load and with one receiver.
 */
import { Bed, type SectionSettings } from './road/bed.js';
import { startCamel } from './road/camel.js';
import { residentMb } from './road/processes.js';
import type { Program } from './road/program.js';
import { type Road, type RoundFigures, runRound } from './road/round.js';
import { comparison, type Comparison, median } from './side-by-side.js';

const byPatient = 'ours, ordered by patient';
const byFlow = 'ours, one order';
const receiverConnections = 16;

/**
 * All figures of this section.
 *
 * @throws Error where a road loses, doubles, reorders or alters a message
 */
export function compareEndToEnd(settings: SectionSettings): Promise<Comparison[]> {
  return Bed.with(async (bed) => {
    const { load, receiver, receiverPort } = await bed.ends();
    // With one node for Kafka more partitions only make more requests; keys are sent side by side all the same.
    const common = { partitions: 1, receiverPort };
    const patient = await bed.hub({
      ...common,
      name: byPatient,
      namespace: 'patient',
      orderBy: 'PID-3.1',
      connections: receiverConnections,
    });
    const flow = await bed.hub({ ...common, name: byFlow, namespace: 'flow', connections: 1 });
    const { kafka, template } = bed;
    const camel = await bed.keep(startCamel(kafka, receiverPort, settings.connections, template));
    const turns = await takeTurns([patient, flow, camel], load, receiver, template, settings);
    return [patient, flow].flatMap((ours) =>
      figures.map(([what, unit, of]) => {
        const [one, other] = [of(turns.get(ours)!), of(turns.get(camel)!)];
        const rounds = one.map((figure, round) => ({ ours: figure, peer: other[round]! }));
        return comparison(`${ours.name}: ${what}`, unit, camel.name, rounds);
      }),
    );
  });
}

/** What was measured of a road. */
interface Turns {
  /** At full load. */
  readonly full: RoundFigures[];
  /** At half of the rate that the road delivers. */
  readonly half: RoundFigures[];
  /** Of the road's processes together before the first load, in MiB. */
  readonly idle: number;
  /** The same after each full load. */
  readonly memory: number[];
}

/** What is compared: its name, its unit, and its value in each round. */
const figures: readonly (readonly [what: string, unit: string, of: (turns: Turns) => number[]])[] = [
  ['delivered', 'messages/s', ({ full }) => full.map(({ delivered }) => delivered)],
  ['acknowledged', 'messages/s', ({ full }) => full.map(({ acknowledged }) => acknowledged)],
  ['half load, p50', 'ms', ({ half }) => half.map(({ delivery }) => delivery.p50)],
  ['half load, p99', 'ms', ({ half }) => half.map(({ delivery }) => delivery.p99)],
  ['half load, p99.9', 'ms', ({ half }) => half.map(({ delivery }) => delivery.p999)],
  ['half load, p99 to ACK', 'ms', ({ half }) => half.map(({ acknowledgement }) => acknowledgement.p99)],
  ['CPU for 1,000', 's', ({ full }) => full.map(({ cpu }) => cpu)],
  ['memory idle', 'MiB', ({ idle }) => [idle]],
  ['memory at load', 'MiB', ({ memory }) => memory],
];

async function takeTurns(
  roads: readonly Road[],
  load: Program,
  receiver: Program,
  template: Buffer,
  { seconds, rounds, connections, onProgress }: SectionSettings,
): Promise<Map<Road, Turns>> {
  const turns = new Map<Road, Turns>(
    roads.map((road) => [road, { full: [], half: [], idle: residentMbOf(road), memory: [] }]),
  );
  for (let round = 0; round <= rounds; round += 1) {
    // Each begins as often as it can, and the first round only warms up.
    const inTurn = roads.map((_, index) => roads[(index + round) % roads.length]!);
    for (const road of inTurn) {
      const order = { round: `r${round}`, connections, seconds, template };
      const found = await runRound(road, load, receiver, order);
      const { full, half, memory } = turns.get(road)!;
      onProgress(`${road.name}, round ${round}: ${describe(found)}`);
      if (round === 0) continue;
      full.push(found);
      memory.push(residentMbOf(road));
      const perSecond = median(full.map((one) => one.delivered)) / 2;
      half.push(await runRound(road, load, receiver, { ...order, round: `h${round}`, perSecond }));
    }
  }
  return turns;
}

function describe({ messages, acknowledged, delivered, delivery, cpu }: RoundFigures): string {
  const rates = `acknowledged ${Math.round(acknowledged)}/s, delivered ${Math.round(delivered)}/s`;
  return `${messages} messages, ${rates}, p99 ${delivery.p99.toFixed(1)} ms, ${cpu.toFixed(3)} s CPU for 1,000`;
}

function residentMbOf(road: Road): number {
  return road.pids().reduce((sum, pid) => sum + residentMb(pid), 0);
}
