import { expect } from 'chai';
import fc from 'fast-check';
import { Throttle } from './throttle.js';

describe('Throttle', () => {
  it('gives every turn at once where there is no limit', () => {
    const throttle = new Throttle(
      null,
      () => 1,
      () => 0,
    );
    expect([1, 2, 3].map(() => throttle.takeTurn())).to.deep.equal([0, 0, 0]);
  });

  it('spaces turns evenly', () => {
    const throttle = new Throttle(
      600,
      () => 1,
      () => 1_000,
    );
    expect([1, 2, 3].map(() => throttle.takeTurn())).to.deep.equal([0, 100, 200]);
  });

  it('takes its share of the pace', () => {
    let share = 0.25;
    const throttle = new Throttle(
      600,
      () => share,
      () => 1_000,
    );
    expect([1, 2].map(() => throttle.takeTurn())).to.deep.equal([0, 400]);
    share = 1;
    expect([1, 2].map(() => throttle.takeTurn())).to.deep.equal([800, 900]);
  });

  it('saves nothing up while nobody asks', () => {
    let now = 0;
    const throttle = new Throttle(
      60,
      () => 1,
      () => now,
    );
    throttle.takeTurn();
    now = 60_000;
    expect([1, 2].map(() => throttle.takeTurn())).to.deep.equal([0, 1_000]);
  });

  it('never gives more turns in any minute than the limit', () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 50, maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), pauses, (limit, waits) => {
        let now = 0;
        const throttle = new Throttle(
          limit,
          () => 1,
          () => now,
        );
        const turns = waits.map((wait) => {
          now += wait;
          return now + throttle.takeTurn();
        });
        turns.forEach((turn, index) => {
          const after = turns[index + limit];
          if (after !== undefined) expect(after - turn).to.be.at.least(60_000 - 0.01);
        });
      }),
    );
  });
});
