import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { Assigner, Consumer, Kafka, PartitionAssigner } from 'kafkajs';
import { BrokerUnderTest } from './broker-under-test.js';
import { kafkajs } from './repaired-kafkajs.js';

/** Longer than any test: who has not left a group by then is still in it. */
const LONG_SESSION = 60_000;

describe('the repairs of kafkajs', function () {
  this.timeout(240_000);

  let broker: BrokerUnderTest;
  let consumers: Consumer[] = [];

  before(async function () {
    this.timeout(600_000);
    broker = await BrokerUnderTest.start();
  });
  after(() => broker.stop());
  afterEach(async () => {
    await Promise.all(consumers.map((consumer) => consumer.disconnect()));
    consumers = [];
  });

  function client(requestTimeout = 10_000): Kafka {
    return new kafkajs.Kafka({
      brokers: [...broker.connection.bootstrapServers],
      requestTimeout,
      logLevel: kafkajs.logLevel.NOTHING,
    });
  }

  interface Member {
    readonly topic: string;
    readonly assigner: PartitionAssigner;
    readonly sessionTimeout: number;
    readonly requestTimeout?: number;
  }

  function member({ topic, assigner, sessionTimeout, requestTimeout }: Member): Consumer {
    const consumer = client(requestTimeout).consumer({
      groupId: `group-of-${topic}`,
      partitionAssigners: [assigner],
      sessionTimeout,
      heartbeatInterval: 300,
      retry: { retries: 0, restartOnFailure: () => Promise.resolve(false) },
    });
    consumers.push(consumer);
    return consumer;
  }

  async function run(consumer: Consumer, topic: string): Promise<void> {
    await consumer.subscribe({ topic });
    await consumer.run({ eachBatch: () => Promise.resolve() });
  }

  /** kafkajs's own assigner, before which something is done each time. */
  const roundRobinAfter =
    (before: () => Promise<void>): PartitionAssigner =>
    (options) => {
      const own: Assigner = kafkajs.PartitionAssigners.roundRobin(options);
      return {
        ...own,
        assign: async (members) => {
          await before();
          return own.assign(members);
        },
      };
    };

  async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 40_000;
    while (!(await holds())) {
      if (Date.now() > deadline) expect.fail(`not in time: ${what}`);
      await delay(20);
    }
  }

  it('have a member that could not join leave its group, so that the others need not wait for it', async () => {
    const topic = await broker.topic();
    const admin = client().admin();
    await admin.connect();
    try {
      const failing = member({
        topic,
        assigner: roundRobinAfter(() => Promise.reject(new Error('no assignment'))),
        sessionTimeout: LONG_SESSION,
      });
      let crashes = 0;
      failing.on('consumer.crash', () => (crashes += 1));
      await run(failing, topic).catch(() => undefined);
      await until('it has failed to join', () => crashes > 0);
      await until('the group is empty', async () => {
        const { groups } = await admin.describeGroups([`group-of-${topic}`]);
        return groups[0]!.members.length === 0;
      });

      const next = member({
        topic,
        assigner: kafkajs.PartitionAssigners.roundRobin,
        sessionTimeout: LONG_SESSION,
      });
      let isIn = false;
      next.on('consumer.group_join', () => (isIn = true));
      void run(next, topic);
      await until('another is in the group, long before the session of the first is over', () => isIn);
    } finally {
      await admin.disconnect();
    }
  });

  it('have a member wait for its partitions for as long as another takes to assign them', async () => {
    const topic = await broker.topic(2);
    let takesMs = 0;
    const common = { topic, sessionTimeout: 12_000 };
    const leader = member({ ...common, assigner: roundRobinAfter(() => delay(takesMs)) });
    let assigned = 0;
    leader.on('consumer.group_join', () => (assigned += 1));
    await run(leader, topic);
    await until('the first leads the group', () => assigned === 1);

    takesMs = 4_000;
    const second = member({
      ...common,
      assigner: kafkajs.PartitionAssigners.roundRobin,
      requestTimeout: 1_500,
    });
    const unanswered: string[] = [];
    let isIn = false;
    second.on('consumer.network.request_timeout', ({ payload }) => unanswered.push(payload.apiName));
    second.on('consumer.group_join', () => (isIn = true));
    second.on('consumer.crash', ({ payload }) => unanswered.push(payload.error.message));
    void run(second, topic);
    await until('the second is in, or has given up', () => isIn || unanswered.length > 0);
    expect(unanswered).to.deep.equal([]);
  });

  it('have a connection that is idle do nothing, and one that was held back go on', async () => {
    const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as new (
      options: object,
    ) => {
      maybeThrottle(milliseconds: number): void;
      push(request: object): void;
      destroy(): void;
      scheduleCheckPendingRequests(): void;
      readonly throttleCheckTimeoutId: unknown;
    };
    const logger = { debug: () => undefined, error: () => undefined };
    const queue = new RequestQueue({
      maxInFlightRequests: 1,
      requestTimeout: 1_000,
      logger,
      clientId: 'test',
    });
    try {
      queue.scheduleCheckPendingRequests();
      expect(queue.throttleCheckTimeoutId, 'nothing waits').to.equal(null);
      const since = Date.now();
      queue.maybeThrottle(200);
      const sentAt = await new Promise<number>((resolve) => {
        const entry = { correlationId: 1, resolve: () => undefined, reject: () => undefined };
        queue.push({
          entry,
          expectResponse: false,
          requestTimeout: 1_000,
          sendRequest: () => resolve(Date.now()),
        });
      });
      expect(sentAt - since).to.be.at.least(190);
      await until('it is at rest', () => queue.throttleCheckTimeoutId === null);
    } finally {
      queue.destroy();
    }
  });

  it('have commits go to the coordinator that there is, when the one that was found first is it no more', async () => {
    const OffsetManager = createRequire(import.meta.url)('kafkajs/src/consumer/offsetManager') as new (
      options: object,
    ) => { commitOffsets(offsets: object): Promise<void> };
    const topics = [{ topic: 'topic', partitions: [{ partition: 0, offset: '1' }] }];
    const refusal = Object.assign(new Error('refused'), { type: 'NOT_COORDINATOR_FOR_GROUP' });
    const taken: object[] = [];
    const coordinator = (offsetCommit: (payload: object) => Promise<void>): object => {
      return { isConnected: () => true, offsetCommit };
    };
    const now = coordinator((payload) => Promise.resolve(void taken.push(payload)));
    const manager = new OffsetManager({
      cluster: {
        refreshMetadata: () => Promise.resolve(),
        committedOffsets: () => ({}),
        findGroupCoordinator: ({ groupId }: { groupId: string }) =>
          groupId === 'group' ? Promise.resolve(now) : Promise.reject(new Error(groupId)),
      },
      coordinator: coordinator(() => Promise.reject(refusal)),
      memberAssignment: { topic: [0] },
      instrumentationEmitter: { emit: () => undefined },
      groupId: 'group',
      generationId: 7,
      memberId: 'member',
    });
    const refused: unknown = await manager.commitOffsets({ topics }).catch((error: unknown) => error);
    expect(refused, 'the first learns of it').to.equal(refusal);
    await manager.commitOffsets({ topics });
    const payload = { groupId: 'group', memberId: 'member', groupGenerationId: 7, topics };
    expect(taken).to.deep.equal([payload]);
  });
});
