import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { BrokerUnderTest, textRecord } from './broker-under-test.js';
import { consumeBatches } from './consumer.js';
import { ExclusiveWriter } from './exclusive-writer.js';
import { GatheringProducer } from './gathering-producer.js';
import { KafkaError } from './kafka-error.js';
import { kafkajs } from './repaired-kafkajs.js';
import { TopicAdmin, type TopicSpec } from './topic-admin.js';

describe('the administration of topics', function () {
  this.timeout(240_000);

  let kafka: BrokerUnderTest;
  let admin: TopicAdmin;

  before(async function () {
    this.timeout(600_000);
    kafka = await BrokerUnderTest.start();
    admin = await kafka.admin();
  });
  after(() => kafka.stop());

  /** Transactions end a moment after their producers have been told so. */
  async function ended(topic: string, offset: bigint): Promise<void> {
    while ((await admin.endOffsets(topic)).get(0) !== offset) await delay(20);
  }

  const spec = (name: string, more: Partial<TopicSpec> = {}): TopicSpec => ({
    name,
    partitions: 2,
    replicationFactor: 1,
    config: { 'retention.ms': '60000', 'cleanup.policy': 'compact' },
    ...more,
  });

  it('creates what is missing, once', async () => {
    const changes = await admin.ensureTopics([spec('new')]);
    expect(changes).to.deep.equal([{ topic: 'new', kind: 'created', detail: '2 partitions, 1 replicas' }]);
    expect(await admin.ensureTopics([spec('new')])).to.deep.equal([]);
    expect(await admin.endOffsets('new')).to.deep.equal(new Map([[0, 0n], [1, 0n]])); // prettier-ignore
    expect(await admin.ensureTopics([])).to.deep.equal([]);
  });

  it('adds partitions, and takes none away', async () => {
    await admin.ensureTopics([spec('grows')]);
    const changes = await admin.ensureTopics([spec('grows', { partitions: 5 })]);
    expect(changes).to.deep.equal([{ topic: 'grows', kind: 'partitions-added', detail: '2 to 5' }]);
    expect(await admin.ensureTopics([spec('grows', { partitions: 1 })])).to.deep.equal([]);
    expect((await admin.endOffsets('grows')).size).to.equal(5);
  });

  it('repairs a setting and leaves the others as they are', async () => {
    await admin.ensureTopics([spec('repaired', { config: { 'max.message.bytes': '2000000' } })]);
    await admin.ensureTopics([spec('repaired')]);
    const changes = await admin.ensureTopics([spec('repaired', { config: { 'retention.ms': '90000' } })]);
    expect(changes).to.deep.equal([
      { topic: 'repaired', kind: 'setting-changed', detail: 'retention.ms: 60000 to 90000' },
    ]);

    const client = new kafkajs.Kafka({ brokers: kafka.broker.bootstrapServers }).admin();
    await client.connect();
    const { resources } = await client.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: 'repaired' }],
    });
    await client.disconnect();
    const settings = resources[0]!.configEntries.filter(({ isDefault }) => !isDefault);
    expect(
      Object.fromEntries(settings.map((entry) => [entry.configName, entry.configValue])),
    ).to.deep.include({
      'retention.ms': '90000',
      'cleanup.policy': 'compact',
      'max.message.bytes': '2000000',
    });
  });

  it('reads all that a topic holds, by partition and offset', async () => {
    const topic = await kafka.topic(3);
    expect(await admin.readAll(topic)).to.deep.equal([]);
    const producer = new GatheringProducer({ connection: kafka.connection });
    const values = Array.from({ length: 3000 }, (_, number) => `${number}`);
    await Promise.all(
      values.map((value, index) => producer.produce({ ...textRecord(topic, value), partition: index % 2 })),
    );
    await producer.close();
    const records = await admin.readAll(topic);
    expect(records.map(({ partition, value }) => `${partition} ${value.toString()}`)).to.deep.equal(
      [0, 1].flatMap((partition) =>
        values.filter((_, index) => index % 2 === partition).map((value) => `${partition} ${value}`),
      ),
    );
    expect(records.slice(0, 1500).map(({ offset }) => offset)).to.deep.equal(
      values.slice(0, 1500).map(BigInt),
    );
  });

  it('reads to the end of a topic that ends in an aborted transaction, and not past an open one', async () => {
    const topic = await kafka.topic();
    const client = new kafkajs.Kafka({
      brokers: kafka.broker.bootstrapServers,
      logLevel: kafkajs.logLevel.NOTHING,
    });
    const producer = client.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const committed = await producer.transaction();
    await committed.send({ topic, messages: [{ value: 'committed' }] });
    await committed.commit();
    const aborted = await producer.transaction();
    await aborted.send({ topic, messages: [{ value: 'aborted' }] });
    await aborted.abort();
    await ended(topic, 4n);
    expect(await kafka.values(topic, 1)).to.deep.equal(['committed']);

    const open = await producer.transaction();
    await open.send({ topic, messages: [{ value: 'open' }] });
    expect(await kafka.values(topic, 1)).to.deep.equal(['committed']);
    await open.commit();
    await producer.disconnect();
    await ended(topic, 6n);
    expect(await kafka.values(topic, 2)).to.deep.equal(['committed', 'open']);
  });

  it('counts what a group has yet to take, whatever markers there are', async () => {
    const topic = await kafka.topic(2);
    const groupId = `group-of-${topic}`;
    const writer = await ExclusiveWriter.open({ connection: kafka.connection, claim: topic });
    for (let number = 0; number < 5; number += 1) {
      await writer.write([{ ...textRecord(topic, `${number}`), partition: number % 2 }]);
    }
    await writer.close();
    expect(await kafka.values(topic, 5)).to.have.length(5);
    expect(await admin.remaining(groupId, topic, 100)).to.equal(5);
    expect(await admin.remaining(groupId, topic, 2)).to.equal(2);

    const taken: string[] = [];
    const consumer = await consumeBatches({
      connection: kafka.connection,
      groupId,
      topics: [topic],
      onFatal: () => undefined,
      onBatch: async (batch) => {
        for (const { value, offset } of batch.records) {
          taken.push(value.toString());
          await batch.commit(offset + 1n);
        }
        batch.resolve(batch.records.at(-1)!.offset);
      },
    });
    while (taken.length < 5) await delay(20);
    await consumer.stop();
    const [ends, committed] = [await admin.endOffsets(topic), await admin.committedOffsets(groupId, topic)];
    expect(ends.get(0)! > committed.get(0)!, 'a marker is behind the last record').to.equal(true);
    expect(await admin.remaining(groupId, topic, 100)).to.equal(0);
  });

  it('measures more topics than one of kafkajs’s admins is asked of, several at once', async () => {
    const names = Array.from({ length: 80 }, (_, number) => `many-${number}`);
    await admin.ensureTopics(
      names.map((name) => ({ name, partitions: 1, replicationFactor: 1, config: {} })),
    );
    const producer = new GatheringProducer({ connection: kafka.connection });
    await Promise.all(names.flatMap((name, number) => (number % 2 === 0 ? [producer.produce(textRecord(name, 'x'))] : []))); // prettier-ignore
    await producer.close();
    const ends = await Promise.all(names.map(async (name) => (await admin.progress('nobody', name)).behind));
    expect(ends).to.deep.equal(names.map((_, number) => (number % 2 === 0 ? 1n : 0n)));
    for (const [number, name] of names.entries()) {
      expect((await admin.endOffsets(name)).get(0), name).to.equal(number % 2 === 0 ? 1n : 0n);
    }
  });

  it('deletes topics, and does not mind those that are gone', async () => {
    const topic = await kafka.topic();
    await admin.deleteTopics([topic, 'never-was']);
    expect(await admin.listTopics()).to.not.include(topic);
    await admin.deleteTopics([topic]);
  });

  it('keeps no process going that has closed it', async () => {
    const topic = await kafka.topic();
    const producer = new GatheringProducer({ connection: kafka.connection });
    await producer.produce(textRecord(topic, 'any'));
    await producer.close();
    const program = `
      import { TopicAdmin } from '${new URL('topic-admin.js', import.meta.url).href}';
      const connection = ${JSON.stringify(kafka.connection)};
      const admin = await TopicAdmin.connect({ connection });
      await admin.listTopics();
      // Its time is over before it has begun.
      await admin.readAll('${topic}', { timeoutMs: 1 }).catch(() => undefined);
      await admin.close();`;
    // Rejects when it has to be ended.
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 });
  });

  it('knows the brokers', async () => {
    const brokers = await admin.brokers();
    expect(brokers.map(({ host, port }) => `${host}:${port}`)).to.deep.equal(kafka.broker.bootstrapServers);
  });

  it('hides what was aborted where several transactions were open at once', async () => {
    const topic = await kafka.topic();
    const client = new kafkajs.Kafka({
      brokers: kafka.broker.bootstrapServers,
      logLevel: kafkajs.logLevel.NOTHING,
    });
    const producers = ['a', 'b', 'c', 'd'].map((name) =>
      client.producer({ transactionalId: `${topic}-${name}`, idempotent: true, maxInFlightRequests: 1 }),
    );
    for (const producer of producers) await producer.connect();
    const transactions = await Promise.all(producers.map((producer) => producer.transaction()));
    for (let round = 0; round < 3; round += 1) {
      for (const [index, transaction] of transactions.entries()) {
        const value = `${index === 1 ? 'committed' : 'aborted'} ${round}`;
        await transaction.send({ topic, messages: [{ key: Buffer.alloc(4), value }] });
      }
    }
    // They end in another order than they began in.
    for (const index of [3, 2, 1, 0]) await transactions[index]![index === 1 ? 'commit' : 'abort']();
    await Promise.all(producers.map((producer) => producer.disconnect()));
    await ended(topic, 16n);
    expect(await kafka.values(topic, 3)).to.deep.equal(['committed 0', 'committed 1', 'committed 2']);
  });

  it('gives up reading when its time is over', async () => {
    const topic = await kafka.topic();
    const producer = new GatheringProducer({ connection: kafka.connection });
    await producer.produce(textRecord(topic, 'any'));
    await producer.close();
    const failure: unknown = await admin.readAll(topic, { timeoutMs: 1 }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(KafkaError).with.property('code', 'READ_TIMED_OUT');
  });

  it('says when Kafka is not where it should be', async () => {
    const connection = { bootstrapServers: ['127.0.0.1:1'], clientId: 'test' };
    const failure: unknown = await TopicAdmin.connect({ connection }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(KafkaError).with.property('code', 'UNREACHABLE');
  });
});
