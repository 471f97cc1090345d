import { expect } from 'chai';
import { Journal } from './journal.js';

/** A journal can only be trusted if it finds what is wrong, so each kind of wrong is shown to it here. */
describe('Journal', () => {
  const bytes = Buffer.from('MSH');
  function journal(numbers: number[], arrivals: [number: number, connection: number][]): Journal {
    const one = new Journal();
    for (const number of numbers) {
      one.sending(`a-${number}`);
      one.acknowledged(`a-${number}`);
    }
    for (const [number, connection] of arrivals) one.arrived(`a-${number}`, connection, bytes);
    return one;
  }

  it('finds nothing where all is well', () => {
    const one = journal(
      [1, 2],
      [
        [1, 1],
        [2, 1],
      ],
    );
    expect(one.complete).to.equal(true);
    expect(one.verdict()).to.deep.equal({
      acknowledged: 2,
      delivered: 2,
      lost: [],
      doubled: [],
      doubledInFlight: [],
      outOfOrder: [],
      altered: [],
    });
  });

  it('finds a lost message', () => {
    const one = journal([1, 2], [[1, 1]]);
    expect(one.complete).to.equal(false);
    expect(one.verdict().lost).to.deep.equal(['a-2']);
  });

  it('finds a doubled message', () => {
    expect(
      journal(
        [1, 2],
        [
          [1, 1],
          [2, 1],
          [2, 1],
        ],
      ).verdict().doubled,
    ).to.deep.equal(['a-2']);
    expect(
      journal(
        [1, 2],
        [
          [1, 1],
          [2, 1],
          [1, 2],
          [2, 2],
        ],
      ).verdict().doubled,
    ).to.deep.equal(['a-1']);
  });

  it('allows what was in flight at the hub’s sender: the last message of a connection', () => {
    const verdict = journal(
      [1, 2],
      [
        [1, 1],
        [2, 1],
        [2, 2],
      ],
    ).verdict();
    expect(verdict.doubled).to.deep.equal([]);
    expect(verdict.doubledInFlight).to.deep.equal(['a-2']);
  });

  it('allows what the hospital sent again', () => {
    const one = journal(
      [1, 2],
      [
        [1, 1],
        [1, 1],
        [2, 1],
      ],
    );
    one.sending('a-1');
    expect(one.verdict()).to.deep.include({ doubled: [], doubledInFlight: ['a-1'] });
  });

  it('finds what is out of order, per sender', () => {
    expect(
      journal(
        [1, 2],
        [
          [2, 1],
          [1, 1],
        ],
      ).verdict().outOfOrder,
    ).to.deep.equal(['a-1']);
    const two = journal(
      [1, 2],
      [
        [1, 1],
        [2, 1],
      ],
    );
    two.arrived('b-1', 1, bytes);
    expect(two.verdict().outOfOrder).to.deep.equal([]);
  });

  it('finds an altered message', () => {
    const one = journal([1], []);
    one.expect('a-1', Buffer.from('other'));
    one.arrived('a-1', 1, bytes);
    expect(one.verdict().altered).to.deep.equal(['a-1']);
  });
});
