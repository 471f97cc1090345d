import { securityEvent, type SecurityEvent } from '@integration-hub/api';
import type { OutgoingRecord } from '@integration-hub/kafka';
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { SecurityEvents } from './security-events.js';

describe('security events', function () {
  this.timeout(60_000);
  const names = { namespace: 'hospital', flow: 'phw', stage: 'phw-listener' };
  const refusal = { code: 'TOO_LARGE', reason: 'longer than 10 bytes', remoteAddress: '10.0.0.1' };
  const bytes = Buffer.from('PID|'.padEnd(2_000, 'x'));
  let told: SecurityEvent[];
  let counted: number;
  let isKafkaAway: boolean;

  const of = (contentPolicy: 'None' | 'Redacted' | 'Full', windowMs = 60_000): SecurityEvents => {
    [told, counted, isKafkaAway] = [[], 0, false];
    const parts = {
      store: ({ topic, value, headers }: OutgoingRecord) => {
        if (isKafkaAway) return Promise.reject(new Error('Kafka is away'));
        const event = securityEvent.parse(JSON.parse(String(value)));
        expect(topic).to.equal('ihub.hospital.security');
        expect(headers['ce_type']).to.equal(`dev.integrationhub.security.${event.type.toLowerCase()}.v1`);
        told.push(event);
        return Promise.resolve();
      },
      count: () => (counted += 1),
      windowMs,
    };
    return new SecurityEvents({ ...names, contentPolicy, securityTopic: 'ihub.hospital.security' }, parts);
  };
  const leftOut = (): (string | number | undefined)[][] =>
    told
      .filter((event) => event.leftOut !== undefined)
      .map((event) => [event.type, event.code, event.leftOut]);

  it('quote a message’s first 1,000 bytes where the flow’s policy is Full, and nothing of it elsewhere', async () => {
    for (const policy of ['None', 'Redacted'] as const) {
      const events = of(policy);
      events.refused('MESSAGE_TOO_LARGE', { ...refusal, bytes });
      await events.close();
      expect(told).to.have.length(1);
      expect(JSON.stringify(told)).not.to.include('content');
    }
    const events = of('Full');
    events.refused('MESSAGE_TOO_LARGE', { ...refusal, bytes });
    await events.close();
    expect(told[0]).to.include({ type: 'MESSAGE_TOO_LARGE', ...names, ...refusal });
    expect(Buffer.from(told[0]!.content!, 'base64')).to.deep.equal(bytes.subarray(0, 1_000));
  });

  it('are few, whoever knocks how often; how many more there were is told at the window’s end', async () => {
    const events = of('None', 50);
    for (let knock = 0; knock < 500; knock += 1) events.refused('TLS_FAILED', refusal);
    events.refused('SENDER_REFUSED', refusal);
    expect([told.length, counted]).to.deep.equal([101, 501]);
    while (leftOut().length === 0) await sleep(5);
    expect(leftOut()).to.deep.equal([['TLS_FAILED', 'NOT_TOLD_ONE_BY_ONE', 400]]);
    events.refused('TLS_FAILED', { ...refusal, remoteAddress: undefined });
    await events.close();
    expect(told.at(-1)).to.include({ type: 'TLS_FAILED', code: 'TOO_LARGE', remoteAddress: '' });
    expect(leftOut()).to.have.length(1);
  });

  it('are not dropped where Kafka is away: they are told as a number once it is back', async () => {
    const events = of('None', 50);
    isKafkaAway = true;
    for (let knock = 0; knock < 150; knock += 1) events.refused('TLS_FAILED', refusal);
    await sleep(120);
    expect(told).to.deep.equal([]);
    isKafkaAway = false;
    while (leftOut().length === 0) await sleep(5);
    expect(leftOut()).to.deep.equal([['TLS_FAILED', 'NOT_TOLD_ONE_BY_ONE', 150]]);
    await events.close();
    expect(told).to.have.length(1);
  });

  it('are told of before the listener ends, as far as they were left out', async () => {
    const events = of('None');
    for (let knock = 0; knock < 103; knock += 1) events.refused('TOO_MANY_CONNECTIONS', refusal);
    await events.close();
    expect(leftOut()).to.deep.equal([['TOO_MANY_CONNECTIONS', 'NOT_TOLD_ONE_BY_ONE', 3]]);
  });
});
