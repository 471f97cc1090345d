import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { BrokerUnderTest, textRecord } from './broker-under-test.js';
import { describeEachClient } from './each-client.js';
import { GatheringProducer } from './gathering-producer.js';
import { KafkaError, StoreError } from './kafka-error.js';
import { type OutgoingRecord, recordBytes } from './record.js';

describeEachClient('the gathering producer', function (client) {
  this.timeout(240_000);

  let kafka: BrokerUnderTest;
  let producers: GatheringProducer[] = [];

  before(async function () {
    this.timeout(600_000);
    kafka = await BrokerUnderTest.start(undefined, client);
  });
  after(() => kafka.stop());
  afterEach(async () => {
    await Promise.all(producers.map((producer) => producer.close()));
    producers = [];
  });

  function open(
    options: Partial<ConstructorParameters<typeof GatheringProducer>[0]> = {},
  ): GatheringProducer {
    const producer = new GatheringProducer({ connection: kafka.connection, ...options });
    producers.push(producer);
    return producer;
  }

  const outcome = async (promise: Promise<void>): Promise<string> =>
    promise.then(
      () => 'stored',
      (error: unknown) => (error as StoreError).code,
    );

  it('stores keys, values and headers byte for byte', async () => {
    const topic = await kafka.topic();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    const producer = open();
    const headers = { text: 'Zoë', bytes, empty: '' };
    await producer.produce({ topic, key: bytes, value: bytes, headers, timestamp: 1_700_000_000_123 });
    await producer.produce({ topic, key: null, value: Buffer.alloc(0), headers: {} });

    const [first, second] = await (await kafka.admin()).readAll(topic);
    expect(first).to.deep.equal({
      topic,
      partition: 0,
      offset: 0n,
      timestamp: 1_700_000_000_123,
      key: bytes,
      value: bytes,
      headers: { text: Buffer.from('Zoë'), bytes, empty: Buffer.alloc(0) },
    });
    expect(second).to.include({ offset: 1n, key: null });
    expect(second!.value).to.have.length(0);
  });

  it('gathers what many callers hand in, and keeps the order of each', async () => {
    const topic = await kafka.topic(3);
    const producer = open();
    const callers = Array.from({ length: 64 }, (_, caller) => caller);
    await Promise.all(
      callers.map(async (caller) => {
        // Some wait for each record, some hand in all at once.
        const waits = caller % 2 === 0;
        const produced: Promise<void>[] = [];
        for (let number = 0; number < 20; number += 1) {
          const promise = producer.produce(textRecord(topic, `${caller} ${number}`, `caller-${caller}`));
          if (waits) await promise;
          produced.push(promise);
        }
        await Promise.all(produced);
      }),
    );

    expect(producer.roundCount).to.be.lessThan(200);
    expect(producer.pendingRecords).to.equal(0);
    expect(producer.pendingBytes).to.equal(0);
    expect(producer.inRoundMs).to.equal(undefined);
    const values = await kafka.values(topic);
    expect(values).to.have.length(64 * 20);
    for (const caller of callers) {
      const numbers = values
        .filter((value) => value.startsWith(`${caller} `))
        .map((value) => value.split(' ')[1]);
      expect(numbers).to.deep.equal(Array.from({ length: 20 }, (_, number) => `${number}`));
    }
  });

  it('bounds a round by records and by bytes', async () => {
    const topic = await kafka.topic();
    const few = open({ maxRoundRecords: 10 });
    await Promise.all(
      Array.from({ length: 100 }, (_, number) => few.produce(textRecord(topic, `${number}`))),
    );
    expect(few.roundCount).to.equal(10);

    const large = open();
    const value = Buffer.alloc(400_000, 'x');
    await Promise.all(
      Array.from({ length: 6 }, () => large.produce({ topic, key: null, value, headers: {} })),
    );
    expect(large.roundCount).to.equal(3);
  });

  it('knows the most bytes that a record takes', async () => {
    const topic = await kafka.topic(1, { 'max.message.bytes': '2000000' });
    const producer = open();
    // The first asks Kafka about itself and the topic, which is not part of a record.
    await producer.produce(textRecord(topic, 'first'));
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.dictionary(fc.string({ minLength: 1 }), fc.string({ unit: 'grapheme' }), {
          noNullPrototype: true,
        }),
        fc.integer({ min: 1, max: 50 }),
        async (value, headers, count) => {
          const record: OutgoingRecord = {
            topic,
            key: Buffer.from('key'),
            value: Buffer.from(value),
            headers,
          };
          const sent = written(() =>
            Promise.all(Array.from({ length: count }, () => producer.produce(record))),
          );
          // Some bytes more are the request's and the batch's own.
          expect(await sent).to.be.within(count * value.length, count * recordBytes(record) + 200);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('refuses only the record that is too large for its topic', async () => {
    const topic = await kafka.topic(2, { 'max.message.bytes': '1000' });
    const producer = open();
    const outcomes = await Promise.all([
      outcome(producer.produce({ ...textRecord(topic, 'small'), partition: 0 })),
      outcome(producer.produce({ ...textRecord(topic, 'x'.repeat(2000)), partition: 1 })),
    ]);
    expect(outcomes).to.deep.equal(['stored', 'TOO_LARGE']);
    await producer.produce({ ...textRecord(topic, 'after'), partition: 1 });
    expect(await kafka.values(topic)).to.deep.equal(['small', 'after']);
  });

  it('does not write a record that is not wanted any more', async () => {
    const topic = await kafka.topic();
    const producer = open({ maxRoundRecords: 1 });
    const abort = new AbortController();
    const first = outcome(producer.produce(textRecord(topic, 'first')));
    const second = outcome(producer.produce(textRecord(topic, 'second'), abort.signal));
    const third = outcome(producer.produce(textRecord(topic, 'third')));
    abort.abort();
    expect(await Promise.all([first, second, third])).to.deep.equal(['stored', 'ABORTED', 'stored']);
    expect(await kafka.values(topic)).to.deep.equal(['first', 'third']);
  });

  it('stores what it was given before it is closed, and nothing after', async () => {
    const topic = await kafka.topic();
    const producer = open();
    const stored = outcome(producer.produce(textRecord(topic, 'before')));
    await producer.close();
    expect(await stored).to.equal('stored');
    expect(await outcome(producer.produce(textRecord(topic, 'after')))).to.equal('CLOSED');
    expect(await kafka.values(topic)).to.deep.equal(['before']);
  });

  it('says when Kafka is not where it should be', async () => {
    const producer = open({
      connection: { bootstrapServers: ['127.0.0.1:1'], clientId: 'test', client },
      retryForMs: 500,
    });
    const error: unknown = await producer.connect().catch((failure: unknown) => failure);
    expect(error).to.be.instanceOf(KafkaError);
    expect(error).to.have.property('code', 'UNREACHABLE');
    expect((error as KafkaError).message).to.contain('127.0.0.1:1');
  });

  it('gives up all that waits while the broker is away, and works again once it is back', async () => {
    const topic = await kafka.topic();
    const producer = open({ retryForMs: 1_000 });
    await producer.produce(textRecord(topic, 'before'));
    await kafka.broker.kill();
    const inRound = outcome(producer.produce(textRecord(topic, 'lost 1')));
    await delay(100);
    expect(producer.inRoundMs).to.be.greaterThan(50);
    const queued = outcome(producer.produce(textRecord(topic, 'lost 2')));
    expect(producer.pendingRecords).to.equal(2);
    expect(await Promise.all([inRound, queued])).to.deep.equal(['NOT_STORED', 'NOT_STORED']);
    expect(producer.pendingRecords).to.equal(0);

    await kafka.broker.restart();
    await producer.produce(textRecord(topic, 'after'));
    expect(await kafka.values(topic)).to.deep.equal(['before', 'after']);
  });

  it('counts the wait for the round before as time in which a record is tried', async () => {
    const topic = await kafka.topic();
    const producer = open({ retryForMs: 4_000, requestTimeoutMs: 20_000 });
    await producer.produce(textRecord(topic, 'before'));
    process.kill(kafka.broker.pid, 'SIGSTOP');
    try {
      const first = outcome(producer.produce(textRecord(topic, 'first')));
      await delay(500);
      const since = performance.now();
      const second = outcome(producer.produce(textRecord(topic, 'second')));
      await delay(2_000);
      process.kill(kafka.broker.pid, 'SIGCONT');
      expect(await first).to.equal('stored');
      process.kill(kafka.broker.pid, 'SIGSTOP');
      if ((await second) === 'NOT_STORED') expect(performance.now() - since).to.be.within(3_500, 15_000);
    } finally {
      process.kill(kafka.broker.pid, 'SIGCONT');
    }
  });

  it('rides over a broker that is back in time', async () => {
    const topic = await kafka.topic();
    const producer = open();
    await producer.produce(textRecord(topic, 'before'));
    await kafka.broker.kill();
    const meanwhile = producer.produce(textRecord(topic, 'meanwhile'));
    await kafka.broker.restart();
    await meanwhile;
    expect(await kafka.values(topic)).to.deep.equal(['before', 'meanwhile']);
  });

  it('connects anew when it has lost a connection with nothing to store, not when something comes', async () => {
    const topic = await kafka.topic();
    const producer = open();
    await producer.produce(textRecord(topic, 'before'));
    const rounds = producer.roundCount;
    await kafka.broker.kill();
    await kafka.broker.restart();
    const deadline = performance.now() + 30_000;
    const isBack = (): boolean => producer.roundCount > rounds && producer.inRoundMs === undefined;
    while (!isBack() && performance.now() < deadline) await delay(50);
    expect(isBack(), 'it has connected').to.equal(true);
    await producer.produce(textRecord(topic, 'after'));
    expect(await kafka.values(topic, 2)).to.deep.equal(['before', 'after']);
  });

  it('gives up in time on a broker that hangs', async () => {
    const topic = await kafka.topic();
    const producer = open({ retryForMs: 1_500, requestTimeoutMs: 600 });
    await producer.produce(textRecord(topic, 'before'));
    process.kill(kafka.broker.pid, 'SIGSTOP');
    // On a busy machine it takes a moment until each of its threads has stopped.
    await delay(200);
    const started = performance.now();
    try {
      expect(await outcome(producer.produce(textRecord(topic, 'hung')))).to.equal('NOT_STORED');
    } finally {
      process.kill(kafka.broker.pid, 'SIGCONT');
    }
    expect(performance.now() - started).to.be.within(1_400, 10_000);
    await producer.produce(textRecord(topic, 'after'));
    const values = await kafka.values(topic);
    expect(values[0]).to.equal('before');
    expect(values).to.include('after');
    expect(values.filter((value) => value === 'hung').length).to.be.at.most(1);
  });

  it('loses nothing after a batch that was written though its answer was lost', async () => {
    const topic = await kafka.topic();
    const producer = open({ retryForMs: 1_000, requestTimeoutMs: 400 });
    await producer.produce(textRecord(topic, 'before'));
    const answersAreLost = loseAnswers();
    const unanswered = await outcome(producer.produce(textRecord(topic, 'unanswered')));
    answersAreLost.end();
    expect(unanswered).to.equal('NOT_STORED');
    await producer.produce(textRecord(topic, 'after'));
    expect(await kafka.values(topic)).to.deep.equal(['before', 'unanswered', 'after']);
  });

  it('keeps every record it said was stored when the broker is killed under load', async () => {
    const topic = await kafka.topic(4);
    const producer = open({ retryForMs: 15_000 });
    const outcomes = new Map<string, Promise<string>>();
    let storedByNow = 0;
    let running = true;
    const callers = Array.from({ length: 32 }, async (_, caller) => {
      for (let number = 0; running; number += 1) {
        const value = `${caller} ${number}`;
        const result = outcome(producer.produce(textRecord(topic, value, `caller-${caller}`)));
        outcomes.set(value, result);
        if ((await result) === 'stored') storedByNow += 1;
      }
    });
    const moreAreStored = async (): Promise<void> => {
      for (const goal = storedByNow + 400; storedByNow < goal;) await delay(10);
    };
    await moreAreStored();
    for (let times = 0; times < 2; times += 1) {
      await kafka.broker.kill();
      await delay(200);
      await kafka.broker.restart();
      await moreAreStored();
    }
    running = false;
    await Promise.all(callers);

    const counts = new Map<string, number>();
    const values = await kafka.values(topic);
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    let stored = 0;
    for (const [value, result] of outcomes) {
      const wasStored = (await result) === 'stored';
      if (wasStored) stored += 1;
      expect(counts.get(value) ?? 0, value).to.be.within(wasStored ? 1 : 0, 1);
    }
    expect(stored).to.be.greaterThan(1_000);
    for (let caller = 0; caller < 32; caller += 1) {
      const numbers = values
        .filter((value) => value.startsWith(`${caller} `))
        .map((value) => Number(value.split(' ')[1]));
      expect(numbers).to.deep.equal([...numbers].sort((a, b) => a - b));
    }
  });
});

/** The bytes that sockets of this process have sent while something ran. */
async function written(run: () => Promise<unknown>): Promise<number> {
  let bytes = 0;
  const restore = replaceMethod('write', (call, [data]) => {
    if (Buffer.isBuffer(data)) bytes += data.length;
    return call();
  });
  await run().finally(restore);
  return bytes;
}

/** Until it is ended, what arrives at sockets of this process is dropped, as on a broken network. */
function loseAnswers(): { end: () => void } {
  return { end: replaceMethod('emit', (call, [event]) => event === 'data' || call()) };
}

/** Puts a step before a method of all sockets; gives back what takes it away again. */
function replaceMethod(
  method: 'emit' | 'write',
  step: (call: () => boolean, args: unknown[]) => boolean,
): () => void {
  const prototype = net.Socket.prototype as unknown as Record<string, (...args: unknown[]) => boolean>;
  const original = prototype[method]!;
  prototype[method] = function (this: net.Socket, ...args) {
    return step(() => original.apply(this, args), args);
  };
  return () => {
    prototype[method] = original;
  };
}
