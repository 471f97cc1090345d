import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { flows, phwAsDelivered, samples } from './flows.js';
import { Hospital } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';

const hubWith = (client: string): string =>
  `{apiVersion: integrationhub.dev/v1alpha1, kind: Hub, metadata: {name: hub}, spec: {kafka: {bootstrapServers: ["kafka:9092"], client: ${client}}}}`;

/**
 * The promise: what was acknowledged arrives, in order, unaltered; what arrives twice was in flight. Every message
 * acknowledged to a sender and every one received is written down, processes are killed in mid-stream, and the two
 * lists are compared.
 */
for (const [client, messagesEach] of [
  ['kafkajs', 1_000],
  ['platformatic', 300],
] as const) {
  describe(`SIGKILL in mid-stream under load, with ${client}`, function () {
    this.timeout(900_000);
    const senders = 5;
    let hub: HubUnderTest;

    before(async () => {
      hub = await HubUnderTest.start({ manifests: [flows(), hubWith(client)].join('\n---\n') });
    });
    after(() => hub.stop());

    it(`loses, reorders and alters nothing of ${senders * messagesEach} messages while every process is killed`, async () => {
      const { journal } = hub;
      const hospitals = Array.from({ length: senders }, (_, index) => {
        const phw = index % 2 === 0;
        return new Hospital({
          name: `${phw ? 'phw' : 'paris'}${index}`,
          port: hub.port(phw ? 2575 : 2577),
          journal,
          template: phw ? samples.phw : samples.paris,
          ...(phw && { expected: phwAsDelivered }),
        });
      });
      const sending = Promise.all(hospitals.map((hospital) => hospital.send(messagesEach)));
      const total = senders * messagesEach;
      const victims: [name: string, kill: () => unknown][] = [
        ['the PHW listener', () => hub.kill('phw-to-mpi-listener')],
        ['the transformer', () => hub.kill('phw-to-mpi-transformer')],
        ['the sender', () => hub.kill('mpi-sender')],
        ['the Paris listener', () => hub.kill('paris-to-mpi-listener')],
        [
          'Kafka',
          async () => {
            await hub.broker.kill();
            await hub.broker.restart();
          },
        ],
        ['the transformer again', () => hub.kill('phw-to-mpi-transformer')],
        ['the sender again', () => hub.kill('mpi-sender')],
      ];
      for (const [index, [name, kill]] of victims.entries()) {
        // Each at its own point of the stream, so that none is idle when it dies.
        const due = Math.round(((index + 0.5) / victims.length) * total);
        await until(
          `${due} messages acknowledged before ${name} is killed`,
          () => journal.acknowledgedCount >= due,
          120_000,
        );
        await kill();
      }
      await sending;
      for (const hospital of hospitals) hospital.close();
      await until('everything acknowledged has arrived', () => journal.complete, 120_000);
      await sleep(2_000); // What would come twice has the time to.

      const verdict = journal.verdict();
      expect(verdict).to.deep.include({
        acknowledged: total,
        lost: [],
        doubled: [],
        outOfOrder: [],
        altered: [],
      });
      // Each kill of the sender or of Kafka can double the one message in flight to MPI, and each fault at a listener
      // one message of each of its senders.
      expect(verdict.doubledInFlight.length).to.be.at.most(3 + 3 * senders);
      expect(hub.hub.workers.map((worker) => worker.restarts > 0)).to.deep.equal([true, true, true, true]);
      console.log(`      in flight and received twice: ${verdict.doubledInFlight.length} of ${total}`);
    });

    it('doubles nothing while every worker is stopped with SIGTERM under load, and started again', async () => {
      const { journal } = hub;
      const before = journal.acknowledgedCount;
      const hospitals = [0, 1].map(
        (index) =>
          new Hospital({
            name: `term${index}`,
            port: hub.port(index === 0 ? 2577 : 2575),
            journal,
            template: index === 0 ? samples.paris : samples.phw,
            ...(index === 1 && { expected: phwAsDelivered }),
          }),
      );
      const sending = Promise.all(hospitals.map((hospital) => hospital.send(800)));
      const stages = ['mpi-sender', 'phw-to-mpi-transformer', 'phw-to-mpi-listener', 'paris-to-mpi-listener'];
      for (const [index, stage] of stages.entries()) {
        await until(
          `it is time to stop ${stage}`,
          () => journal.acknowledgedCount - before >= 200 * (index + 1),
          60_000,
        );
        const { pid } = hub.worker(stage);
        process.kill(pid!, 'SIGTERM');
        await until(
          `${stage} has ended by itself and runs again`,
          () => hub.worker(stage).pid !== pid && hub.worker(stage).state === 'running',
          60_000,
        );
      }
      await sending;
      for (const hospital of hospitals) hospital.close();
      await until('everything acknowledged has arrived', () => journal.complete, 60_000);
      const verdict = journal.verdict();
      expect(verdict).to.deep.include({ lost: [], doubled: [], outOfOrder: [], altered: [] });
      expect(verdict.doubledInFlight.filter((controlId) => controlId.startsWith('term'))).to.deep.equal([]);
    });
  });
}
