import { expect } from 'chai';
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { outboundTopic } from '@integration-hub/api';
import { encodeFrame } from '@integration-hub/hl7';
import { flows, samples } from './flows.js';
import { Hospital, numbered } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';

describe('a listener without Kafka', function () {
  this.timeout(900_000);
  const storeTimeoutMs = 6_000;
  let hub: HubUnderTest;

  before(async () => {
    hub = await HubUnderTest.start({ manifests: flows({ storeTimeout: `${storeTimeoutMs}ms` }) });
  });
  after(() => hub.stop());

  const ready = async (): Promise<boolean> => {
    const { httpPort } = hub.worker('paris-to-mpi-listener');
    return (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).status === 200;
  };

  it('acknowledges nothing that Kafka has not stored, closes at the stated time, and goes on when Kafka is back', async () => {
    const hospital = new Hospital({
      name: 'away',
      port: hub.port(2577),
      journal: hub.journal,
      template: samples.paris,
    });
    await hospital.send(3);
    expect(await ready()).to.equal(true);

    // The broker stops between the receipt of a message and its storing.
    process.kill(hub.broker.pid, 'SIGSTOP');
    const socket = connect(hub.port(2577), '127.0.0.1');
    await once(socket, 'connect');
    const began = performance.now();
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    socket.on('error', () => undefined);
    const closed = once(socket, 'close').then(() => performance.now() - began);
    socket.write(encodeFrame(numbered(samples.paris, 'stopped-1')));
    const closedAfter = await closed;
    expect(received).to.equal(0);
    expect(closedAfter).to.be.within(storeTimeoutMs - 500, storeTimeoutMs + 15_000);
    expect(await ready()).to.equal(false);

    // More is sent than it may read: what it has not read, the sender still has.
    const flood = connect(hub.port(2577), '127.0.0.1');
    await once(flood, 'connect');
    flood.on('error', () => undefined);
    const message = encodeFrame(numbered(samples.paris, 'flood-1'));
    const megabytes = 64;
    const before = await residentBytes();
    for (let sent = 0; sent < megabytes * 1_048_576; sent += message.length * 100) {
      flood.write(Buffer.concat(Array<Buffer>(100).fill(message)));
    }
    await sleep(2_000);
    expect(flood.writableLength, 'the socket takes no more').to.be.greaterThan(0.8 * megabytes * 1_048_576);
    expect((await residentBytes()) - before, 'nothing piles up in memory').to.be.lessThan(32 * 1_048_576);
    flood.destroy();
    for (let times = 0; times < 2; times += 1) hub.journal.sending('flood-1'); // All the same message.

    process.kill(hub.broker.pid, 'SIGCONT');
    await until('the listener is ready again', ready, 60_000);
    await hospital.send(3);
    hospital.close();
    await until('everything arrives', () => hub.journal.complete, 60_000);
    const verdict = hub.journal.verdict();
    expect(verdict).to.deep.include({ lost: [], doubled: [], outOfOrder: [], altered: [] });
    // The one whose offset could not be committed, and the one that was sent again and again.
    expect(verdict.doubledInFlight.filter((controlId) => controlId !== 'flood-1').length).to.be.at.most(1);
  });

  it('acknowledges only what is in the topic, with Kafka killed and started while messages come', async () => {
    const hospital = new Hospital({
      name: 'killed',
      port: hub.port(2577),
      journal: hub.journal,
      template: samples.paris,
    });
    const sending = hospital.send(400);
    await until('half is sent', () => hub.journal.acknowledgedCount > 100, 60_000);
    await hub.broker.kill();
    const acknowledged = hub.journal.acknowledgedCount;
    await sleep(3_000);
    expect(hub.journal.acknowledgedCount - acknowledged, 'acknowledged while Kafka was dead').to.be.at.most(
      1,
    );
    await hub.broker.restart();
    await sending;
    hospital.close();
    const stored = (await hub.topic(outboundTopic('default', 'mpi'))).map((record) =>
      record.value.toString(),
    );
    for (let number = 1; number <= 400; number += 1) {
      expect(
        stored.some((text) => text.includes(`|killed-${number}|`)),
        `killed-${number} is stored`,
      ).to.equal(true);
    }
    await until('everything arrives', () => hub.journal.complete, 60_000);
    expect(hub.journal.verdict()).to.deep.include({ lost: [], doubled: [], outOfOrder: [], altered: [] });
  });

  async function residentBytes(): Promise<number> {
    const { httpPort } = hub.worker('paris-to-mpi-listener');
    const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
    return Number(/^process_resident_memory_bytes(?:\{.*\})? (\S+)$/m.exec(metrics)![1]);
  }
});
