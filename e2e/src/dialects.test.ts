import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deadLetterTopic, readDeadLetterReason } from '@integration-hub/api';
import { builtInMapping, Message, MllpConnection, readAcknowledgement } from '@integration-hub/hl7';
import { HubUnderTest, until } from './hub-under-test.js';

const flows = fileURLToPath(new URL('../../manifests/flows/', import.meta.url));
const sample = (name: string): Buffer => readFileSync(`${flows}samples/${name}.hl7`);

/** Every shipped flow, with its own sample, on the real Kafka. */
describe('all ER7 flows', function () {
  this.timeout(900_000);
  const subscribers = { pharmacy: 2590, wis: 2591, phw: 2592, 'chemocare-sww': 2593, 'chemocare-bcu': 2594 };
  let hub: HubUnderTest;

  before(async () => {
    const manifests = readdirSync(flows)
      .filter((file) => file.endsWith('.yaml'))
      .map((file) => readFileSync(flows + file, 'utf8').replaceAll('host: localhost', 'host: 127.0.0.1'))
      .join('\n---\n');
    hub = await HubUnderTest.start({ manifests, receivers: [2576, ...Object.values(subscribers)] });
  });
  after(() => hub.stop());

  async function send(port: number, bytes: Buffer): Promise<string> {
    const connection = await MllpConnection.open({
      host: '127.0.0.1',
      port: hub.port(port),
      connectTimeoutMs: 5_000,
    });
    const reply = readAcknowledgement(await connection.exchange(bytes, 30_000));
    await connection.close();
    expect(reply.code).to.equal('AA');
    return reply.controlId;
  }

  const inbound: [name: string, port: number, mapping: string][] = [
    ['phw-to-mpi', 2575, 'phw'],
    ['phw-to-mpi.death', 2575, 'phw'],
    ['paris-to-mpi', 2577, 'identity'],
    ['chemocare-to-mpi', 2578, 'chemocare'],
    ['pims-to-mpi', 2579, 'pims'],
    ['pims-to-mpi.merge', 2579, 'pims'],
    ['mosaiq-to-mpi', 2583, 'identity'],
  ];
  for (const [name, port, mapping] of inbound) {
    it(`takes ${name}, validates it, and delivers what its mapping makes of it`, async () => {
      const controlId = await send(port, sample(name));
      await until(`${controlId} arrives`, () => hub.journal.arrivals(controlId).length === 1, 30_000);
      const expected = builtInMapping(mapping).map(Message.parse(sample(name)));
      expect(hub.journal.arrivals(controlId)[0]!.toString()).to.equal(expected.toString());
    });
  }

  it('sets a Chemocare merge aside', async () => {
    const merge = sample('chemocare-to-mpi')
      .toString()
      .replace('ADT^A28|224000000000417', 'ADT^A40|merge-1')
      .replace(/PD1.*\rNK1.*\rPV1/, 'MRG|V2000416^^^^PAS\rPV1');
    await send(2578, Buffer.from(merge));
    const reasons = async (): Promise<(string | undefined)[]> =>
      (await hub.topic(deadLetterTopic('default', 'chemocare-to-mpi'))).map(
        (one) => readDeadLetterReason(one.headers)?.stage,
      );
    await until(
      'it is set aside',
      async () => (await reasons()).includes('chemocare-to-mpi-transformer'),
      30_000,
    );
    expect(hub.journal.arrivals('merge-1')).to.have.length(0);
  });

  it('publishes what the index sends to the subscribers whose condition it meets, and to no other', async () => {
    const message = (controlId: string, change: (text: string) => string): Buffer =>
      Buffer.from(change(sample('mpi-outbound').toString().replace('1000000000000099', controlId)));
    const cases: [controlId: string, change: (text: string) => string, to: (keyof typeof subscribers)[]][] = [
      ['out-1', (text) => text, ['pharmacy']],
      ['out-2', (text) => text.replace('^^^140^PI~', '^^^999^PI~'), []],
      [
        'out-3',
        (text) => text.replace('|||01\rPD1', '20260301|Y||01\rPD1').replace('^^^140^', '^^^252^'),
        ['wis', 'phw'],
      ],
      [
        'out-4',
        (text) => text.replace('50112233^^^129', '50112233^^^192~7^^^212'),
        ['pharmacy', 'chemocare-sww', 'chemocare-bcu'],
      ],
    ];
    for (const [controlId, change] of cases) await send(2580, message(controlId, change));
    const wanted = cases.flatMap(([controlId, , to]) => to.map((name) => `${name} ${controlId}`));
    const got = (): string[] =>
      Object.entries(subscribers).flatMap(([name, port]) =>
        cases.flatMap(([controlId]) =>
          hub.journals
            .get(port)!
            .arrivals(controlId)
            .map(() => `${name} ${controlId}`),
        ),
      );
    await until('every subscriber has its own', () => got().length >= wanted.length, 30_000);
    expect(got().sort()).to.deep.equal(wanted.sort());
  });
});
