import { outboundTopic, receivedTopic } from '@integration-hub/api';
import { expect } from 'chai';
import { flows, phwAsDelivered, samples } from './flows.js';
import { Hospital } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';

/** Kafka deletes by the age of records and refuses those of the future; neither may go by a worker's clock. */
describe('workers whose clocks are wrong', function () {
  this.timeout(300_000);
  const year = 365 * 86_400_000;

  for (const [name, offset] of [
    ['fifty years behind', -50 * year],
    ['a year ahead', year],
  ] as const) {
    it(`lose, hold up and reorder nothing: ${name}`, async () => {
      const clock = new URL('wrong-clock.js', import.meta.url).href;
      process.env['NODE_OPTIONS'] = `--import=${clock}`;
      process.env['IHUB_CLOCK_OFFSET_MS'] = String(offset);
      let hub: HubUnderTest;
      try {
        hub = await HubUnderTest.start({ manifests: flows() });
      } finally {
        delete process.env['NODE_OPTIONS'];
        delete process.env['IHUB_CLOCK_OFFSET_MS'];
      }
      try {
        const { journal } = hub;
        const hospital = new Hospital({
          name: 'phw',
          port: hub.port(2575),
          journal,
          template: samples.phw,
          expected: phwAsDelivered,
        });
        await hospital.send(20);
        hospital.close();
        await until('everything acknowledged has arrived', () => journal.complete, 60_000);
        expect(journal.verdict()).to.deep.include({
          ...{ acknowledged: 20, lost: [], doubled: [], outOfOrder: [], altered: [] },
        });
        for (const topic of [receivedTopic('default', 'phw-to-mpi'), outboundTopic('default', 'mpi')]) {
          const records = await hub.topic(topic);
          expect(records, topic).to.have.length(20);
          for (const { timestamp } of records) expect(timestamp).to.be.closeTo(Date.now(), 600_000);
        }
      } finally {
        await hub.stop();
      }
    });
  }
});
