/**
 * `make memory`: sends many messages through listener, transformer and sender at full speed, every one of them seen to
 * arrive once and right, and prints what each worker holds at the start, after each tenth, and at the end: resident
 * memory, V8's heap in use, and what lies outside of that. `--messages N`, 10,000,000 unless said; `--connections`.
 */
import { parseArgs } from 'node:util';
import type { WorkerProcess } from '@integration-hub/cli';
import { Bed } from './road/bed.js';
import { residentMb } from './road/processes.js';
import { runRound } from './road/round.js';

/** One round; a round's arrivals are kept in memory until it is over. */
const secondsOfRound = 15;
const tenths = 10;

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '10000000' },
    connections: { type: 'string', default: '100' },
  },
});
const [messages, connections] = [Number(values.messages), Number(values.connections)];
if (!Number.isSafeInteger(messages) || messages < 1 || !(connections >= 1)) {
  console.error('memory: say how many: --messages 1000000 --connections 100');
  process.exit(2);
}

/** Of a worker's own /metrics, in MiB. */
async function metricMb({ httpPort }: WorkerProcess, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  const value = new RegExp(`^${name}(?:\\{[^}]*\\})? ([0-9.e+]+)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`a worker does not tell ${name}`);
  return Number(value) / 1_048_576;
}

await Bed.with(async (bed) => {
  const { load, receiver, receiverPort } = await bed.ends();
  const road = await bed.hub({
    name: 'ours, ordered by patient',
    namespace: 'memory',
    orderBy: 'PID-3.1',
    partitions: 1,
    connections: 16,
    receiverPort,
  });
  const print = async (sent: number, perSecond?: number): Promise<void> => {
    const rate = perSecond === undefined ? '' : `, ${perSecond.toFixed(0)}/s in the last round`;
    console.log(`after ${sent.toLocaleString('en')} messages${rate}`);
    for (const worker of road.hub.workers) {
      const heap = await metricMb(worker, 'nodejs_heap_size_used_bytes');
      const outside = await metricMb(worker, 'nodejs_external_memory_bytes');
      const figures = [residentMb(worker.pid!), heap, outside].map((one) => one.toFixed(0).padStart(5));
      const [resident, used, external] = figures as [string, string, string];
      const name = worker.stage.role.padEnd(12);
      console.log(
        `  ${name} resident ${resident} MiB, heap used ${used}, outside ${external}, starts ${worker.restarts + 1}`,
      );
    }
  };
  await print(0);
  let [sent, printed, round] = [0, 0, 0];
  while (sent < messages) {
    const figures = await runRound(road, load, receiver, {
      round: `r${(round += 1)}`,
      connections,
      seconds: secondsOfRound,
      template: bed.template,
    });
    sent += figures.messages;
    const tenth = Math.floor((tenths * sent) / messages);
    if (tenth > printed) await print(sent, figures.delivered);
    printed = tenth;
  }
});
