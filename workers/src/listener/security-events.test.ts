import { securityEvent, type SecurityEvent } from '@integration-hub/api';
import { expect } from 'chai';
import { SecurityEvents } from './security-events.js';

describe('security events', () => {
  const names = { namespace: 'hospital', flow: 'phw', stage: 'phw-listener' };
  const refusal = { code: 'TOO_LARGE', reason: 'longer than 10 bytes', remoteAddress: '10.0.0.1' };
  const bytes = Buffer.from('PID|'.padEnd(2_000, 'x'));
  let told: SecurityEvent[];
  let counted: number;
  let time: number;

  const of = (contentPolicy: 'None' | 'Redacted' | 'Full'): SecurityEvents => {
    [told, counted, time] = [[], 0, 0];
    const parts = {
      tell: (event: SecurityEvent) => told.push(event),
      count: () => (counted += 1),
      now: () => time,
    };
    return new SecurityEvents({ ...names, contentPolicy }, parts);
  };

  it('quote a message’s first 1,000 bytes where the flow’s policy is Full, and nothing of it elsewhere', () => {
    for (const policy of ['None', 'Redacted'] as const) {
      of(policy).refused('MESSAGE_TOO_LARGE', { ...refusal, bytes });
      expect(JSON.stringify(told)).not.to.include('content');
    }
    of('Full').refused('MESSAGE_TOO_LARGE', { ...refusal, bytes });
    const event = securityEvent.parse(JSON.parse(JSON.stringify(told[0])));
    expect(event).to.include({ type: 'MESSAGE_TOO_LARGE', ...names, ...refusal });
    expect(Buffer.from(event.content!, 'base64')).to.deep.equal(bytes.subarray(0, 1_000));
  });

  it('are few, whoever knocks how often, but all are counted; other types still get through', () => {
    const events = of('None');
    for (let knock = 0; knock < 500; knock += 1) events.refused('TLS_FAILED', refusal);
    events.refused('SENDER_REFUSED', refusal);
    expect([told.length, counted]).to.deep.equal([101, 501]);
    time += 10_000;
    events.refused('TLS_FAILED', { ...refusal, remoteAddress: undefined });
    expect(told.at(-1)).to.include({ type: 'TLS_FAILED', remoteAddress: '' });
  });
});
