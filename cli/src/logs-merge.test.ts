import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import type { LogLine } from './logs-line.js';
import { LogMerge } from './logs-merge.js';

interface Step {
  /** How long nothing comes before the line, in milliseconds. */
  readonly after: number;
  readonly time: number;
}

async function* log(source: string, steps: readonly Step[]): AsyncGenerator<LogLine> {
  for (const [index, { after, time }] of steps.entries()) {
    if (after > 0) await sleep(after);
    yield { source, time, text: String(index) };
  }
}

async function merged(merge: LogMerge): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of merge.lines()) lines.push(line);
  return lines;
}

describe('the merge of logs', () => {
  it('has every line once, in the order of their times, and each log in its own order', async () => {
    const times = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.array(times, { maxLength: 5 }), async (logs) => {
        const merge = new LogMerge(Infinity);
        const sorted = logs.map((one) => one.sort((a, b) => a - b));
        sorted.forEach((one, index) => {
          merge.add(
            log(
              String(index),
              one.map((time) => ({ after: 0, time })),
            ),
          );
        });
        const lines = await merged(merge);
        expect(lines.map(({ time }) => time)).to.deep.equal(sorted.flat().sort((a, b) => a - b));
        for (const [index, one] of sorted.entries()) {
          const own = lines.filter(({ source }) => source === String(index));
          expect(own.map(({ text }) => Number(text))).to.deep.equal(one.map((_, place) => place));
        }
      }),
    );
  });

  it('waits for a log that is slow to begin, as long as its patience goes', async () => {
    const order = async (patienceMs: number): Promise<string> => {
      const merge = new LogMerge(patienceMs);
      merge.add(log('slow', [{ after: 300, time: 1 }]));
      merge.add(log('quick', [{ after: 0, time: 2 }]));
      return (await merged(merge)).map(({ source }) => source).join(' ');
    };
    expect(await order(Infinity)).to.equal('slow quick');
    expect(await order(20)).to.equal('quick slow');
  });

  it('takes in logs while it runs', async () => {
    const merge = new LogMerge(20);
    merge.add(
      log('first', [
        { after: 0, time: 1 },
        { after: 100, time: 4 },
      ]),
    );
    const lines = merge.lines();
    expect((await lines.next()).value).to.include({ source: 'first', time: 1 });
    merge.add(log('second', [{ after: 0, time: 2 }]));
    expect((await lines.next()).value).to.include({ source: 'second' });
    expect((await lines.next()).value).to.include({ source: 'first', time: 4 });
    expect((await lines.next()).done).to.equal(true);
  });

  it('fails as one of its logs does', async () => {
    const merge = new LogMerge(Infinity);
    merge.add(log('sound', [{ after: 5_000, time: 1 }]));
    merge.add({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('the node is gone')) }),
    });
    const error = await merged(merge).then(
      () => undefined,
      (failure: unknown) => failure as Error,
    );
    expect(error?.message).to.equal('the node is gone');
  });
});
