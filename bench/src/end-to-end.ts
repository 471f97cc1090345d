/**
 * The whole road, MLLP to MLLP, with every promise kept: our PHW flow (validation and mapping on) and Apache Camel's
 * in turns, on one Kafka, under one load and with one receiver.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedBroker } from '@integration-hub/kafka';
import { startCamel } from './road/camel.js';
import { startHub } from './road/hub.js';
import { residentMb } from './road/processes.js';
import { Program } from './road/program.js';
import { type Road, type RoundFigures, runRound } from './road/round.js';
import { comparison, type Comparison, median } from './side-by-side.js';

export interface EndToEndSettings {
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: number;
  /** Is told what goes on. */
  readonly onProgress: (sentence: string) => void;
}

const byPatient = 'ours, ordered by patient';
const byFlow = 'ours, one order';
const receiverConnections = 16;

/**
 * All figures of this section.
 *
 * @throws Error where a road loses, doubles, reorders or alters a message
 */
export async function compareEndToEnd(settings: EndToEndSettings): Promise<Comparison[]> {
  const template = readFileSync(new URL('../messages/phw-ten-segments.hl7', import.meta.url));
  const directory = await mkdtemp(join(tmpdir(), 'ihub-bench-'));
  const stops: (() => Promise<void>)[] = [];
  try {
    const broker = await EmbeddedBroker.start({
      dataDirectory: join(directory, 'kafka'),
      logFile: join(directory, 'kafka.log'),
      heapMb: 512,
    });
    stops.push(() => broker.stop());
    const receiver = await Program.start('receiver.js');
    stops.push(() => receiver.stop());
    const load = await Program.start('load-generator.js');
    stops.push(() => load.stop());
    const receiverPort = await receiver.ask<number>({ port: true });
    const kafka = broker.bootstrapServers[0]!;
    // With one node for Kafka more partitions only make more requests; keys are sent side by side all the same.
    const common = { partitions: 1, kafka, receiverPort, directory, template };
    const patient = await startHub({
      ...common,
      name: byPatient,
      namespace: 'patient',
      orderBy: 'PID-3.1',
      connections: receiverConnections,
    });
    stops.push(() => patient.stop());
    const flow = await startHub({ ...common, name: byFlow, namespace: 'flow', connections: 1 });
    stops.push(() => flow.stop());
    const camel = await startCamel(kafka, receiverPort, settings.connections, template);
    stops.push(() => camel.stop());
    const roads = [patient, flow, camel];
    const idle = new Map(roads.map((road) => [road, memory(road)]));
    const turns = await takeTurns(roads, load, receiver, template, settings);
    return [patient, flow].flatMap((ours) => compareRoads(ours, camel, turns, idle));
  } finally {
    for (const stop of stops.reverse()) await stop();
    await rm(directory, { recursive: true, force: true });
  }
}

interface Turns {
  /** At full load. */
  readonly full: readonly RoundFigures[];
  /** At half of the rate that the road delivers. */
  readonly half: readonly RoundFigures[];
  /** Of the road's processes together after each full load, in MiB. */
  readonly memory: readonly number[];
}

async function takeTurns(
  roads: readonly Road[],
  load: Program,
  receiver: Program,
  template: Buffer,
  { seconds, rounds, connections, onProgress }: EndToEndSettings,
): Promise<Map<Road, Turns>> {
  const turns = new Map(
    roads.map((road) => [
      road,
      { full: [] as RoundFigures[], half: [] as RoundFigures[], memory: [] as number[] },
    ]),
  );
  for (let round = 0; round <= rounds; round += 1) {
    // Each begins as often as it can, and the first round only warms up.
    const inTurn = roads.map((_, index) => roads[(index + round) % roads.length]!);
    for (const road of inTurn) {
      const order = { round: `r${round}`, connections, seconds, template };
      const figures = await runRound(road, load, receiver, order);
      const { full, half, memory: resident } = turns.get(road)!;
      onProgress(`${road.name}, round ${round}: ${describe(figures)}`);
      if (round === 0) continue;
      full.push(figures);
      resident.push(memory(road));
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

function memory(road: Road): number {
  return road.pids().reduce((sum, pid) => sum + residentMb(pid), 0);
}

function compareRoads(
  ours: Road,
  peer: Road,
  turns: ReadonlyMap<Road, Turns>,
  idle: ReadonlyMap<Road, number>,
): Comparison[] {
  const [one, other] = [turns.get(ours)!, turns.get(peer)!];
  const pairs = <Figures>(
    of: (turn: Turns) => readonly Figures[],
    figure: (figures: Figures) => number,
  ): { ours: number; peer: number }[] =>
    of(one).map((figures, round) => ({ ours: figure(figures), peer: figure(of(other)[round]!) }));
  const full = (turn: Turns): readonly RoundFigures[] => turn.full;
  const half = (turn: Turns): readonly RoundFigures[] => turn.half;
  const name = ours.name;
  const compared = (
    what: string,
    unit: string,
    rounds: readonly { ours: number; peer: number }[],
  ): Comparison => comparison(`${name}: ${what}`, unit, peer.name, rounds);
  return [
    compared(
      'delivered',
      'messages/s',
      pairs(full, (figures) => figures.delivered),
    ),
    compared(
      'acknowledged',
      'messages/s',
      pairs(full, (figures) => figures.acknowledged),
    ),
    compared(
      'half load, p50',
      'ms',
      pairs(half, ({ delivery }) => delivery.p50),
    ),
    compared(
      'half load, p99',
      'ms',
      pairs(half, ({ delivery }) => delivery.p99),
    ),
    compared(
      'half load, p99.9',
      'ms',
      pairs(half, ({ delivery }) => delivery.p999),
    ),
    compared(
      'half load, p99 to ACK',
      'ms',
      pairs(half, ({ acknowledgement }) => acknowledgement.p99),
    ),
    compared(
      'CPU for 1,000',
      's',
      pairs(full, (figures) => figures.cpu),
    ),
    compared('memory idle', 'MiB', [{ ours: idle.get(ours)!, peer: idle.get(peer)! }]),
    compared(
      'memory at load',
      'MiB',
      pairs(({ memory: resident }) => resident, Number),
    ),
  ];
}
