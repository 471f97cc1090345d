import { expect } from 'chai';
import { deadLetterHeaders, readDeadLetterReason, readDescription, recordHeaders } from './message-record.js';

const description = {
  correlationId: '0b9fd4ad-6e4f-4d5b-9f57-2d6f6a3a5d10',
  namespace: 'hub',
  flow: 'phw-to-mpi',
  receivedTime: '2026-03-04T09:15:27.123Z',
  controlId: '20260304091527000001',
  contentType: 'x-application/hl7-v2+er7; charset=utf-8',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  healthBoard: 'CTM',
  peer: 'WDS',
};
const asRead = (headers: Record<string, string | Buffer>): Record<string, Buffer> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)]));

describe('message record', () => {
  it('has the attributes that CloudEvents 1.0 requires, with lower-case names', () => {
    const headers = recordHeaders(description, 'received');
    for (const name of ['ce_specversion', 'ce_id', 'ce_source', 'ce_type'])
      expect(headers).to.have.property(name);
    expect(headers['ce_specversion']).to.equal('1.0');
    for (const name of Object.keys(headers))
      expect(name).to.match(/^(ce_[a-z0-9]{1,20}|content-type|traceparent)$/);
  });

  it('gives each stage’s record an id of its own', () => {
    const ids = (['received', 'transformed', 'dead-letter'] as const).map(
      (type) => recordHeaders(description, type)['ce_id'],
    );
    expect(new Set(ids).size).to.equal(3);
  });

  it('is read back as it was written', () => {
    expect(readDescription(asRead(recordHeaders(description, 'received')))).to.deep.equal(description);
    const reason = {
      code: 'BAD_DATE_TIME',
      reason: 'MSH-7 is no date and time',
      stage: 'phw-to-mpi-transformer',
      attempts: 1,
      failedTime: '2026-03-04T09:15:28.000Z',
      origin: 'ihub.hub.phw-to-mpi.received/0/17',
      truncated: false,
    };
    const headers = asRead(deadLetterHeaders(description, reason));
    expect(readDeadLetterReason(headers)).to.deep.equal(reason);
    expect(readDescription(headers)).to.deep.equal(description);
  });

  it('reads a record that another tool wrote', () => {
    expect(readDescription({})).to.include({ flow: '', controlId: '', correlationId: '' });
    expect(readDeadLetterReason({})).to.equal(undefined);
  });
});
