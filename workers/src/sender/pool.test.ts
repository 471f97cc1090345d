import { expect } from 'chai';
import { setImmediate } from 'node:timers/promises';
import { Pool } from './pool.js';

describe('a pool', () => {
  it('lends each item to one at a time, in the order of asking, and again after a failure', async () => {
    const pool = new Pool(['a', 'b']);
    const inUse = new Set<string>();
    const order: number[] = [];
    const work = (number: number): Promise<void> =>
      pool.with(async (item) => {
        expect(inUse.has(item)).to.equal(false);
        inUse.add(item);
        order.push(number);
        await setImmediate();
        inUse.delete(item);
        if (number === 2) throw new Error('a fault');
      });
    const done = await Promise.allSettled([1, 2, 3, 4, 5].map(work));
    expect(order).to.deep.equal([1, 2, 3, 4, 5]);
    expect(done.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
  });

  it('lends what was used last first', async () => {
    const pool = new Pool(['a', 'b']);
    const take = (): Promise<string> => pool.with((item) => Promise.resolve(item));
    const first = await take();
    expect([await take(), await take()]).to.deep.equal([first, first]);
  });
});
