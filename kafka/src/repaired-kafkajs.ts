/**
 * kafkajs 2.2.4 with eight faults repaired. Nobody maintains it any more, so what must be right is put right here,
 * before it is loaded; everything in this package has kafkajs from here.
 */
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { again } from './again.js';
import { gatheredCalls, gatheredProduce, type ProduceAnswer, type ProduceOrder } from './gathered-produce.js';
import { type CoordinatorFinder, KnownCoordinators } from './known-coordinators.js';
import { crc32c } from './crc32c.js';
import { decodeRecord } from './record-decoder.js';
import { encodeRecord } from './record-encoder.js';

const require = createRequire(import.meta.url);

/** Longer than a session, in milliseconds. */
const SYNC_TIMEOUT = 15_000;
/** Kafka's number for the coordinator of a group. */
const GROUP = 0;
/** How long partitions are tried to be made part of a transaction, in milliseconds. */
const TRANSACTION_DEADLINE = 10_000;

/** In place of a function that copies all messages before it for each one. */
function groupMessagesPerPartition<Message>(options: {
  topic: string;
  partitionMetadata: readonly unknown[];
  messages: readonly Message[];
  partitioner: (choice: { topic: string; partitionMetadata: readonly unknown[]; message: Message }) => number;
}): Record<number, Message[]> {
  const { topic, partitionMetadata, messages, partitioner } = options;
  const parts: Record<number, Message[]> = {};
  if (partitionMetadata.length === 0) return parts;
  for (const message of messages) {
    (parts[partitioner({ topic, partitionMetadata, message })] ??= []).push(message);
  }
  return parts;
}

// Not faults, but a third of the time that a producer took, and much of a consumer's.
for (const [module, faster] of [
  ['kafkajs/src/protocol/recordBatch/crc32C', crc32c],
  ['kafkajs/src/protocol/recordBatch/record/v0', encodeRecord],
  ['kafkajs/src/protocol/recordBatch/record/v0/decoder', decodeRecord],
  ['kafkajs/src/producer/groupMessagesPerPartition', groupMessagesPerPartition],
] as const) {
  require(module);
  require.cache[require.resolve(module)]!.exports = faster;
}

interface TransactionTopic {
  topic: string;
  partitions: { partition: number }[];
}

interface ManagerOptions {
  cluster: CoordinatorFinder;
}

interface SequenceManager {
  sendOffsets: (offsets: object) => Promise<void>;
  commit: () => Promise<void>;
  abort: () => Promise<void>;
  acquireBrokerLock(broker: object): Promise<void>;
  releaseBrokerLock(broker: object): void;
  addPartitionsToTransaction: (topics: TransactionTopic[]) => Promise<void>;
}

// Nor this: a request went to each partition by itself, one at a time for each broker. We never send a second time to
// a partition before the first has ended, so the lock that keeps its sequence numbers in order is not needed, and what
// goes to several partitions of a broker at once is one request. See `partitioned-records.ts` for why it is not
// kafkajs that joins them.
const managerModule = require.resolve('kafkajs/src/producer/eosManager');
const createManager = require(managerModule) as (options: ManagerOptions) => SequenceManager;
require.cache[managerModule]!.exports = (options: ManagerOptions): SequenceManager => {
  const coordinators = new KnownCoordinators(options.cluster);
  const manager = createManager({ ...options, cluster: coordinators.cluster });
  manager.acquireBrokerLock = () => Promise.resolve();
  manager.releaseBrokerLock = () => undefined;
  const { addPartitionsToTransaction, sendOffsets, commit, abort } = manager;
  manager.sendOffsets = (offsets) => coordinators.step(() => sendOffsets(offsets));
  manager.commit = () => coordinators.step(commit);
  manager.abort = () => coordinators.step(abort);
  manager.addPartitionsToTransaction = gatheredCalls((calls: TransactionTopic[][]) =>
    // The former transaction is still being ended. All of them have to wait for that, together.
    again(
      TRANSACTION_DEADLINE,
      () => coordinators.step(() => addPartitionsToTransaction(calls.flat())),
      (error) => error.type === 'CONCURRENT_TRANSACTIONS',
    ),
  );
  return manager;
};

