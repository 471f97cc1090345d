import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { BrokerUnderTest, textRecord } from './broker-under-test.js';
import { clients, describeEachClient } from './each-client.js';
import { type ConsumeOptions, type Consumer, consumeBatches } from './consumer.js';
import { GatheringProducer } from './gathering-producer.js';
import type { IncomingBatch } from './incoming-batch.js';
import { KafkaError } from './kafka-error.js';
import { SilentRelay } from './silent-relay.js';

/** Kafka's numbers for requests of that kind. */
const HEARTBEAT = 12;
const OFFSET_COMMIT = 8;

/** Of the tests' consumers, in milliseconds. */
const sessionTimeoutMs = 4_000;

/** A stop that takes so long, in milliseconds, has not left the group but given that up. */
const leaveDeadlineMs = 2_900;

describeEachClient('consuming batches', function (client) {
  this.timeout(240_000);

  let kafka: BrokerUnderTest;
  let producer: GatheringProducer;
  let consumers: Consumer[] = [];
  const fatal: unknown[] = [];

  before(async function () {
    this.timeout(600_000);
    kafka = await BrokerUnderTest.start(undefined, client);
    await kafka.admin();
    producer = new GatheringProducer({ connection: kafka.connection });
  });
  after(async () => {
    await producer.close();
    await kafka.stop();
  });
  afterEach(async () => {
    await Promise.all(consumers.map((consumer) => consumer.stop()));
    consumers = [];
    expect(fatal).to.deep.equal([]);
  });

  async function consume(
    topic: string,
    onBatch: ConsumeOptions['onBatch'],
    options: Partial<ConsumeOptions> = {},
  ): Promise<Consumer> {
    const consumer = await consumeBatches({
      connection: kafka.connection,
      groupId: `group-of-${topic}`,
      topics: [topic],
      sessionTimeoutMs,
      onBatch,
      onFatal: (error) => fatal.push(error),
      ...options,
    });
    consumers.push(consumer);
    return consumer;
  }

  /** Puts records `first` to `last` into a partition, as texts. */
  async function fill(topic: string, first: number, last: number, partition = 0): Promise<void> {
    const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    await Promise.all(
      numbers.map((number) => producer.produce({ ...textRecord(topic, `${number}`), partition })),
    );
  }

  async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 40_000;
    while (!(await holds())) {
      if (Date.now() > deadline) expect.fail(`not in time: ${what}`);
      await delay(10);
    }
  }

  const committed = async (topic: string, partition = 0): Promise<bigint> =>
    (await (await kafka.admin()).committedOffsets(`group-of-${topic}`, topic)).get(partition)!;

  /** Takes each record, and commits after each. */
  const taking =
    (taken: number[], each: (batch: IncomingBatch) => Promise<void> = () => Promise.resolve()) =>
    async (batch: IncomingBatch): Promise<void> => {
      for (const { value, offset } of batch.records) {
        if (!batch.isCurrent()) return;
        await each(batch);
        taken.push(Number(value.toString()));
        await batch.commit(offset + 1n);
        batch.resolve(offset);
      }
    };

  const range = (first: number, last: number): number[] =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index);

  it('takes what is there, then what comes, and begins where the group has left off', async () => {
    const topic = await kafka.topic();
    await fill(topic, 0, 9);
    const taken: number[] = [];
    const first = await consume(topic, taking(taken));
    await until('the first ten', () => taken.length === 10);
    await fill(topic, 10, 19);
    await until('the next ten', () => taken.length === 20);
    expect(first.joined).to.equal(true);
    await first.stop();
    expect(await committed(topic)).to.equal(20n);

    await fill(topic, 20, 29);
    await consume(topic, taking(taken));
    await until('the last ten', () => taken.length === 30);
    expect(taken).to.deep.equal(range(0, 29));
  });

  it('fetches again what was not resolved', async () => {
    const topic = await kafka.topic();
    await fill(topic, 0, 4);
    const seen: string[] = [];
    let times = 0;
    await consume(topic, (batch) => {
      seen.push(batch.records.map(({ value }) => value.toString()).join(' '));
      times += 1;
      if (times === 2) batch.resolve(2n);
      if (times === 3) batch.resolve(4n);
      return Promise.resolve();
    });
    await until('three batches', () => times === 3);
    await delay(300);
    expect(seen).to.deep.equal(['0 1 2 3 4', '0 1 2 3 4', '3 4']);
    expect(await committed(topic)).to.equal(-1n);
  });

  it('keeps its partitions however long a batch takes, and commits what is done when it stops', async () => {
    const topic = await kafka.topic();
    await fill(topic, 0, 4);
    const taken: number[] = [];
    let begun = 0;
    const consumer = await consume(
      topic,
      taking(taken, async (batch) => {
        begun += 1;
        await delay(taken.length === 0 ? sessionTimeoutMs + 1_500 : 1_000);
        expect(batch.generation).to.equal(1);
      }),
    );
    await until('the second', () => begun === 2);
    const started = performance.now();
    await consumer.stop();
    expect(performance.now() - started).to.be.lessThan(1_000 + leaveDeadlineMs);
    expect(taken).to.deep.equal([0, 1]);
    expect(await committed(topic)).to.equal(2n);
  });

  it('stops at once when it has nothing in hand', async () => {
    const topic = await kafka.topic();
    const consumer = await consume(topic, () => Promise.resolve());
    await until('it has joined', () => consumer.joined);
    const started = performance.now();
    await consumer.stop();
    expect(performance.now() - started).to.be.lessThan(leaveDeadlineMs);
  });

  it('shares partitions with a second consumer, by another library, each record taken by one of them', async () => {
    const topic = await kafka.topic(4);
    const one: number[] = [];
    const two: number[] = [];
    const slowly = async (): Promise<void> => delay(2);
    await Promise.all(
      range(0, 3).map((partition) => fill(topic, partition * 1000, partition * 1000 + 499, partition)),
    );
    const options = { partitionsConsumedConcurrently: 4 };
    await consume(topic, taking(one, slowly), options);
    await until('the first has begun', () => one.length > 100);
    const other = clients.find((one) => one !== client)!;
    const connection = { ...kafka.connection, client: other };
    const second = await consume(topic, taking(two, slowly), { ...options, connection });
    await until('the second has begun', () => two.length > 100);
    await second.stop();
    await until('all are taken', () => one.length + two.length >= 2000);
    await delay(200);
    expect([...one, ...two].sort((a, b) => a - b)).to.deep.equal(
      range(0, 3).flatMap((partition) => range(partition * 1000, partition * 1000 + 499)),
    );
    for (const taken of [one, two]) {
      for (const partition of range(0, 3)) {
        const ofPartition = taken.filter((number) => Math.floor(number / 1000) === partition);
        expect(ofPartition).to.deep.equal([...ofPartition].sort((a, b) => a - b));
      }
    }
  });

  it('gives its batch up when the group is joined by another, and commits while that is in time', async () => {
    const topic = await kafka.topic();
    await fill(topic, 0, 0);
    let first: IncomingBatch | undefined;
    let outcome = '';
    const consumer = await consume(topic, async (batch) => {
      first ??= batch;
      if (outcome !== '') return;
      await until('the group moves on', () => !batch.isCurrent());
      await batch.commit(1n);
      outcome = 'in time';
    });
    await until('a batch in hand', () => first !== undefined);
    const second = await consume(topic, () => Promise.resolve());
    await until('the batch was given up', () => outcome !== '');
    await until('both have joined', () => second.joined);
    expect(consumer.joined).to.equal(true);
    expect(await committed(topic)).to.equal(1n);

    await delay(500);
    const late: unknown = await first!.commit(0n).catch((error: unknown) => error);
    expect(late).to.be.instanceOf(KafkaError).with.property('code', 'BATCH_LOST');
    expect(await committed(topic)).to.equal(1n);
  });

  it('takes no answer from before it was suspended for one of now', async () => {
    const topic = await kafka.topic();
    await fill(topic, 0, 0);
    const held: IncomingBatch[] = [];
    let isOver = false;
    await consume(topic, async (batch) => {
      held.push(batch);
      if (held.length === 1) while (!isOver) await delay(10);
    });
    await until('a batch in hand', () => held.length > 0 && held[0]!.isCurrent());
    await suspendedWithHeartbeat(2 * sessionTimeoutMs);
    const since = performance.now();
    let wasCurrent = false;
    while (!held[0]!.lost.aborted && performance.now() - since < 2_000) {
      wasCurrent ||= held[0]!.isCurrent();
      await new Promise(setImmediate);
    }
    isOver = true;
    expect(wasCurrent).to.equal(false);
    await until('it has joined anew', () => held[0]!.lost.aborted);
  });

  it('begins anew where no commit is taken though heartbeats are answered', async () => {
    const topic = await kafka.topic();
    await fill(topic, 0, 4);
    const warnings: string[] = [];
    const restore = refuseCommits(`group-of-${topic}`);
    const taken: number[] = [];
    try {
      await consume(topic, taking(taken), { log: (_, message) => void warnings.push(message) });
      await until('it begins anew', () => warnings.some((warning) => /though heartbeats are/.test(warning)));
    } finally {
      restore();
    }
    await until('a commit is taken', async () => (await committed(topic)) === 5n);
    expect(taken.slice(-5)).to.deep.equal(range(0, 4));
  });

  it('waits for a broker that does not have its offset yet, and never begins from the start again', async () => {
    const topic = await kafka.topic();
    await fill(topic, 0, 2);
    let isAhead = false;
    const former = await consume(topic, async (batch) => {
      if (!isAhead) await batch.commit(5n);
      isAhead = true;
    });
    await until('what is not there is committed', () => isAhead);
    await former.stop();
    const taken: number[] = [];
    await consume(topic, taking(taken));
    await delay(1_500);
    expect(taken).to.deep.equal([]);
    expect(await committed(topic)).to.equal(5n);
    for (let number = 3; number <= 9; number += 1) await fill(topic, number, number);
    await until('what comes is taken', () => taken.includes(9));
    expect(taken).to.deep.equal(range(5, 9));
  });

  it('goes on after the broker was killed and came back', async () => {
    const topic = await kafka.topic();
    const taken: number[] = [];
    await consume(topic, taking(taken));
    await fill(topic, 0, 9);
    await until('the first ten', () => taken.length === 10);
    await kafka.broker.kill();
    await kafka.broker.restart();
    await fill(topic, 10, 19);
    await until('the next ten', () => taken.includes(19));
    expect([...new Set(taken)]).to.deep.equal(range(0, 19));
  });

  it('lets what is in hand of one partition be committed before it gives any up', async () => {
    const topic = await kafka.topic(2);
    await fill(topic, 0, 0, 0);
    let held: IncomingBatch | undefined;
    let commit: Promise<void> | undefined;
    const release = Promise.withResolvers<undefined>();
    const hold = async (batch: IncomingBatch): Promise<void> => {
      if (batch.partition !== 0 || held !== undefined) return;
      held = batch;
      await release.promise;
      commit = batch.commit(1n);
      await commit;
    };
    const first = await consume(topic, hold, { partitionsConsumedConcurrently: 2 });
    await until('a batch in hand', () => held !== undefined);
    let hasJoined = false;
    const second = consume(topic, () => Promise.resolve()).finally(() => (hasJoined = true));
    await until('the group moves on', () => !held!.isCurrent());
    // By now the other partition's fetches know it too, and would have joined.
    await delay(1_500);
    expect(hasJoined).to.equal(false);
    release.resolve(undefined);
    const { assignedPartitions } = await second;
    expect(assignedPartitions).to.equal(1);
    await until('the first has the other', () => first.assignedPartitions === 1);
    await commit;
    expect(await committed(topic)).to.equal(1n);
  });

  describe('when packets vanish without a word', () => {
    let relay: SilentRelay;
    let release: (() => void) | undefined;
    const released = (): Promise<void> => new Promise((resolve) => (release = resolve));
    beforeEach(async () => {
      relay = await SilentRelay.start(kafka.broker.port);
    });
    afterEach(async () => {
      release?.();
      release = undefined;
      await relay.stop();
    });

    it('begins anew with another client, and never works on one partition twice at once', async () => {
      const topic = await kafka.topic();
      await fill(topic, 0, 9);
      const taken: number[] = [];
      const generations: number[] = [];
      let atWork = 0;
      let held: IncomingBatch | undefined;
      const take = taking(taken);
      const consumer = await consume(topic, async (batch) => {
        generations.push(batch.generation);
        atWork += 1;
        expect(atWork).to.equal(1);
        if (held === undefined) {
          held = batch;
          await released();
        } else await take(batch);
        atWork -= 1;
      });
      await until('a batch in hand', () => held !== undefined);
      const since = performance.now();
      // Longer than a session: who connects anew before that can remain a member.
      relay.fallSilent(sessionTimeoutMs + 1_500);
      await until('the batch is lost', () => held!.lost.aborted);
      expect(held!.isCurrent()).to.equal(false);
      await until('it has joined again', () => consumer.joined);
      await delay(500);
      expect(generations, 'waits for what is in hand').to.deep.equal([1]);
      const late: unknown = await held!.commit(5n).catch((error: unknown) => error);
      expect(late).to.be.instanceOf(KafkaError).with.property('code', 'BATCH_LOST');
      held!.resolve(5n);
      release!();
      await until('the records are taken', () => taken.length === 10);
      expect(taken).to.deep.equal(range(0, 9));
      expect(generations[1]).to.be.greaterThan(1);
      console.log(`      (went on after ${Math.round(performance.now() - since)} ms)`);
      expect(await committed(topic)).to.equal(10n);
    });

    it('begins anew with nothing in hand', async () => {
      const topic = await kafka.topic();
      const taken: number[] = [];
      await consume(topic, taking(taken));
      relay.fallSilent();
      await fill(topic, 0, 9);
      await until('the records are taken', () => taken.length === 10);
    });

    it('waits to be taken into the group for as long as others are at work, and no longer', async () => {
      const topic = await kafka.topic();
      await fill(topic, 0, 0);
      const first = await consume(topic, async (batch) => {
        if (release === undefined) await released();
        batch.resolve(0n);
      });
      await until('a batch in hand', () => release !== undefined);
      let begunAnew = 0;
      const second = consume(topic, () => Promise.resolve(), {
        log: (_, text) => void (begunAnew += text.includes('joined anew') ? 1 : 0),
      });
      await delay(2 * sessionTimeoutMs);
      expect(begunAnew).to.equal(0);
      relay.fallSilent();
      await until('the first begins anew', () => !first.joined);
      release!();
      await second;
      await until('both have joined', () => consumers.every(({ joined }) => joined));
      expect(begunAnew).to.be.greaterThan(0);
    });
  });

  it('ends when the work on a batch fails', async () => {
    const topic = await kafka.topic();
    await fill(topic, 0, 0);
    let times = 0;
    await consume(topic, () => {
      times += 1;
      return Promise.reject(new Error('a fault of ours'));
    });
    await until('the fault is told', () => fatal.length > 0);
    await delay(300);
    expect(times).to.equal(1);
    expect((fatal.splice(0)[0] as Error).message).to.equal('a fault of ours');
  });

  it('ends when it hears nothing from Kafka for long', async () => {
    const topic = await kafka.topic();
    await consume(topic, () => Promise.resolve(), { watchdogMs: 2_000 });
    await delay(3_000);
    expect(fatal).to.deep.equal([]);
    process.kill(kafka.broker.pid, 'SIGSTOP');
    try {
      await until('the watchdog barks', () => fatal.length > 0);
    } finally {
      process.kill(kafka.broker.pid, 'SIGCONT');
    }
    expect(fatal.splice(0)[0]).to.be.instanceOf(KafkaError).with.property('code', 'NO_ACTIVITY');
  });

  it('says when a topic does not exist', async () => {
    const failure: unknown = await consume('nowhere', () => Promise.resolve()).catch(
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(KafkaError).with.property('code', 'UNKNOWN_TOPIC');
  });
});

