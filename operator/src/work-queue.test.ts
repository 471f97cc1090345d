import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { WorkQueue } from './work-queue.js';

function queueOf(
  handle: (key: string) => Promise<number | undefined>,
  options: { concurrency?: number; onError?: (key: string, error: unknown, waitMs: number) => void } = {},
): WorkQueue {
  const { concurrency = 4, onError = () => undefined } = options;
  return new WorkQueue({ concurrency, backOffMs: [20, 80], handle, onError });
}

/** Resolves once something is so, or fails after two seconds. */
async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 2_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('it never became so');
    await sleep(5);
  }
}

describe('work queue', () => {
  it('works on a key once, however often it was added', async () => {
    const done: string[] = [];
    const queue = queueOf((key) => {
      done.push(key);
      return Promise.resolve(undefined);
    });
    for (const key of ['a', 'b', 'a', 'a', 'b']) queue.add(key);
    expect(queue.depth).to.equal(2);
    queue.start();
    await queue.stop();
    expect(done).to.deep.equal(['a', 'b']);
  });

  it('works on a key again that was added while in hand, and never twice at a time', async () => {
    let [inHand, most, times] = [0, 0, 0];
    const queue = queueOf(async (key) => {
      inHand += 1;
      most = Math.max(most, inHand);
      times += 1;
      if (times === 1) queue.add(key);
      await sleep(20);
      inHand -= 1;
      return undefined;
    });
    queue.start();
    queue.add('a');
    await until(() => times === 2 && inHand === 0);
    expect(most).to.equal(1);
    await queue.stop();
  });

  it('lets a failing key wait longer each time, up to the longest, and others go on', async () => {
    const waits: number[] = [];
    let others = 0;
    const queue = queueOf(
      (key) => {
        if (key === 'bad') throw new Error('no');
        others += 1;
        return Promise.resolve(undefined);
      },
      { concurrency: 1, onError: (_key, _error, waitMs) => waits.push(waitMs) },
    );
    queue.start();
    queue.add('bad');
    queue.add('good');
    await until(() => waits.length >= 5);
    await queue.stop();
    expect(others).to.equal(1);
    expect(waits[0]).to.be.within(16, 24);
    expect(waits[1]).to.be.within(32, 48);
    expect(waits[4]).to.be.within(64, 96);
  });

  it('waits as long as the server asks', async () => {
    const waits: number[] = [];
    const queue = queueOf(
      () => Promise.reject(Object.assign(new Error('slow down'), { retryAfterMs: 500 })),
      {
        onError: (_key, _error, waitMs) => waits.push(waitMs),
      },
    );
    queue.start();
    queue.add('a');
    await until(() => waits.length === 1);
    await queue.stop();
    expect(waits).to.deep.equal([500]);
  });

  it('calls again after the time that the handler gives, or sooner where added', async () => {
    const at: number[] = [];
    const queue = queueOf(() => {
      at.push(Date.now());
      return Promise.resolve(at.length === 1 ? 60 : at.length === 2 ? 60_000 : undefined);
    });
    queue.start();
    queue.add('a');
    await until(() => at.length === 2);
    expect(at[1]! - at[0]!).to.be.at.least(55);
    queue.add('a');
    await until(() => at.length === 3);
    await queue.stop();
  });

  it('is stopped once what is in hand is done, and begins nothing more', async () => {
    const [begun, done]: [string[], string[]] = [[], []];
    const queue = queueOf(
      async (key) => {
        begun.push(key);
        await sleep(30);
        done.push(key);
        return 1;
      },
      { concurrency: 1 },
    );
    queue.start();
    queue.add('a');
    queue.add('b');
    await queue.stop();
    expect(done).to.deep.equal(['a']);
    await sleep(50);
    expect(begun).to.deep.equal(['a']);
  });
});
