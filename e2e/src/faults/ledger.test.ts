import { expect } from 'chai';
import { Ledger, type Findings } from './ledger.js';

/** The machine's word is worth what its ledger finds, so each kind of wrong is shown to it. */
describe('the ledger of the fault machine', () => {
  const bytes = Buffer.from('MSH');
  /** @param sent numbers sent and acknowledged, with those sent twice given twice */
  function findings(sent: number[], arrivals: number[]): Findings {
    const ledger = new Ledger();
    for (const number of sent) {
      ledger.sending(`a-${number}`, bytes);
      ledger.acknowledged(`a-${number}`);
    }
    for (const number of arrivals) ledger.arrived(`a-${number}`, bytes);
    return ledger.findings();
  }
  const nothing = { lost: [], altered: [], outOfOrder: [], doubled: [], lateCopies: [], doubledInFlight: [] };

  it('finds nothing where all is well', () => {
    expect(findings([1, 2, 3], [1, 2, 3])).to.deep.equal({ ...nothing, acknowledged: 3, delivered: 3 });
  });
  it('finds what is lost', () => {
    expect(findings([1, 2], [1])).to.deep.include({ ...nothing, lost: ['a-2'] });
  });
  it('does not call lost what was never acknowledged', () => {
    const ledger = new Ledger();
    ledger.sending('a-1', bytes);
    expect(ledger.findings()).to.deep.include(nothing);
  });
  it('finds what overtook', () => {
    expect(findings([1, 2], [2, 1])).to.deep.include({ ...nothing, outOfOrder: ['a-1'] });
  });
  it('tells what was in flight from what was doubled later', () => {
    expect(findings([1, 2], [1, 1, 2])).to.deep.include({ ...nothing, doubledInFlight: ['a-1'] });
    expect(findings([1, 2], [1, 2, 1])).to.deep.include({ ...nothing, doubled: ['a-1'] });
  });
  it('finds the late copy of what its sender sent twice', () => {
    expect(findings([1, 1, 2], [1, 1, 2])).to.deep.include({ ...nothing, doubledInFlight: ['a-1'] });
    expect(findings([1, 1, 2], [1, 2, 1])).to.deep.include({ ...nothing, lateCopies: ['a-1'] });
  });
  it('finds what was altered', () => {
    const ledger = new Ledger();
    ledger.sending('a-1', bytes);
    ledger.arrived('a-1', Buffer.from('MSH|'));
    expect(ledger.findings()).to.deep.include({ ...nothing, altered: ['a-1'] });
  });
  it('knows what is still awaited, whichever of the two it is told first', () => {
    const ledger = new Ledger();
    for (const controlId of ['a-1', 'a-2']) ledger.sending(controlId, bytes);
    ledger.arrived('a-1', bytes);
    ledger.acknowledged('a-1');
    ledger.acknowledged('a-2');
    expect(ledger.hasArrived()).to.equal(false);
    expect(ledger.hasArrived(performance.now() - 60_000)).to.equal(true);
    expect(ledger.awaitedCount).to.equal(1);
    expect(ledger.findings(false).lost, 'while the run goes on').to.deep.equal([]);
    expect(ledger.findings().lost).to.deep.equal(['a-2']);
    ledger.arrived('a-2', bytes);
    expect(ledger.awaitedCount).to.equal(0);
    expect(ledger.hasArrived()).to.equal(true);
  });
});