/** Stops this process for so long, in milliseconds, just when a heartbeat has been sent: its answer waits meanwhile. */
async function suspendedWithHeartbeat(milliseconds: number): Promise<void> {
  const prototype = net.Socket.prototype as unknown as Record<string, (...args: unknown[]) => boolean>;
  const { write } = prototype;
  await new Promise<void>((resolve) => {
    prototype.write = function (this: net.Socket, ...args) {
      const isWritten = write!.apply(this, args);
      const [bytes] = args;
      if (Buffer.isBuffer(bytes) && bytes.readInt16BE(4) === HEARTBEAT) {
        prototype.write = write!;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
        resolve();
      }
      return isWritten;
    };
  });
}

/** Has the commits of a group sent with another group's name, so that they are refused. @returns what ends that */
function refuseCommits(groupId: string): () => void {
  const prototype = net.Socket.prototype as unknown as Record<string, (...args: unknown[]) => boolean>;
  const { write } = prototype;
  prototype.write = function (this: net.Socket, ...args) {
    const [bytes] = args;
    if (Buffer.isBuffer(bytes) && bytes.length > 6 && bytes.readInt16BE(4) === OFFSET_COMMIT) {
      const at = bytes.indexOf(groupId);
      if (at >= 0) bytes.write('G', at);
    }
    return write!.apply(this, args);
  };
  return () => (prototype.write = write!);
}
