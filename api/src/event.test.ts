import { expect } from 'chai';
import { eventHeaders, readEvent, type MessageEvent } from './event.js';

const event: MessageEvent = {
  version: 1,
  type: 'MESSAGE_FAILED',
  time: '2026-11-21T10:00:00.000Z',
  namespace: 'hospital',
  flow: 'phw-to-mpi',
  stage: 'mpi-sender',
  correlationId: '0b5f7f0e-3a6e-4b43-9f0e-0f6c3d2e1a00',
  receivedTime: '2026-11-21T09:59:59.000Z',
  controlId: 'C1',
  destination: 'mpi',
  error: { code: 'REFUSED_AR', reason: 'The receiver answered AR.', attempts: 1, isFinal: true },
};
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe('event', () => {
  it('is read as it was written, and by readers of today when it has new fields', () => {
    expect(readEvent(bytes(event))).to.deep.equal(event);
    expect(readEvent(bytes({ ...event, later: 1 }))).to.deep.equal(event);
  });

  it('is not read where it is of a later version, or none', () => {
    expect(readEvent(bytes({ ...event, version: 2 }))).to.equal(undefined);
    expect(readEvent(bytes({ ...event, type: 'OTHER' }))).to.equal(undefined);
    expect(readEvent(Buffer.from('{'))).to.equal(undefined);
  });

  it('has the headers that CloudEvents wants', () => {
    expect(eventHeaders(event, 'id-1')).to.include({
      ce_specversion: '1.0',
      ce_id: 'id-1',
      ce_source: '/ihub/hospital/mpi-sender',
      ce_type: 'dev.integrationhub.event.message_failed.v1',
    });
  });
});
