import type { Condition } from '@integration-hub/api';
import { expect } from 'chai';
import { conditionsOf, news, readiness, type Finding } from './conditions.js';

const finding = (type: string, status: Finding['status'], reason: string): Finding => ({
  type,
  status,
  reason,
  message: `${reason}.`,
});

const condition = (type: string, status: Finding['status'], reason: string): Condition => ({
  ...finding(type, status, reason),
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

describe('conditions', () => {
  it('keep the time of their last transition while their status stays', () => {
    const former = [condition('Ready', 'False', 'Draining'), condition('Listening', 'True', 'Listening')];
    const now = '2026-02-02T00:00:00Z';
    const made = conditionsOf(
      [finding('Ready', 'False', 'InUse'), finding('Listening', 'False', 'WorkersFail')],
      former,
      7,
      now,
    );
    expect(made.map(({ lastTransitionTime }) => lastTransitionTime)).to.deep.equal([
      '2026-01-01T00:00:00Z',
      now,
    ]);
    expect(made.map(({ observedGeneration }) => observedGeneration)).to.deep.equal([7, 7]);
  });

  it('are ready when all are true, else for the reason of the first that is not', () => {
    const all = [finding('TopicsReady', 'True', 'TopicsReady'), finding('Listening', 'True', 'Listening')];
    expect(readiness(all, 'Good.')).to.deep.equal({ ...finding('Ready', 'True', 'Ready'), message: 'Good.' });
    const unknown = [...all, finding('Delivering', 'Unknown', 'Pending'), finding('X', 'False', 'Y')];
    expect(readiness(unknown, 'Good.')).to.deep.equal(finding('Ready', 'False', 'Pending'));
  });

  it('are told of by events where a person would want to know', () => {
    const start = [
      finding('Ready', 'False', 'WorkersStarting'),
      finding('TopicsReady', 'Unknown', 'Pending'),
    ];
    expect(news(start, [])).to.deep.equal([]);
    const wrong = finding('Ready', 'False', 'PortTaken');
    expect(news([wrong], [])).to.deep.equal([wrong]);
    expect(news([wrong], [condition('Ready', 'False', 'PortTaken')])).to.deep.equal([]);
    const lost = finding('ZoneRedundant', 'False', 'ZoneMissing');
    expect(news([lost], [condition('ZoneRedundant', 'True', 'AllZones')])).to.deep.equal([lost]);
    const ready = finding('Ready', 'True', 'Ready');
    expect(news([ready], [])).to.deep.equal([ready]);
  });
});
