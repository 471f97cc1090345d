/**
 * Hostile senders, as a process of their own, so that what they take to make their streams is not taken from those whose
 * times are measured. Its argument is a `HostileOrder` as JSON. It tells its parent that its streams are made, waits for a
 * word to begin, tells the outcomes, and ends.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { samples } from './flows.js';
import { Random } from './faults/random.js';
import { type HostileStream, hostileStreams } from './hostile-corpus.js';

export interface HostileOrder {
  readonly seed: number;
  readonly port: number;
  /** The most bytes that the listener takes of a message. */
  readonly limit: number;
  readonly streams: number;
  readonly atOnce: number;
  /** Between the end of one stream and the next of the same sender, half as long or half as long again by chance. */
  readonly betweenMs: number;
}

export type Outcome = 'refused' | 'acknowledged' | 'left' | 'hung';

/** Of each stream, in the order in which they ended: what kind it was, and what became of it. */
export type Outcomes = readonly (readonly [kind: string, outcome: Outcome])[];

/** Sends a stream, and waits for what becomes of it. */
async function send({ chunks, pauseMs, then }: HostileStream, port: number): Promise<Outcome> {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  let replies = 0;
  socket.on('error', () => undefined);
  socket.on('data', (bytes: Buffer) => {
    for (const byte of bytes) if (byte === 0x1c) replies += 1;
  });
  await once(socket, 'connect');
  const isOver = (): boolean => socket.destroyed || socket.readableEnded;
  for (const chunk of chunks()) {
    if (isOver()) break;
    socket.write(chunk);
    while (socket.writableNeedDrain && !isOver()) await sleep(1);
    if (pauseMs > 0) await sleep(pauseMs);
  }
  if (then === 'end') socket.end();
  if (then === 'reset') {
    // What it has sent is to have arrived.
    await sleep(20);
    socket.resetAndDestroy();
    return 'left';
  }
  const deadline = performance.now() + 60_000;
  while (!isOver() && replies === 0 && performance.now() < deadline) await sleep(5);
  const wasClosed = isOver();
  socket.destroy();
  if (replies > 0) return 'acknowledged';
  return wasClosed ? 'refused' : 'hung';
}

const { seed, port, limit, streams, atOnce, betweenMs } = JSON.parse(process.argv[2]!) as HostileOrder;
const waiting = hostileStreams(seed, samples.phw, limit, streams);
const pace = new Random(seed);
const outcomes: [string, Outcome][] = [];
async function attack(index: number): Promise<void> {
  await sleep((index / atOnce) * betweenMs);
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    outcomes.push([next.kind, await send(next, port)]);
    // Else those that once waited for the same come all at once from then on.
    await sleep((0.5 + pace.next()) * betweenMs);
  }
}
process.send!('ready');
await once(process, 'message');
await Promise.all(Array.from({ length: atOnce }, (_, index) => attack(index)));
process.send!(outcomes satisfies Outcomes, () => process.disconnect());
