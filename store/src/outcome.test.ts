import { expect } from 'chai';
import type { ArchivedStep, StepKind } from './archived-step.js';
import { outcomeOf } from './outcome.js';

function step(kind: StepKind, destination = '', change: Partial<ArchivedStep> = {}): ArchivedStep {
  const now = new Date();
  const ids = { correlationId: '', receivedAt: now, origin: '', at: now, stage: '' };
  return {
    ...ids,
    kind,
    destination,
    code: 'X',
    reason: '',
    attempts: 2,
    replayed: false,
    replay: '',
    ...change,
  };
}

describe('outcomeOf', () => {
  const received = step('received');
  it('says where a message has got to, for each destination', () => {
    expect(outcomeOf([])).to.equal('received');
    expect(outcomeOf([received])).to.equal('received');
    expect(outcomeOf([step('received', 'mpi')])).to.equal('waits for mpi');
    expect(outcomeOf([received, step('filtered')])).to.equal('for no destination');
    expect(outcomeOf([received, step('duplicate')])).to.equal('dropped, since it had come before');
    expect(
      outcomeOf([received, step('transformed', 'a'), step('transformed', 'b'), step('delivered', 'a')]),
    ).to.equal('delivered to a; waits for b');
    expect(outcomeOf([received, step('transformed', 'a'), step('failed', 'a')])).to.equal(
      'tried 2 times for a: X',
    );
  });

  it('says of a dead letter whose it is, until the message is sent again', () => {
    const refused = [received, step('transformed', 'a'), step('dead-letter', 'a')];
    expect(outcomeOf(refused)).to.equal('dead letter of a: X');
    expect(outcomeOf([...refused, step('delivered', 'a')])).to.equal('delivered to a');
    expect(outcomeOf([step('dead-letter')])).to.equal('dead letter: X');
    expect(outcomeOf([received, step('dead-letter'), step('received', '', { replayed: true })])).to.equal(
      'sent again',
    );
    expect(outcomeOf([...refused, step('letter-dropped', 'a')])).to.equal('dead letter of a, dropped');
    expect(outcomeOf([...refused, step('letter-replayed', 'a'), step('transformed', 'a')])).to.equal(
      'waits for a',
    );
  });
});
