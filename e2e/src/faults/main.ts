/**
 * `make faults`: breaks a hub over two zones, one fault after another and then two at once by chance, and says what
 * was lost, doubled, reordered or altered. Exit code 1: something was. `--mixed`, `--messages` and `--minutes` say when
 * it has been enough; `--fault`, which may be given several times, names those that are wanted.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import type { KafkaClientName } from '@integration-hub/kafka';
import { FAULTS, fault, type Fault } from './faults.js';
import { lineOf, runFaults, type RunReport } from './machine.js';
import { Random } from './random.js';
import { reasonAgainstNetwork } from './zone-network.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    fault: { type: 'string', multiple: true },
    mixed: { type: 'string', default: '5' },
    messages: { type: 'string', default: '0' },
    minutes: { type: 'string', default: '0' },
    senders: { type: 'string' },
    rate: { type: 'string', default: '500' },
    client: { type: 'string' },
    report: { type: 'string', default: 'faults-report.json' },
    'keep-logs': { type: 'boolean', default: false },
    'ignore-gaps': { type: 'boolean', default: false },
  },
});
const reason = reasonAgainstNetwork();
if (reason !== undefined) {
  console.log(`faults: not run: ${reason}`);
  process.exit(0);
}
/** Messages a second of a sending system, which is a patient, too: more wait for each other's delivery and commit. */
const PACE = 5;
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const random = new Random(seed);
const alone = values.fault === undefined ? FAULTS : values.fault.map(fault);
/** Every fault alone, then two at once by chance: so many, and more until enough messages have gone and time is over. */
function* steps(): Generator<readonly Fault[]> {
  for (const one of alone) yield [one];
  const isEnough = (mixtures: number): boolean =>
    mixtures >= Number(values.mixed) &&
    acknowledged >= Number(values.messages) &&
    performance.now() - began >= Number(values.minutes) * 60_000;
  for (let mixtures = 0; !isEnough(mixtures); mixtures += 1) {
    const first = random.pick(alone);
    yield [first, random.pick(alone.length > 1 ? alone.filter((other) => other !== first) : FAULTS)];
  }
}
/** Written after each step, so that a run that is killed has said what it saw. */
function writeReport(report: object): void {
  mkdirSync(dirname(values.report), { recursive: true });
  writeFileSync(values.report, `${JSON.stringify(report, null, 2)}\n`);
}

function clientOf(name: string | undefined): KafkaClientName | undefined {
  if (name === undefined || name === 'kafkajs' || name === 'platformatic') return name;
  console.error(`faults: there is no client "${name}"; say --client kafkajs or --client platformatic`);
  process.exit(2);
}

console.log(`faults: seed ${seed}`);
const began = performance.now();
let acknowledged = 0;
const ending = new AbortController();
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
for (const signal of SIGNALS) process.once(signal, () => ending.abort(signal));
process.on('uncaughtException', (error) => ending.abort(error));
let report: RunReport;
try {
  report = await runFaults({
    seed,
    steps: steps(),
    onStep: (soFar) => {
      ({ acknowledged } = soFar.findings);
      writeReport(soFar);
    },
    signal: ending.signal,
    sendersPerFlow: Number(values.senders ?? Math.max(8, Number(values.rate) / PACE)),
    rate: Number(values.rate),
    client: clientOf(values.client),
    keepLogs: values['keep-logs'],
    judgeGaps: !values['ignore-gaps'],
    onProgress: (sentence) =>
      console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)}  ${sentence}`),
  });
} catch (error) {
  writeReport({ seed, steps: [], wrongs: [`not begun: ${(error as Error).message}`] });
  console.error(error);
  process.exit(1);
}
writeReport(report);
console.log();
for (const step of report.steps) console.log(lineOf(step));
const { findings } = report;
console.log(
  `\nseed ${seed}: acknowledged ${findings.acknowledged}, delivered ${findings.delivered}, lost ${findings.lost.length}, altered ${findings.altered.length}, out of order ${findings.outOfOrder.length}, doubled ${findings.doubled.length}, late copies ${findings.lateCopies.length}, twice in flight ${findings.doubledInFlight.length}`,
);
for (const wrong of report.wrongs) console.log(`WRONG  ${wrong}`);
process.exit(report.wrongs.length === 0 ? 0 : 1);
