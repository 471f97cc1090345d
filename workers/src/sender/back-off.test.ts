import { expect } from 'chai';
import fc from 'fast-check';
import { backOff } from './back-off.js';

const limits = { initialMs: 5_000, maxMs: 900_000 };

describe('backOff', () => {
  it('doubles from the first wait to the longest, as the live hub does', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((failures) => backOff(failures, limits, 0) / 1000);
    expect(waits).to.deep.equal([5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
  });

  it('stays between three quarters of the wait and the wait', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, random) => {
          const wait = backOff(failures, limits, random);
          const full = backOff(failures, limits, 0);
          expect(wait).to.be.within(full * 0.75 - 1, full);
          expect(full).to.be.at.most(limits.maxMs);
        },
      ),
    );
  });
});
