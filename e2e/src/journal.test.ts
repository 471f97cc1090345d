import { expect } from 'chai';
import { Journal } from './journal.js';

/** A journal can only be trusted if it finds what is wrong, so each kind of wrong is shown to it here. */
describe('Journal', () => {
  const bytes = Buffer.from('MSH');
  function journal(numbers: number[], arrivals: number[]): Journal {
    const one = new Journal();
    for (const number of numbers) {
      one.sending(`a-${number}`);
      one.acknowledged(`a-${number}`);
    }
    for (const number of arrivals) one.arrived(`a-${number}`, bytes);
    return one;
  }

  it('finds nothing where all is well', () => {
    const one = journal([1, 2], [1, 2]);
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
    const one = journal([1, 2], [1]);
    expect(one.complete).to.equal(false);
    expect(one.verdict().lost).to.deep.equal(['a-2']);
  });

  it('finds a message that came again after a later one', () => {
    const verdict = journal([1, 2], [1, 2, 1, 2]).verdict();
    expect(verdict.doubled).to.deep.equal(['a-1']);
    expect(verdict.doubledInFlight).to.deep.equal(['a-2']);
    expect(verdict.outOfOrder).to.deep.equal(['a-1']);
  });

  it('counts apart what came again before any later one: it may have been in flight', () => {
    const one = journal([1, 2], [1, 2]);
    one.arrived('b-1', bytes);
    one.arrived('a-2', bytes);
    expect(one.verdict()).to.deep.include({ doubled: [], doubledInFlight: ['a-2'] });
  });

  it('allows what the hospital sent again', () => {
    const one = journal([1, 2], [1, 1, 2]);
    one.sending('a-1');
    expect(one.verdict()).to.deep.include({ doubled: [], doubledInFlight: ['a-1'] });
  });

  it('finds what is out of order, per sender', () => {
    expect(journal([1, 2], [2, 1]).verdict().outOfOrder).to.deep.equal(['a-1']);
    const two = journal([1, 2], [1, 2]);
    two.arrived('b-1', bytes);
    expect(two.verdict().outOfOrder).to.deep.equal([]);
  });

  it('finds an altered message', () => {
    const one = journal([1], []);
    one.expect('a-1', Buffer.from('other'));
    one.arrived('a-1', bytes);
    expect(one.verdict().altered).to.deep.equal(['a-1']);
  });
});
