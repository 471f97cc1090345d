import { expect } from 'chai';
import { BrokerUnderTest, textRecord } from './broker-under-test.js';
import { ExclusiveWriter } from './exclusive-writer.js';
import { KafkaError } from './kafka-error.js';

describe('an exclusive writer', function () {
  this.timeout(240_000);

  let kafka: BrokerUnderTest;
  before(async function () {
    this.timeout(600_000);
    kafka = await BrokerUnderTest.start();
  });
  after(() => kafka.stop());

  const open = (claim: string): Promise<ExclusiveWriter> =>
    ExclusiveWriter.open({ connection: kafka.connection, claim });

  it('writes to several topics at once, in order', async () => {
    const [one, other] = [await kafka.topic(), await kafka.topic()];
    const writer = await open('order');
    await writer.write([textRecord(one, 'a'), textRecord(other, 'x'), textRecord(one, 'b')]);
    await writer.write([textRecord(one, 'c')]);
    await writer.close();
    expect(await kafka.values(one, 3)).to.deep.equal(['a', 'b', 'c']);
    expect(await kafka.values(other, 1)).to.deep.equal(['x']);
  });

  it('writes all or nothing', async () => {
    const [one, small] = [await kafka.topic(), await kafka.topic(1, { 'max.message.bytes': '1000' })];
    const writer = await open('whole');
    const failed = await writer
      .write([textRecord(one, 'a'), textRecord(small, 'x'.repeat(5000))])
      .catch(String);
    expect(failed).to.include('KafkaError');
    const next = await open('whole');
    await next.write([textRecord(one, 'b')]);
    await next.close();
    expect(await kafka.values(one, 1)).to.deep.equal(['b']);
  });

  it('writes more than fits in one request', async () => {
    const topic = await kafka.topic();
    const writer = await open('much');
    const texts = ['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(400_000));
    await writer.write(texts.map((text) => textRecord(topic, text)));
    await writer.close();
    expect((await kafka.values(topic, 5)).map((text) => [text[0], text.length])).to.deep.equal(
      ['a', 'b', 'c', 'd', 'e'].map((letter) => [letter, 400_000]),
    );
  });

  it('shuts out who held the claim before', async () => {
    const topic = await kafka.topic();
    const [former, heir] = [await open('claim'), await open('claim')];
    const error: unknown = await former
      .write([textRecord(topic, 'former')])
      .catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(KafkaError).with.property('code', 'TRANSACTION_FAILED');
    await heir.write([textRecord(topic, 'heir')]);
    await heir.close();
    expect(await kafka.values(topic, 1)).to.deep.equal(['heir']);
  });
});
