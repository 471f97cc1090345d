import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MllpConnection, readAcknowledgement } from '@integration-hub/hl7';
import { expect } from 'chai';
import { flows, samples } from './flows.js';
import type { HostileOrder, Outcome, Outcomes } from './hostile-senders.js';
import { numbered } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';

const STREAMS = 600;
const AT_ONCE = 16;
/** Between the end of one stream and the next of the same hostile sender, in milliseconds: some ten streams a second of all. */
const BETWEEN = 1_500;
/** Those who send good messages, one after another, so many milliseconds after each acknowledgement. */
const [GOOD_SENDERS, PAUSE] = [16, 10];
const LIMIT = 1_048_576;
/** What a listener's container may take unless a Hub says otherwise, in MiB. */
const MEMORY = 512;

/** Of one reason so many refusals have a line each, in so many milliseconds; the others are counted in one line. */
const [LINES_OF_ONE_REASON, LOG_WINDOW] = [100, 10_000];

interface RefusalLine {
  readonly message: string;
  readonly timestamp: string;
  readonly reasonCode?: string;
  readonly more?: number;
}

describe('a listener that is sent what it should not be', function () {
  this.timeout(600_000);
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const listener = 'phw-to-mpi-listener';
  let hub: HubUnderTest;
  let senders: ChildProcess;

  before(async () => {
    const manifests = flows().replace(/mllp:(\s+)port: 2575/, 'mllp:$1frameTimeout: 3s$1port: 2575');
    hub = await HubUnderTest.start({ manifests });
    const order: HostileOrder = {
      seed,
      port: hub.port(2575),
      limit: LIMIT,
      streams: STREAMS,
      atOnce: AT_ONCE,
      betweenMs: BETWEEN,
    };
    senders = fork(new URL('hostile-senders.js', import.meta.url), [JSON.stringify(order)]);
    await once(senders, 'message');
  });
  after(async () => {
    senders.kill();
    await hub.stop();
  });

  /** Sends good messages one after another until it is told to stop; gives the times they took, in milliseconds. */
  async function sendGood(name: string, goesOn: () => boolean): Promise<number[]> {
    const connection = await MllpConnection.open({
      host: '127.0.0.1',
      port: hub.port(2575),
      connectTimeoutMs: 10_000,
    });
    const times: number[] = [];
    for (let number = 1; goesOn(); number += 1) {
      const controlId = `${name}-${number}`;
      const since = performance.now();
      const reply = readAcknowledgement(await connection.exchange(numbered(samples.phw, controlId), 60_000));
      times.push(performance.now() - since);
      expect([reply.code, reply.controlId]).to.deep.equal(['AA', controlId]);
      await sleep(PAUSE);
    }
    await connection.close();
    return times;
  }

  async function sendGoodWhile(name: string, work: () => Promise<void>): Promise<number[]> {
    let isOver = false;
    const senders = Array.from({ length: GOOD_SENDERS }, (_, index) =>
      sendGood(`${name}${index}`, () => !isOver),
    );
    await Promise.race([work(), Promise.all(senders)]);
    isOver = true;
    return (await Promise.all(senders)).flat().sort((a, b) => a - b);
  }

  /** How many lines and counts of refusals there are, and the most lines that one reason has in ten seconds. */
  async function refusals(): Promise<{ counted: number; told: number; lines: number; mostOfOne: number }> {
    const metrics = await (await fetch(`http://127.0.0.1:${hub.worker(listener).httpPort}/metrics`)).text();
    const counted = [
      ...metrics.matchAll(/^ihub_(?:messages_rejected|framing_violations)_total\{.*\} (\d+)$/gm),
    ]
      .map(([, count]) => Number(count))
      .reduce((sum, count) => sum + count, 0);
    const lines = readFileSync(hub.worker(listener).logFile, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as RefusalLine)
      .filter(({ message }) => /^(message rejected|connection closed|refused as well)/.test(message));
    for (const { reasonCode } of lines) expect(reasonCode).to.match(/^[A-Z0-9_]+$/);
    return {
      counted,
      told: lines.reduce((sum, { more = 1 }) => sum + more, 0),
      lines: lines.length,
      mostOfOne: Math.max(0, ...lines.map((line) => linesSoonAfter(line, lines))),
    };
  }

  it(`takes every good message beside ${STREAMS} hostile ones, and tells of each of these`, async () => {
    const { pid } = hub.worker(listener);
    await sendGoodWhile('first', () => sleep(6_000));
    const alone = await sendGoodWhile('alone', () => sleep(10_000));

    let outcomes: Outcomes = [];
    let mostMemory = 0;
    const watch = setInterval(() => (mostMemory = Math.max(mostMemory, residentMib(pid!))), 100);
    const beside = await sendGoodWhile('beside', async () => {
      const told = once(senders, 'message') as Promise<[Outcomes]>;
      senders.send('begin');
      const [code] = (await once(senders, 'exit')) as [number | null];
      expect(code).to.equal(0);
      [outcomes] = await told;
    });
    clearInterval(watch);

    const of = (outcome: Outcome): string[] =>
      outcomes.filter((one) => one[1] === outcome).map(([kind]) => kind);
    const count = (outcome: Outcome): number => of(outcome).length;
    const p99 = (times: number[]): number => times[Math.floor(times.length * 0.99)]!;
    console.log(
      `      (seed ${seed}: ${count('refused')} refused, ${count('acknowledged')} acknowledged, ${count('left')} left; ${beside.length} good ones, p99 ${Math.round(p99(beside))} ms, ${(p99(beside) / p99(alone)).toFixed(1)} times that alone; at most ${Math.round(mostMemory)} MiB)`,
    );
    expect(of('hung')).to.deep.equal([]);
    expect(count('refused')).to.be.greaterThan(STREAMS / 2);
    expect(beside.length).to.be.greaterThan(50);
    expect(mostMemory).to.be.lessThan(MEMORY);
    const worker = hub.worker(listener);
    expect([worker.pid, worker.restarts, worker.state]).to.deep.equal([pid, 0, 'running']);

    // What is more of a reason than has a line each is told every ten seconds.
    await until('each refusal is told', async () => (await refusals()).told >= count('refused'), 15_000);
    const { counted, told, lines, mostOfOne } = await refusals();
    expect(told).to.equal(counted);
    // Some that begin with a message that is right end with one that is not.
    expect(counted).to.be.within(count('refused'), count('refused') + count('acknowledged'));
    expect(lines).to.be.at.most(STREAMS);
    // Ten seconds may begin in the middle of one of the log's windows and end in the next.
    expect(mostOfOne).to.be.at.most(2 * LINES_OF_ONE_REASON + 2);
    console.log(`      (${lines} lines for ${told} refusals, at most ${mostOfOne} of one reason in 10 s)`);
  });
});

/** How many lines of the same reason there are from one on, within a window of the refusals' log. */
function linesSoonAfter({ reasonCode, timestamp }: RefusalLine, lines: readonly RefusalLine[]): number {
  const from = Date.parse(timestamp);
  return lines.filter((line) => {
    const at = Date.parse(line.timestamp);
    return line.reasonCode === reasonCode && at >= from && at < from + LOG_WINDOW;
  }).length;
}

/** The memory of a process that is not on disk, in MiB; 0 where it can't be told. */
function residentMib(pid: number): number {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return 0;
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 0) / 1024;
}
