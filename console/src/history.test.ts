import { expect } from 'chai';
import { type Counted, History, quantile } from './history.js';

const counted = (received: number): Counted => ({ received, delivered: 1, failed: 0, latencies: new Map() });
const minute = 60_000;

describe('history', () => {
  it('sums what was counted in each minute, and keeps a day of it', () => {
    const history = new History();
    const begin = Date.parse('2026-11-21T00:00:00Z');
    for (let at = 0; at < 25 * 60; at++) history.add('phw', counted(at), begin + at * minute);
    history.add('phw', counted(7), begin + 1_499 * minute + 30_000);
    const now = begin + 1_499 * minute + 40_000;
    const points = history.points('phw', 2_000, now);
    expect(points.length).to.equal(1_440);
    expect(points.at(-1)).to.include({ at: '2026-11-22T00:59:00.000Z', received: 1_506, delivered: 2 });
    expect(history.points('phw', 2, now).length).to.equal(3);
    expect(history.points('other', 60, now)).to.deep.equal([]);
  });

  it('takes of the last minute its share where that lies in two', () => {
    const history = new History();
    history.add('phw', counted(60), 0);
    history.add('phw', counted(10), minute);
    expect(history.lastMinute('phw', minute + 15_000).received).to.equal(10 + 0.75 * 60);
  });

  it('goes on with its minute when the clock is set back', () => {
    const history = new History();
    history.add('phw', counted(1), 5 * minute);
    history.add('phw', counted(2), 3 * minute);
    expect(history.points('phw', 60, 5 * minute).map(({ received }) => received)).to.deep.equal([3]);
  });

  it('reads quantiles off buckets', () => {
    const latencies = new Map([
      [0.1, 50],
      [0.2, 90],
      [1, 100],
      [Infinity, 100],
    ]);
    expect(quantile(latencies, 0.5)).to.be.closeTo(100, 0.01);
    expect(quantile(latencies, 0.99)).to.be.closeTo(920, 0.01);
    expect(quantile(new Map([[Infinity, 3]]), 0.5)).to.equal(0);
    expect(quantile(new Map(), 0.5)).to.equal(null);
  });
});
