import { expect } from 'chai';
import { BrokerUnderTest, textRecord } from './broker-under-test.js';
import { ExclusiveWriter } from './exclusive-writer.js';
import { KafkaError } from './kafka-error.js';
import { RecordReader } from './record-reader.js';

describe('a record reader', function () {
  this.timeout(240_000);

  let kafka: BrokerUnderTest;
  let reader: RecordReader;
  before(async function () {
    this.timeout(600_000);
    kafka = await BrokerUnderTest.start();
    const topic = await kafka.topic(2);
    const writer = await ExclusiveWriter.open({ connection: kafka.connection, claim: 'fill' });
    // Each transaction has 50 records in each partition, and ends there with a marker, which takes an offset.
    for (let part = 0; part < 20; part += 1) {
      const numbers = Array.from({ length: 100 }, (_, index) => 100 * part + index);
      await writer.write(
        numbers.map((number) => ({ ...textRecord(topic, `${number}`.padEnd(2_000)), partition: number % 2 })),
      );
    }
    await writer.close();
    reader = await RecordReader.open({ connection: kafka.connection, topic });
  });
  after(async () => {
    await reader.close();
    await kafka.stop();
  });

  const read = async (wanted: Record<number, number[]>): Promise<[number, number][]> => {
    const offsets = Object.entries(wanted).map(
      ([partition, all]) => [Number(partition), all.map((offset) => BigInt(offset))] as const,
    );
    const records = await reader.read(new Map(offsets));
    return records.map(({ partition, offset }): [number, number] => [partition, Number(offset)]).sort();
  };

  it('finds what is asked for, near and far, forwards and back', async () => {
    expect(await read({ 0: [0, 1, 900], 1: [5] })).to.deep.equal([
      [0, 0],
      [0, 1],
      [0, 900],
      [1, 5],
    ]);
    expect(await read({ 1: [6, 7, 1_000] })).to.deep.equal([
      [1, 1_000],
      [1, 6],
      [1, 7],
    ]);
    expect(await read({ 0: [2] })).to.deep.equal([[0, 2]]);
    expect(await read({})).to.deep.equal([]);
  });

  it('leaves out markers, and what is not there yet or in no partition', async () => {
    expect(await read({ 0: [49, 50, 51, 1_000_000], 7: [0] })).to.deep.equal([
      [0, 49],
      [0, 51],
    ]);
  });

  it('says that a topic is not there', async () => {
    const refused: unknown = await RecordReader.open({
      connection: kafka.connection,
      topic: 'nowhere',
    }).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(KafkaError).with.property('code', 'UNKNOWN_TOPIC');
  });
});
