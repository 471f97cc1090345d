import { expect } from 'chai';
import type { FlowSummary, WorkerSummary } from './api.js';
import { byZone, flowHealth, isTroubled, troubledFirst, zoneHealth } from './health.js';

const worker = (zone: string, ready = true, up = true): WorkerSummary => ({
  stage: 'listener',
  zone,
  ready,
  up,
});
const flow = (name: string, change: Partial<FlowSummary> = {}): FlowSummary => ({
  name,
  ready: true,
  workers: [worker('zone-a'), worker('zone-b')],
  receivedPerSecond: 1,
  deliveredPerSecond: 1,
  failedPerSecond: 0,
  errorRate: 0,
  backlog: 0,
  oldestWaitingSeconds: null,
  deadLetters: 0,
  lastReceivedAt: null,
  ...change,
});

describe('Health in the console', () => {
  it('of a flow is bad without a stage, in part without a worker, unknown where no worker is known', () => {
    expect(flowHealth(flow('a'))).to.equal('good');
    expect(flowHealth(flow('a', { workers: [worker('zone-a'), worker('zone-b', false)] }))).to.equal(
      'warning',
    );
    expect(flowHealth(flow('a', { workers: [worker('zone-a'), worker('zone-b', true, false)] }))).to.equal(
      'warning',
    );
    expect(flowHealth(flow('a', { ready: false }))).to.equal('bad');
    expect(flowHealth(flow('a', { workers: [] }))).to.equal('unknown');
  });

  it('puts what needs a person first', () => {
    const flows = [
      flow('calm'),
      flow('letters', { deadLetters: 3 }),
      flow('half', { workers: [worker('zone-a', false), worker('zone-b')] }),
      flow('down', { ready: false }),
      flow('calmer'),
    ];
    expect(troubledFirst(flows).map(({ name }) => name)).to.deep.equal([
      'down',
      'half',
      'letters',
      'calm',
      'calmer',
    ]);
    expect(flows.filter(isTroubled).map(({ name }) => name)).to.deep.equal(['letters', 'half', 'down']);
    expect(isTroubled(flow('errs', { errorRate: 0.01 }))).to.equal(true);
    expect(isTroubled(flow('unknown letters', { deadLetters: null }))).to.equal(false);
  });

  it('is told by zone', () => {
    const workers = [worker('zone-b'), worker('zone-a', false), worker('zone-b', false)];
    expect(byZone(workers).map(([zone, of]) => [zone, of.length, zoneHealth(of)])).to.deep.equal([
      ['zone-a', 1, 'bad'],
      ['zone-b', 2, 'warning'],
    ]);
  });
});
