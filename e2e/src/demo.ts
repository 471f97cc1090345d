/**
 * The demonstration (`make demo`): starts Kafka, the PHW and Paris flows and a mock MPI with the commands that a
 * user has, sends the samples, shows for each what went in, its acknowledgement and what came out at MPI, and stops
 * everything. Exits with 0 if every message was acknowledged and arrived.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Message } from '@integration-hub/hl7';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ihubProgram = join(root, 'cli', 'bin', 'ihub.js');
const flows = join(root, 'manifests', 'flows');
const samples = join(flows, 'samples');
const manifests = ['phw-to-mpi', 'paris-to-mpi', 'mpi'];
const sendings = [
  { flow: 'phw-to-mpi', port: 2575, files: ['phw-to-mpi.hl7', 'phw-to-mpi.death.hl7'] },
  { flow: 'paris-to-mpi', port: 2577, files: ['paris-to-mpi.hl7'] },
];
const arrivalMs = 30_000;
const running = new Set<ChildProcess>();

/** Starts `ihub` and hands each JSON line of its output to `onLine`. */
function ihub(args: string[], onLine: (line: Record<string, unknown>) => void): ChildProcess {
  console.log(`$ ihub ${args.map((arg) => arg.replace(`${root}/`, '').replace(root, '')).join(' ')}`);
  const child = spawn(process.execPath, [ihubProgram, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  createInterface({ input: child.stdout }).on('line', (line) => {
    onLine(JSON.parse(line) as Record<string, unknown>);
  });
  return child;
}

function exited(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', resolve));
}

async function stop(child: ChildProcess): Promise<number | null> {
  child.kill('SIGINT');
  return exited(child);
}

/** A message's segments, each on a line of its own. */
function show(bytes: Buffer): string {
  const message = Message.parse(bytes);
  return message
    .segments()
    .map((segment) => `    ${message.decode(segment.er7)}`)
    .join('\n');
}

async function main(): Promise<number> {
  const scratch = await mkdtemp(join(tmpdir(), 'ihub-demo-'));
  const arrivals = join(scratch, 'mpi');
  try {
    const listening = Promise.withResolvers<undefined>();
    const mpi = ihub(['receive', '--port', '2576', '--json', '--out', arrivals], (line) => {
      if (line['event'] === 'listening') listening.resolve(undefined);
    });
    mpi.once('exit', () => listening.reject(new Error('the mock MPI could not start')));
    await listening.promise;
    const ready = Promise.withResolvers<undefined>();
    const hub = ihub(
      [
        'up',
        ...manifests.flatMap((name) => ['-f', join(flows, `${name}.yaml`)]),
        '--data',
        join(scratch, 'hub'),
        '--json',
      ],
      (line) => {
        if (line['event'] === 'progress') console.log(`  ${String(line['text'])}`);
        if (line['event'] === 'ready') ready.resolve(undefined);
      },
    );
    hub.once('exit', () => ready.reject(new Error('ihub up ended before it was ready')));
    await ready.promise;
    console.log('  ready');

    const acknowledgements = new Map<string, string>();
    for (const { port, files } of sendings) {
      const sending = ihub(
        ['send', '--port', String(port), '--json', ...files.map((file) => join(samples, file))],
        (line) => {
          if (typeof line['controlId'] === 'string') {
            acknowledgements.set(
              line['controlId'],
              `${String(line['code'])} after ${String(line['latencyMs'])} ms`,
            );
          }
        },
      );
      if ((await exited(sending)) !== 0) throw new Error('not every message was acknowledged');
    }

    const sent = await Promise.all(
      sendings.flatMap(({ flow, files }) =>
        files.map(async (file) => ({ flow, file, bytes: await readFile(join(samples, file)) })),
      ),
    );
    const arrived = await arrivedMessages(arrivals, sent.length);
    for (const { flow, file, bytes } of sent) {
      const { controlId } = Message.parse(bytes);
      const out = arrived.get(controlId);
      console.log(`\n${flow}, ${file}`);
      console.log(`  went in\n${show(bytes)}`);
      console.log(`  acknowledged: ${acknowledgements.get(controlId) ?? 'no'}`);
      console.log(out ? `  came out at MPI\n${show(out)}` : '  did not come out at MPI');
    }
    const all = sent.every(({ bytes }) => arrived.has(Message.parse(bytes).controlId));
    console.log(`\n${arrived.size} of ${sent.length} messages arrived at MPI; stopping`);
    const code = await stop(hub);
    return all && code === 0 ? 0 : 1;
  } finally {
    await Promise.all([...running].map(stop));
    await rm(scratch, { recursive: true, force: true });
  }
}

async function arrivedMessages(directory: string, count: number): Promise<Map<string, Buffer>> {
  const deadline = Date.now() + arrivalMs;
  for (;;) {
    const files = await readdir(directory).catch(() => []);
    if (files.length >= count || Date.now() > deadline) {
      const messages = await Promise.all(files.map((file) => readFile(join(directory, file))));
      return new Map(messages.map((bytes) => [Message.parse(bytes).controlId, bytes]));
    }
    await sleep(50);
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.all([...running].map(stop)).then(() => process.exit(130));
  });
}
process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});
