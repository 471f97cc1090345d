import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect } from 'chai';
import type { MessageDescription } from '@integration-hub/api';
import { Events } from './events.js';
import { createLog } from './log.js';
import { Metrics } from './metrics.js';

const about: MessageDescription = {
  correlationId: '0b5f7f0e-3a6e-4b43-9f0e-0f6c3d2e1a00',
  namespace: 'hospital',
  flow: 'phw',
  receivedTime: '2026-11-21T09:59:59.123Z',
  controlId: 'C1',
  contentType: '',
  traceparent: '',
  healthBoard: '',
  peer: '',
};

describe('Events', function () {
  this.timeout(60_000);
  const log = createLog('error', {});
  log.silent = true;

  async function dropped(metrics: Metrics): Promise<number> {
    const { values } = await metrics.eventsDropped.get();
    return values.reduce((sum, { value }) => sum + value, 0);
  }

  it('wait for nobody: without Kafka a stage goes on, few are kept, all that are dropped are counted', async () => {
    // Nobody listens there.
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const kafka = {
      bootstrapServers: [`127.0.0.1:${port}`],
      tls: null,
      sasl: null,
      client: 'kafkajs' as const,
      sessionTimeoutMs: 6_000,
      watchdogMs: 60_000,
    };
    const metrics = new Metrics();
    const events = new Events({ stage: 's', kafka, eventsTopic: 'events' }, { log, metrics }, 500);
    for (let told = 0; told < 12_000; told += 1) events.tell('MESSAGE_RECEIVED', about);
    // All above 10,000 at once, without a turn of the event loop.
    expect(await dropped(metrics)).to.equal(2_000);
    await events.close();
    while ((await dropped(metrics)) < 12_000) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await dropped(metrics)).to.equal(12_000);
  });

  it('are none where nobody takes them in', async () => {
    const kafka = {
      bootstrapServers: ['127.0.0.1:1'],
      tls: null,
      sasl: null,
      client: 'kafkajs' as const,
      sessionTimeoutMs: 6_000,
      watchdogMs: 60_000,
    };
    const metrics = new Metrics();
    const events = new Events({ stage: 's', kafka, eventsTopic: null }, { log, metrics });
    events.tell('MESSAGE_RECEIVED', about);
    await events.close();
    expect(await dropped(metrics)).to.equal(0);
  });
});
