import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { flows, samples } from './flows.js';
import { Hospital } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';

describe('a flow that orders by a field', function () {
  this.timeout(900_000);
  const connections = 8;
  let hub: HubUnderTest;
  before(async () => {
    hub = await HubUnderTest.start({
      manifests: flows({
        orderBy: 'PID-3.1',
        connections,
        retryInitial: '300ms',
        retryMax: '1s',
        onRefusal: 'Retry',
      }),
    });
  });
  after(() => hub.stop());

  /** One sender for each patient, so that a sender's order is a patient's. */
  function hospital(patient: string): Hospital {
    const template = Buffer.from(
      samples.paris.toString('latin1').replace('|550123^', `|${patient}^`),
      'latin1',
    );
    return new Hospital({ name: patient, port: hub.port(2577), journal: hub.journal, template });
  }
  /** Of all partitions, in seconds. */
  async function oldestWaiting(): Promise<number> {
    const { httpPort } = hub.worker('mpi-sender');
    const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
    const ages = [
      ...metrics.matchAll(
        /^ihub_oldest_waiting_seconds\{stage="mpi-sender",destination="mpi"[^}]*\} (\S+)$/gm,
      ),
    ];
    return Math.max(0, ...ages.map(([, age]) => Number(age)));
  }
  const nothingWrong = { lost: [], doubled: [], outOfOrder: [], altered: [] };

  it('holds back the patient whose message is refused, and nobody else', async () => {
    hub.receiver.options.reply = (message) => (message.text('PID-3.1') === 'blocked' ? 'AE' : 'AA');
    const patients = Array.from({ length: 40 }, (_, number) => `patient${number}`);
    const all = [...patients, 'blocked'].map((patient) => hospital(patient));
    await Promise.all(all.map((one) => one.send(10)));
    const delivered = (): number =>
      patients.filter((patient) => hub.journal.order(patient).length === 10).length;
    await until('all others are delivered', () => delivered() === patients.length, 60_000);
    expect(new Set(hub.journal.order('blocked')), 'later ones of the blocked patient').to.deep.equal(
      new Set([1]),
    );

    // Those that come now are not held back either, though nothing else wakes the partition.
    const last = patients.map((patient) => hospital(`${patient}b`));
    await Promise.all(last.map((one) => one.send(1)));
    await until(
      'later ones are delivered',
      () => patients.every((patient) => hub.journal.order(`${patient}b`).length === 1),
      30_000,
    );
    await until('the sender says how long they wait', async () => (await oldestWaiting()) > 1, 30_000);
    hub.receiver.options.reply = 'AA';
    await until('the blocked ones are delivered', () => hub.journal.complete, 30_000);
    await until('the sender says that nothing waits', async () => (await oldestWaiting()) === 0, 30_000);
    expect(hub.journal.verdict()).to.deep.include({ ...nothingWrong, doubled: [] });
    const order = hub.journal.order('blocked');
    expect(order.slice(order.lastIndexOf(1))).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('sends again only what was in flight when the sender is killed', async () => {
    hub.receiver.options.delayMs = 5;
    const before = hub.journal.verdict().doubledInFlight.length;
    const all = Array.from({ length: 30 }, (_, number) => hospital(`killed${number}`));
    const sending = Promise.all(all.map((one) => one.send(100)));
    const kills = 4;
    for (let kill = 1; kill <= kills; kill += 1) {
      const goal = hub.journal.arrivedCount + 400;
      await until(`${goal} have arrived`, () => hub.journal.arrivedCount >= goal, 60_000);
      hub.kill('mpi-sender');
      await sleep(500);
    }
    await sending;
    await until('everything acknowledged arrives', () => hub.journal.complete, 60_000);
    const verdict = hub.journal.verdict();
    expect(verdict).to.deep.include(nothingWrong);
    const inFlight = verdict.doubledInFlight.length - before;
    console.log(`      in flight and received twice: ${inFlight} of 3000, with ${connections} connections`);
    // What is acknowledged may still be being committed while the connections deliver what is next.
    expect(inFlight).to.be.at.most(kills * 2 * connections);
  });
});
