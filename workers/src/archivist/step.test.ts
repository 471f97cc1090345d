import { deadLetterHeaders, recordHeaders, type MessageDescription } from '@integration-hub/api';
import type { IncomingRecord } from '@integration-hub/kafka';
import { expect } from 'chai';
import { stepOf } from './step.js';

const description: MessageDescription = {
  correlationId: '0b5f7f0e-3a6e-4b43-9f0e-0f6c3d2e1a00',
  namespace: 'hospital',
  flow: 'phw',
  receivedTime: '2026-11-21T09:59:59.123Z',
  controlId: 'C1',
  contentType: 'x-application/hl7-v2+er7; charset=8859/1',
  traceparent: '',
  healthBoard: '',
  peer: '',
};
const bytes = Buffer.from(
  'MSH|^~\\&|252|PHW|||20260304||ADT^A31^ADT_A05|C1|P|2.5\rPID|||ab 1^^^X^PI||SI\xc2N\r',
  'latin1',
);
const settings = {
  eventsTopic: 'ihub.hospital.events',
  contentPolicies: { phw: 'Redacted', none: 'None', full: 'Full' },
} as const;

function record(
  headers: Record<string, string | Buffer>,
  topic = 'ihub.hospital.phw.received',
  value = bytes,
): IncomingRecord {
  const read = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text as string)] as const);
  return {
    topic,
    partition: 2,
    offset: 17n,
    timestamp: Date.parse('2026-11-21T10:00:00Z'),
    key: null,
    value,
    headers: Object.fromEntries(read),
  };
}

function event(fields: object): IncomingRecord {
  const common = { version: 1, time: '2026-11-21T10:00:05Z', stage: 'mpi-sender', ...description };
  return record({}, settings.eventsTopic, Buffer.from(JSON.stringify({ ...common, ...fields })));
}

describe('stepOf', () => {
  it('takes from what was received by what it is searched, and what the policy lets be kept', () => {
    const step = stepOf(record(recordHeaders(description, 'received')), settings)!;
    expect(step).to.include({ kind: 'received', stage: 'phw-listener', destination: '', replayed: false });
    expect(step.origin).to.equal('ihub.hospital.phw.received/2/17');
    expect(step.at.toISOString()).to.equal(description.receivedTime);
    expect(step.header).to.deep.equal({
      flow: 'phw',
      controlId: 'C1',
      messageType: 'ADT^A31',
      sendingApplication: '252',
    });
    expect(step.patientIdentifiers).to.deep.equal(['AB1']);
    expect(step.content!.bytes.toString()).to.include('PID|||*^^^*^*||*').and.not.to.include('SI');
  });

  it('keeps all of a flow that says Full, nothing of one that says None, no value of one that is gone', () => {
    const content = (flow: string): string | undefined =>
      stepOf(record(recordHeaders({ ...description, flow }, 'received')), settings)!.content?.bytes.toString(
        'latin1',
      );
    expect(content('full')).to.equal(bytes.toString('latin1'));
    expect(content('none')).to.equal(undefined);
    expect(content('gone')).to.include('*').and.not.to.include('SI');
  });

  it('begins a message with the dead letter of a listener, not with those of later stages', () => {
    const reason = {
      code: 'BAD',
      reason: 'It is bad.',
      stage: 'phw-listener',
      attempts: 1,
      failedTime: '2026-11-21T10:00:01Z',
      origin: '',
      truncated: false,
    };
    const letter = (change: object, topic: string): ReturnType<typeof stepOf> =>
      stepOf(
        record(deadLetterHeaders(description, { ...reason, ...change }), topic, Buffer.from('no message')),
        settings,
      );
    const rejected = letter({}, 'ihub.hospital.phw.dead-letter')!;
    expect(rejected).to.include({ kind: 'dead-letter', code: 'BAD', destination: '', content: undefined });
    expect(rejected.header).to.include({ flow: 'phw', controlId: 'C1', messageType: '' });
    const refused = letter({ stage: 'mpi-sender', origin: 'x/0/1' }, 'ihub.hospital.mpi.dead-letter')!;
    expect(refused).to.include({ destination: 'mpi', header: undefined });
  });

  it('takes from events only what no other topic says', () => {
    const sent = stepOf(event({ type: 'MESSAGE_SENT', destination: 'mpi' }), settings)!;
    expect(sent).to.include({
      kind: 'delivered',
      destination: 'mpi',
      correlationId: description.correlationId,
    });
    const error = { code: 'TIMEOUT', reason: 'No answer.', attempts: 3, isFinal: false };
    const failed = stepOf(event({ type: 'MESSAGE_FAILED', destination: 'mpi', error }), settings)!;
    expect(failed).to.include({ kind: 'failed', code: 'TIMEOUT', attempts: 3 });
    expect(stepOf(event({ type: 'MESSAGE_PROCESSED', destinations: [] }), settings)!.kind).to.equal(
      'filtered',
    );
    const duplicateOf = '2026-11-21T09:00:00.000Z';
    expect(stepOf(event({ type: 'MESSAGE_PROCESSED', destinations: [], duplicateOf }), settings)!).to.include(
      {
        kind: 'duplicate',
        code: 'DUPLICATE',
        reason: `the same message was received at ${duplicateOf}`,
      },
    );
    for (const told of [
      { type: 'MESSAGE_FAILED', destination: 'mpi', error: { ...error, isFinal: true } },
      { type: 'MESSAGE_PROCESSED', destinations: ['mpi'] },
      { type: 'MESSAGE_PROCESSED' },
      { type: 'MESSAGE_RECEIVED' },
      { type: 'VALIDATION_SUCCESS' },
    ]) {
      expect(stepOf(event(told), settings), JSON.stringify(told)).to.equal(undefined);
    }
  });

  it('keeps a record that another tool has written, under one id whenever it is read', () => {
    const foreign = recordHeaders({ ...description, correlationId: 'mine', receivedTime: '' }, 'received');
    const [one, again] = [stepOf(record(foreign), settings)!, stepOf(record(foreign), settings)!];
    expect(one.correlationId)
      .to.match(/^[0-9a-f-]{36}$/)
      .and.equal(again.correlationId);
    expect(one.receivedAt.toISOString()).to.equal('2026-11-21T10:00:00.000Z');
    expect(stepOf(record({}), settings)).to.equal(undefined);
  });
});
