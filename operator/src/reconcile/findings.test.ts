import { expect } from 'chai';
import type { KubeObject } from '../kubernetes/object.js';
import {
  deliveringFinding,
  listeningFinding,
  problemFinding,
  topicsFinding,
  zonesFinding,
} from './findings.js';
import { stageState, type StageState } from './stage-state.js';

const worker = (zones: string[], trouble = ''): StageState => ({
  name: 'phw-listener',
  pods: zones.length,
  ready: zones.length,
  readyZones: new Set(zones),
  trouble,
});

describe('findings', () => {
  it('say of topics what Kafka says', () => {
    expect(topicsFinding({ state: 'ready' }, 3)).to.include({
      status: 'True',
      message: '3 topics are as they should be.',
    });
    expect(topicsFinding({ state: 'pending' }, 3).status).to.equal('Unknown');
    expect(topicsFinding({ state: 'unreachable', message: 'no' }, 3)).to.include({
      reason: 'KafkaUnreachable',
      message: 'no',
    });
    expect(topicsFinding({ state: 'failed', message: 'no' }, 3).reason).to.equal('TopicFailed');
  });

  it('say who listens', () => {
    expect(listeningFinding(undefined).reason).to.equal('NoListener');
    expect(listeningFinding(worker([])).reason).to.equal('WorkersStarting');
    expect(listeningFinding(worker([], 'x: ImagePullBackOff'))).to.include({ reason: 'WorkersFail' });
    expect(listeningFinding(worker(['zone-a'])).status).to.equal('True');
  });

  it('say that a backlog is stuck, after a minute, without figures that change', () => {
    const backlog = {
      offsets: 5n,
      ends: new Map(),
      committed: new Map(),
      empty: false,
      measuredAt: 0,
      stuckSince: 1_000,
    };
    const way = { stage: 'mpi-sender', state: worker(['zone-a']), backlog };
    expect(deliveringFinding([way], 30_000).status).to.equal('True');
    const stuck = deliveringFinding([way], 62_000);
    expect(stuck).to.include({ status: 'False', reason: 'Stuck' });
    expect(deliveringFinding([way], 90_000)).to.deep.equal(stuck);
    expect(deliveringFinding([{ ...way, state: undefined }], 0).reason).to.equal('NoWorker');
    expect(deliveringFinding([], 0).status).to.equal('True');
  });

  it('say in which zone a worker is missing', () => {
    const zones = ['zone-a', 'zone-b'];
    const both = worker(zones);
    expect(zonesFinding([both, both], zones, true)).to.deep.include({ zones: '2/2' });
    expect(zonesFinding([both, both], zones, true).finding.status).to.equal('True');
    const one = zonesFinding([both, { ...worker(['zone-a']), name: 'mpi-sender' }], zones, true);
    expect(one.zones).to.equal('1/2');
    expect(one.finding.message).to.equal('mpi-sender has no ready worker in zone-b.');
    expect(zonesFinding([both], zones, false).finding.status).to.equal('Unknown');
    expect(zonesFinding([both], ['zone-a'], true).finding.reason).to.equal('OneZone');
    expect(zonesFinding([], zones, true).zones).to.equal('0/2');
  });

  it('say the first problem of a resource, and how many more there are', () => {
    const problem = {
      code: 'PORT_TAKEN',
      resource: 'IntegrationFlow/a',
      field: 'spec.x',
      message: 'is taken',
    } as const;
    expect(problemFinding([problem, problem])).to.include({
      reason: 'PortTaken',
      message: 'IntegrationFlow/a: spec.x is taken; 1 more. What ran before goes on as it was.',
    });
  });
});

describe('state of a stage', () => {
  const pod = (name: string, status: object, deletionTimestamp?: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...(deletionTimestamp !== undefined && { deletionTimestamp }) },
    spec: { nodeName: `node-${name}` },
    status,
  });
  const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
  const zoneOf = (node: string): string | undefined => (node === 'node-a' ? 'zone-a' : undefined);

  it('counts pods that are ready and stay, in zones that are known', () => {
    const state = stageState(
      's',
      [pod('a', ready), pod('b', ready), pod('c', ready, 'now'), pod('d', {})],
      zoneOf,
    );
    expect(state).to.include({ pods: 4, ready: 2, trouble: '' });
    expect([...state.readyZones]).to.deep.equal(['zone-a']);
  });

  it('does not count pods that have ended', () => {
    expect(
      stageState('s', [pod('a', { phase: 'Failed' }), pod('b', { phase: 'Running' })], zoneOf).pods,
    ).to.equal(1);
  });

  it('tells why a pod can’t be scheduled', () => {
    const conditions = [{ type: 'PodScheduled', status: 'False', message: '0/2 nodes are available' }];
    expect(stageState('s', [pod('a', { conditions })], zoneOf).trouble).to.equal(
      'a: 0/2 nodes are available',
    );
  });
});
