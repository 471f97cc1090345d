import { expect } from 'chai';
import { BrokerUnderTest } from './broker-under-test.js';
import { openClient } from './client.js';
import { groupOfEach, wakeWaitingCommits } from './waiting-commits.js';

describe('waking what waits in __consumer_offsets', function () {
  this.timeout(120_000);

  let kafka: BrokerUnderTest;
  before(async function () {
    this.timeout(600_000);
    kafka = await BrokerUnderTest.start();
  });
  after(() => kafka.stop());

  it('writes to each of its partitions, and leaves no group behind', async () => {
    const { connection } = kafka;
    const topic = await kafka.topic();
    const client = openClient({ connection });
    const admin = client.kafka.admin();
    await admin.connect();
    try {
      // The first group that is asked for has Kafka make the topic.
      await admin.fetchOffsets({ groupId: groupOfEach(1)[0]!, topics: [topic] });
      const ends = async (): Promise<number[]> =>
        (await admin.fetchTopicOffsets('__consumer_offsets')).map(({ offset }) => Number(offset));
      const before = await ends();
      const { signal } = new AbortController();
      const partitions = before.length;
      expect(await wakeWaitingCommits({ connection, partitions, topic, signal })).to.equal(partitions);
      const after = await ends();
      expect(after.map((end, partition) => end > before[partition]!)).to.not.include(false);
      const { groups } = await admin.listGroups();
      expect(groups.filter(({ groupId }) => groupOfEach(partitions).includes(groupId))).to.deep.equal([]);
    } finally {
      await admin.disconnect();
      client.discard();
    }
  });

  it('says what Kafka refuses, and ends', async () => {
    const said: string[] = [];
    const { signal } = new AbortController();
    const taken = await wakeWaitingCommits({
      connection: kafka.connection,
      partitions: 1,
      topic: 'no topic of this Kafka',
      signal,
      log: (_, message) => void said.push(message),
    });
    expect([taken, said.length]).to.deep.equal([0, 1]);
  });
});