const { createErrorFromCode } = require('kafkajs/src/protocol/error') as {
  createErrorFromCode: (code: number) => Error;
};
for (const version of [3, 4, 5, 6, 7]) {
  // It would throw the first error of any partition.
  const response = require(`kafkajs/src/protocol/requests/produce/v${version}/response`) as {
    parse(answer: ProduceAnswer): Promise<ProduceAnswer>;
  };
  response.parse = (answer) => Promise.resolve(answer);
}
const broker = require('kafkajs/src/broker') as {
  prototype: { produce(order: ProduceOrder): Promise<ProduceAnswer> };
};
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own object below
const { produce } = broker.prototype;
const produceTogether = gatheredProduce<object>(
  (one, order) => produce.call(one, order),
  createErrorFromCode,
);
broker.prototype.produce = function (order) {
  return produceTogether(this, order);
};

interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
}

// Fault 1: every connection, idle or not, wakes up each millisecond for good, to look whether a request may be sent
// that was held back; 3 % of a core for two connections, and a warning of Node's (tulios/kafkajs #1751). Here it
// waits only when there is such a request.
const requestQueue = require('kafkajs/src/network/requestQueue') as { prototype: object };
Object.assign(requestQueue.prototype, {
  scheduleCheckPendingRequests(this: RequestQueue) {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    const throttledForMs = this.throttledUntil - Date.now();
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledForMs > 0 ? throttledForMs : 10,
    );
  },
});

interface FetchedMessage {
  offset: string;
  key: Buffer | null;
  isControlRecord: boolean;
  batchContext: { producerId: string; inTransaction: boolean };
}

interface FetchedMessages {
  messages: FetchedMessage[];
  abortedTransactions?: { producerId: string; firstOffset: string }[];
}

/** The key of the control record that ends an aborted transaction: version 0, type 0. */
const ABORT_MARKER = Buffer.alloc(4);

/**
 * Fault 2: records of aborted transactions get through where several are open at once, as after the death of a
 * transformer: kafkajs takes the list of aborted transactions to be in the order of their beginnings, but a broker
 * gives it in the order of their ends; and it begins to hide one transaction a record at most.
 */
function withoutAborted({ messages, abortedTransactions = [] }: FetchedMessages): FetchedMessage[] {
  if (abortedTransactions.length === 0) return messages;
  const begins = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
    .sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const aborting = new Set<string>();
  let next = 0;
  return messages.filter(({ offset, key, isControlRecord, batchContext: { producerId, inTransaction } }) => {
    for (; next < begins.length && begins[next]!.firstOffset <= BigInt(offset); next += 1) {
      aborting.add(begins[next]!.producerId);
    }
    if (isControlRecord) {
      if (key?.equals(ABORT_MARKER) === true) aborting.delete(producerId);
      return true;
    }
    return !(inTransaction && aborting.has(producerId));
  });
}

const filter = require.resolve('kafkajs/src/consumer/filterAbortedMessages');
require(filter);
require.cache[filter]!.exports = withoutAborted;

/** What is told when a consumer is about to join its group. */
export interface Rebalancing {
  readonly groupId: string;
  /** That of the member that it has been so far; null for a new one. */
  readonly memberId: string | null;
  /** To be called at once: joins when that has resolved. Absent where kafkajs itself tells of it, a moment before. */
  readonly waitFor?: (ending: Promise<unknown>) => void;
}

interface ConsumerGroup {
  groupId: string;
  memberId: string | null;
  leave(): Promise<void>;
  instrumentationEmitter: { emit(event: string, payload: object): void };
  offsetManager: { nextOffset(topic: string, partition: number): { toString(): string } };
  cluster: {
    refreshMetadata(): Promise<void>;
    fetchTopicsOffset(topics: object[]): Promise<{ partitions: { offset: string }[] }[]>;
  };
}

interface OutOfRange {
  topic: string;
  partition: number;
}

