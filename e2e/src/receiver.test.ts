import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { deadLetterTopic, readDeadLetterReason } from '@integration-hub/api';
import { Message } from '@integration-hub/hl7';
import { flows, samples } from './flows.js';
import { Hospital } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';

describe('a receiver with its moods', function () {
  this.timeout(900_000);
  let hub: HubUnderTest;
  before(async () => {
    hub = await HubUnderTest.start({
      manifests: flows({ ackTimeout: '1s', retryInitial: '300ms', retryMax: '2s' }),
    });
  });
  after(() => hub.stop());

  function hospital(name: string): Hospital {
    return new Hospital({ name, port: hub.port(2577), journal: hub.journal, template: samples.paris });
  }
  async function allDelivered(): Promise<void> {
    await until('everything acknowledged arrives', () => hub.journal.complete, 60_000);
    expect(hub.journal.verdict()).to.deep.include({ lost: [], doubled: [], outOfOrder: [], altered: [] });
  }

  it('that closes without an answer gets the message once more at once, then after a wait, until it answers', async () => {
    hub.receiver.options.reply = 'close';
    await hospital('close').send(3);
    await until('it is tried again', () => hub.journal.arrivals('close-1').length >= 4, 30_000);
    expect(hub.journal.arrivals('close-2'), 'a later message overtakes it').to.have.length(0);
    hub.receiver.options.reply = 'AA';
    await allDelivered();
  });

  it('that stalls is given up after the acknowledgement’s time, and never gets two messages at once', async () => {
    hub.receiver.options.reply = 'none';
    const began = performance.now();
    await hospital('stall').send(2);
    await until('it is tried twice', () => hub.journal.arrivals('stall-1').length >= 2, 30_000);
    expect(performance.now() - began).to.be.greaterThan(1_000);
    expect(hub.journal.arrivals('stall-2')).to.have.length(0);
    hub.receiver.options.reply = 'AA';
    await allDelivered();
  });

  it('that closes an idle connection costs no try', async () => {
    await hospital('idle').send(1);
    await allDelivered();
    const failures = (): number => hub.hub.counts(hub.worker('mpi-sender')).failures;
    await hub.hub.refreshCounts();
    const before = failures();
    await hub.receiver.kill();
    await hub.receiver.start();
    await hospital('idler').send(1);
    await allDelivered();
    await hub.hub.refreshCounts();
    expect(failures()).to.equal(before);
    expect(hub.journal.arrivals('idler-1')).to.have.length(1);
  });

  it('that refuses has the message set aside, and gets the next one', async () => {
    hub.receiver.options.reply = 'AE';
    await hospital('refuse').send(1);
    const letters = async (): Promise<string[]> =>
      (await hub.topic(deadLetterTopic('default', 'mpi'))).map(
        (letter) => Message.parse(letter.value).controlId,
      );
    await until('it is set aside', async () => (await letters()).includes('refuse-1'), 30_000);
    hub.receiver.options.reply = 'AA';
    await hospital('refused').send(1);
    await allDelivered();
    const [letter] = await hub.topic(deadLetterTopic('default', 'mpi'));
    expect(readDeadLetterReason(letter!.headers)).to.include({
      code: 'REFUSED_AE',
      stage: 'mpi-sender',
      attempts: 1,
    });
    expect(hub.journal.arrivals('refuse-1'), 'tries of a refused message').to.have.length(1);
  });

  it('that is away for two minutes gets everything when it is back', async () => {
    await hub.receiver.stop();
    const away = hospital('away');
    await away.send(200); // Acknowledged all the while: they are stored.
    await sleep(120_000);
    expect(hub.journal.order('away')).to.deep.equal([]);
    await hub.receiver.start();
    await until('all arrive', () => hub.journal.order('away').length === 200, 30_000);
    expect(hub.journal.order('away')).to.deep.equal(Array.from({ length: 200 }, (_, index) => index + 1));
    await allDelivered();
  });
});

describe('a destination that is to be tried again after a refusal', function () {
  this.timeout(900_000);
  let hub: HubUnderTest;
  before(async () => {
    hub = await HubUnderTest.start({ manifests: flows({ onRefusal: 'Retry' }) });
  });
  after(() => hub.stop());

  it('holds the flow back until it takes the message', async () => {
    hub.receiver.options.reply = 'AR';
    const one = new Hospital({
      name: 'again',
      port: hub.port(2577),
      journal: hub.journal,
      template: samples.paris,
    });
    await one.send(2);
    await until('it is tried again', () => hub.journal.arrivals('again-1').length >= 3, 30_000);
    expect(hub.journal.arrivals('again-2')).to.have.length(0);
    hub.receiver.options.reply = 'AA';
    await until('both arrive', () => hub.journal.complete, 30_000);
    expect(await hub.topic(deadLetterTopic('default', 'mpi'))).to.have.length(0);
  });
});

describe('a destination with a pace', function () {
  this.timeout(900_000);
  const messagesPerMinute = 600;
  let hub: HubUnderTest;
  before(async () => {
    hub = await HubUnderTest.start({ manifests: flows({ messagesPerMinute }) });
  });
  after(() => hub.stop());

  it('is not sent more over both flows together', async () => {
    const [phw, paris] = [hub.port(2575), hub.port(2577)].map(
      (port, index) =>
        new Hospital({
          name: index === 0 ? 'phw' : 'paris',
          port,
          journal: hub.journal,
          template: index === 0 ? samples.phw : samples.paris,
          expected: () => Buffer.alloc(0),
        }),
    );
    await Promise.all([phw!.send(30), paris!.send(30)]);
    await until('all arrive', () => hub.journal.complete, 60_000);
    const times = hub.journal.arrivalTimes;
    expect(times).to.have.length(60);
    // 59 intervals of 100 ms. On a busy machine arrivals bunch, but not more than that: double the pace takes half the time.
    const stallMs = 1_000;
    for (const [earlier, from] of times.entries()) {
      for (const [later, to] of times.entries()) {
        expect(to - from + stallMs, `${later - earlier} intervals`).to.be.at.least((later - earlier) * 100);
      }
    }
    for (const sender of ['phw', 'paris']) {
      expect(hub.journal.order(sender)).to.deep.equal(Array.from({ length: 30 }, (_, index) => index + 1));
    }
  });
});
