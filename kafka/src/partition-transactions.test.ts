import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { BrokerUnderTest, textRecord } from './broker-under-test.js';
import { describeEachClient } from './each-client.js';
import { GatheringProducer } from './gathering-producer.js';
import type { IncomingBatch } from './incoming-batch.js';
import { KafkaError } from './kafka-error.js';
import { PartitionTransactions } from './partition-transactions.js';
import { kafkajs } from './repaired-kafkajs.js';
import type { TopicAdmin } from './topic-admin.js';

describeEachClient('transactions by partition', function (client) {
  this.timeout(240_000);

  let kafka: BrokerUnderTest;
  let admin: TopicAdmin;
  let opened: PartitionTransactions[] = [];
  let fatal: unknown[] = [];
  let input: string;
  let output: string;
  const groupId = (): string => `group-of-${input}`;

  before(async function () {
    this.timeout(600_000);
    kafka = await BrokerUnderTest.start(undefined, client);
    admin = await kafka.admin();
  });
  after(() => kafka.stop());
  beforeEach(async () => {
    fatal = [];
    [input, output] = [await kafka.topic(4), await kafka.topic(4)];
  });
  afterEach(async () => {
    await Promise.all(opened.map((transactions) => transactions.close()));
    opened = [];
  });

  function open(): PartitionTransactions {
    const onFatal = (error: unknown): void => void fatal.push(error);
    const transactions = new PartitionTransactions({
      connection: kafka.connection,
      groupId: groupId(),
      onFatal,
    });
    opened.push(transactions);
    return transactions;
  }

  /** A batch of partition 0 as the consumer gives it; what is resolved and sought is noted. */
  function batchFrom(
    fetchedFrom: bigint,
    generation = 1,
  ): IncomingBatch & { resolved: bigint[]; sought: bigint[] } {
    const resolved: bigint[] = [];
    const sought: bigint[] = [];
    return {
      topic: input,
      partition: 0,
      records: [],
      generation,
      fetchedFrom,
      resolved,
      sought,
      lost: new AbortController().signal,
      isCurrent: () => sought.length === 0,
      committed: () => Promise.resolve({ offset: -1n, note: '' }),
      resolve: (offset) => void resolved.push(offset),
      commit: () => Promise.resolve(),
      seek: (offset) => void sought.push(offset),
    };
  }

  const committed = async (): Promise<bigint> => (await admin.committedOffsets(groupId(), input)).get(0)!;

  const outputs = (count: number): Promise<string[]> => kafka.values(output, count);

  it('writes the records and commits the offset', async () => {
    const batch = batchFrom(0n);
    const records = ['a', 'b', 'c'].map((value) => textRecord(output, value, value));
    const transactions = open();
    expect(await transactions.run(batch, records, 3n)).to.equal(true);
    expect(await transactions.run(batch, [textRecord(output, 'd')], 4n)).to.equal(true);
    expect(batch.resolved).to.deep.equal([2n, 3n]);
    expect((await outputs(4)).sort()).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(await committed()).to.equal(4n);
  });

  it('commits many transactions in a row that hold no record', async () => {
    const transactions = open();
    const batch = batchFrom(0n);
    for (let offset = 1n; offset <= 50n; offset += 1n) {
      expect(await transactions.run(batch, [], offset)).to.equal(true);
    }
    expect(await committed()).to.equal(50n);
    expect(fatal).to.deep.equal([]);
  });

  it('writes more in one transaction than fits into one batch', async () => {
    const values = Array.from({ length: 12 }, (_, number) => `${number}`.padEnd(300_000));
    expect(await open().run(batchFrom(0n), values.map((value) => ({ ...textRecord(output, value), partition: 1 })), 12n)).to.equal(true); // prettier-ignore
    expect(await outputs(12)).to.deep.equal(values);
  });

  it('has a batch fetched again that does not begin where the group has left off', async () => {
    await open().run(batchFrom(0n), [textRecord(output, 'a')], 5n);

    const transactions = open();
    const stale = batchFrom(2n);
    expect(await transactions.run(stale, [textRecord(output, 'stale')], 3n)).to.equal(false);
    expect(stale.sought).to.deep.equal([5n]);
    // What lies between may be markers and aborted records, which nobody is shown.
    expect(await transactions.run(batchFrom(7n), [textRecord(output, 'b')], 8n)).to.equal(true);
    const earlier = batchFrom(6n);
    expect(await transactions.run(earlier, [textRecord(output, 'again')], 7n)).to.equal(false);
    expect(earlier.sought).to.deep.equal([8n]);
    // With the next generation it is looked at closely again.
    const next = batchFrom(9n, 2);
    expect(await transactions.run(next, [textRecord(output, 'skipped')], 10n)).to.equal(false);
    expect(next.sought).to.deep.equal([8n]);
    expect((await outputs(2)).sort()).to.deep.equal(['a', 'b']);
    expect(fatal).to.deep.equal([]);
  });

  it('shuts out a former holder of the partition', async () => {
    const zombie = open();
    const batch = batchFrom(0n);
    expect(await zombie.run(batch, [textRecord(output, 'a')], 1n)).to.equal(true);
    const heir = open();
    expect(await heir.run(batchFrom(1n), [textRecord(output, 'b')], 2n)).to.equal(true);

    expect(await zombie.run(batch, [textRecord(output, 'zombie')], 2n)).to.equal(false);
    expect(await heir.run(batchFrom(2n), [textRecord(output, 'c')], 3n)).to.equal(true);
    expect((await outputs(3)).sort()).to.deep.equal(['a', 'b', 'c']);
    expect(await committed()).to.equal(3n);
  });

  it('claims the partition again after a failure, and ends after five in a row', async () => {
    const small = await kafka.topic(1, { 'max.message.bytes': '1000' });
    const transactions = open();
    const run = (value: string): Promise<boolean> =>
      transactions.run(batchFrom(0n), [textRecord(small, value)], 1n);
    const tooLarge = 'x'.repeat(2_000);
    for (let times = 1; times <= 4; times += 1) expect(await run(tooLarge)).to.equal(false);
    expect(await run('fits')).to.equal(true);
    expect(await kafka.values(small, 1)).to.deep.equal(['fits']);
    expect(await committed()).to.equal(1n);
    expect(fatal).to.deep.equal([]);

    const others = open();
    for (let times = 1; times <= 5; times += 1) {
      expect(fatal).to.deep.equal([]);
      expect(await others.run(batchFrom(1n), [textRecord(small, tooLarge)], 2n)).to.equal(false);
    }
    expect(fatal).to.have.length(1);
    expect(fatal[0]).to.be.instanceOf(KafkaError).with.property('code', 'TRANSACTION_FAILED');
    expect(await committed()).to.equal(1n);
  });

  it('gives a transaction up whose batch is lost', async () => {
    const lost = new AbortController();
    const batch = { ...batchFrom(0n), lost: lost.signal };
    const transactions = open();
    expect(await transactions.run(batch, [textRecord(output, 'a')], 1n)).to.equal(true);
    process.kill(kafka.broker.pid, 'SIGSTOP');
    try {
      const hung = transactions.run(batch, [textRecord(output, 'b')], 2n);
      setTimeout(() => lost.abort(), 200);
      const since = performance.now();
      expect(await hung).to.equal(false);
      expect(performance.now() - since, 'before its time is over').to.be.lessThan(12_000);
    } finally {
      process.kill(kafka.broker.pid, 'SIGCONT');
    }
    expect(fatal).to.deep.equal([]);
    // A broker that has just woken may refuse the first.
    while ((await committed()) !== 2n)
      await transactions.run(batchFrom(1n, 2), [textRecord(output, 'b')], 2n);
    expect((await outputs(2)).sort()).to.deep.equal(['a', 'b']);
    expect(await committed()).to.equal(2n);
  });

  it('undoes what a former holder has left open', async () => {
    const client = new kafkajs.Kafka({
      brokers: kafka.broker.bootstrapServers,
      logLevel: kafkajs.logLevel.NOTHING,
    });
    const transactionalId = `${groupId()}-${input}-0`;
    const left = client.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
    await left.connect();
    const transaction = await left.transaction();
    await transaction.send({ topic: output, messages: [{ value: 'left open' }] });
    const topics = [{ topic: input, partitions: [{ partition: 0, offset: '1' }] }];
    await transaction.sendOffsets({ consumerGroupId: groupId(), topics });

    expect(await open().run(batchFrom(0n), [textRecord(output, 'done')], 1n)).to.equal(true);
    expect(await outputs(1)).to.deep.equal(['done']);
    await left.disconnect();
  });

  it('leaves a batch that is not current', async () => {
    const batch = { ...batchFrom(0n), isCurrent: () => false };
    expect(await open().run(batch, [textRecord(output, 'a')], 1n)).to.equal(false);
    expect(await committed()).to.equal(-1n);
    expect(fatal).to.deep.equal([]);
  });

  it('processes each record once, in order, whatever befalls the processes', async function () {
    this.timeout(600_000);
    const keys = 97;
    const producer = new GatheringProducer({ connection: kafka.connection });
    let count = 0;
    let feeding = true;
    // Fed as fast as the faults go on, so that there is always work in hand when one comes.
    const feed = async (): Promise<void> => {
      while (feeding) {
        const numbers = Array.from({ length: 20 }, () => count++);
        await Promise.all(
          numbers.map((number) => producer.produce(textRecord(input, `${number}`, `key-${number % keys}`))),
        );
        await delay(25);
      }
    };

    const workers = new Map<string, ChildProcess>();
    let stopping = false;
    let givenUp = 0;
    const start = (name: string): void => {
      const program = fileURLToPath(new URL('transformer-under-test.js', import.meta.url));
      const args = [kafka.broker.bootstrapServers[0]!, input, output, groupId(), client];
      const worker = fork(program, args, { silent: true });
      workers.set(name, worker);
      worker.once('exit', (code) => {
        if (code === 3) givenUp += 1;
        if (!stopping) start(name);
      });
    };
    const signal = (name: string, kind: NodeJS.Signals): void => void workers.get(name)!.kill(kind);
    const done = async (): Promise<number> =>
      [...(await admin.committedOffsets(groupId(), input)).values()].reduce((sum, offset) => sum + Number(offset > 0n ? offset : 0n), 0); // prettier-ignore
    const progress = async (by: number): Promise<void> => {
      const goal = (await done()) + by;
      while ((await done()) < goal) await delay(50);
    };

    const fed = feed();
    try {
      start('a');
      await progress(400);
      start('b');
      await progress(400);
      for (const name of ['a', 'b', 'a']) {
        signal(name, 'SIGKILL');
        await progress(400);
      }
      // Suspended for longer than a session: the other goes on with its partitions, and then it wakes.
      signal('a', 'SIGSTOP');
      await delay(5_500);
      signal('a', 'SIGCONT');
      await progress(800);
      signal('b', 'SIGSTOP');
      await delay(5_500);
      signal('b', 'SIGCONT');
      await progress(400);
      feeding = false;
      await fed;
      while ((await done()) < count) await delay(50);
    } finally {
      feeding = false;
      stopping = true;
      for (const worker of workers.values()) {
        worker.kill('SIGCONT');
        worker.kill('SIGTERM');
      }
      const ended = [...workers.values()].filter((worker) => worker.exitCode === null);
      await Promise.all(ended.map((worker) => once(worker, 'exit')));
      await fed;
      await producer.close();
    }

    const records = await admin.readAll(output);
    const seen = new Map<string, number[]>();
    for (const { key, value } of records) {
      const list = seen.get(key!.toString()) ?? [];
      list.push(Number(value.toString()));
      seen.set(key!.toString(), list);
    }
    expect(records).to.have.length(count);
    for (let key = 0; key < keys; key += 1) {
      const expected = Array.from(
        { length: Math.ceil((count - key) / keys) },
        (_, times) => key + times * keys,
      );
      expect(seen.get(`key-${key}`)).to.deep.equal(expected);
    }
    console.log(`      (${givenUp} processes gave up a transaction)`);
  });
});