// Fault 3: of the five reasons for which a consumer joins its group anew kafkajs tells of one. And where batches of
// several partitions are worked on at once it joins when the first of them has ended: another member may then be
// given what is still in hand here, and what is committed of that counts as the new generation's.
const consumerGroup = require('kafkajs/src/consumer/consumerGroup') as {
  prototype: {
    joinAndSync(this: ConsumerGroup): Promise<void>;
    leave(this: ConsumerGroup): Promise<void>;
    recoverFromOffsetOutOfRange(this: ConsumerGroup, error: OutOfRange): Promise<void>;
  };
};
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own object below
const { joinAndSync, recoverFromOffsetOutOfRange } = consumerGroup.prototype;
// Fault 4: one that could not join, for the coordinator's part of it took too long, comes back as another member. The
// first stays in the group until its session is over, perhaps as the one that is to assign the partitions, and all
// others wait for it.
consumerGroup.prototype.joinAndSync = async function () {
  const { groupId, memberId } = this;
  const endings: Promise<unknown>[] = [];
  const waitFor = (ending: Promise<unknown>): void => void endings.push(ending);
  this.instrumentationEmitter.emit('consumer.rebalancing', {
    groupId,
    memberId,
    waitFor,
  } satisfies Rebalancing);
  await Promise.all(endings);
  try {
    await joinAndSync.call(this);
  } catch (error) {
    await Promise.race([this.leave().catch(() => undefined), delay(1_000, undefined, { ref: false })]);
    throw error;
  }
};

interface SyncGroup {
  protocol: (options: { version: number }) => (request: object) => object;
}

// Fault 5: members are given their partitions when the one that assigns them has done so, or has been missed for a
// session; that it takes long says nothing of the broker, but kafkajs gives up as for any other request.
const syncGroup = require('kafkajs/src/protocol/requests/syncGroup') as SyncGroup;
const protocolOf = syncGroup.protocol;
syncGroup.protocol = ({ version }) => {
  const encode = protocolOf({ version });
  return (request) => ({ ...encode(request), requestTimeout: SYNC_TIMEOUT });
};

// Fault 6: where a broker does not have the offset yet, because it lags when it comes back or does not know that it
// leads no more, kafkajs begins at the start of the topic, and commits that: all is done again. Only what has been
// deleted meanwhile is to be left out; else the offset is asked for again.
consumerGroup.prototype.recoverFromOffsetOutOfRange = async function (error) {
  const { topic, partition } = error;
  await this.cluster.refreshMetadata();
  const asked = { topic, partitions: [{ partition }], fromBeginning: true };
  const [found] = await this.cluster.fetchTopicsOffset([asked]);
  const first = BigInt(found!.partitions[0]!.offset);
  if (first > BigInt(this.offsetManager.nextOffset(topic, partition).toString())) {
    await recoverFromOffsetOutOfRange.call(this, error);
  } else await delay(100);
};

interface AnyBroker {
  nodeId: string;
  broker: object;
}

const brokerPool = require('kafkajs/src/cluster/brokerPool') as {
  prototype: { withBroker<Answer>(ask: (one: AnyBroker) => Promise<Answer>): Promise<Answer | null> };
};
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own object below
const { withBroker } = brokerPool.prototype;
// Fault 7: who may not use a group or a transactional id is told only that no coordinator has been found.
brokerPool.prototype.withBroker = async function <Answer>(ask: (one: AnyBroker) => Promise<Answer>) {
  let refusal: Error | undefined;
  const noting = (error: unknown): never => {
    if (/_AUTHORIZATION_FAILED$/.test(String((error as { type?: unknown }).type))) refusal = error as Error;
    throw error;
  };
  const answer = await withBroker.call(this, (one) => ask(one).catch(noting));
  if (answer === null && refusal !== undefined) throw refusal;
  return answer as Answer | null;
};

interface OffsetManager {
  readonly groupId: string;
  readonly cluster: CoordinatorFinder;
  coordinator: object;
}

const offsetManager = require('kafkajs/src/consumer/offsetManager') as {
  prototype: { commitOffsets(this: OffsetManager, offsets: object): Promise<void> };
};
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own object below
const { commitOffsets } = offsetManager.prototype;
// Fault 8: commits go to whoever was the coordinator when the group was joined. Where it has moved since, and an attempt
// to join that failed has found the new one, heartbeats are answered, so that the group is not joined again, and no
// commit is ever taken.
offsetManager.prototype.commitOffsets = async function (offsets) {
  try {
    await commitOffsets.call(this, offsets);
  } catch (error) {
    const subject = { groupId: this.groupId, coordinatorType: GROUP };
    // Where that fails too, the next commit is refused and asks again.
    this.coordinator = await this.cluster.findGroupCoordinator(subject).catch(() => this.coordinator);
    throw error;
  }
};

export const kafkajs = require('kafkajs') as typeof import('kafkajs');
