import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  endTxnV3,
  initProducerIdV4,
  txnOffsetCommitV3,
} from '@platformatic/kafka';
import type {
  ClaimedProducer,
  ClaimSettings,
  CommittedOffset,
  OpenTransaction,
  TransactionOffset,
} from '../kafka-client.js';
import { PartitionedRecords } from '../partitioned-records.js';
import { inBatches, type OutgoingRecord } from '../record.js';
import { askAgain, Cluster, GROUP, TRANSACTION } from './cluster.js';
import { fetchCommitted } from './committed-offsets.js';
import { learn, type ProducerIdentity, SequencedSender } from './idempotent-writer.js';

/** How long each step of a transaction is tried for, in milliseconds; its caller gives the whole up sooner or later. */
const DEADLINE = 15_000;
const REQUEST_TIMEOUT = 10_000;

interface Identity extends ProducerIdentity {
  readonly transactionalId: string;
}

/** A producer of transactions. */
export class TransactionProducer implements ClaimedProducer {
  readonly #cluster: Cluster;
  readonly #settings: ClaimSettings;
  readonly #parted: PartitionedRecords;
  readonly #sender: SequencedSender;
  #identity: Identity | undefined;

  constructor(settings: ClaimSettings) {
    const { connection, log } = settings;
    this.#settings = settings;
    this.#cluster = new Cluster({ connection, log, requestTimeoutMs: REQUEST_TIMEOUT });
    this.#parted = new PartitionedRecords((topics) => learn(this.#cluster, topics, DEADLINE));
    const times = { requestTimeoutMs: REQUEST_TIMEOUT, retryForMs: DEADLINE };
    this.#sender = new SequencedSender(this.#cluster, times);
  }

  get isDiscarded(): boolean {
    return this.#cluster.isDiscarded;
  }

  discard(): void {
    this.#cluster.discard();
  }

  async claim(): Promise<void> {
    const { transactionalId, transactionTimeoutMs = 10_000 } = this.#settings;
    // Ends what is open of this id, and raises its epoch, so that brokers refuse whoever has had it before.
    const { producerId, producerEpoch } = await this.#step(() =>
      this.#cluster.askCoordinator(TRANSACTION, transactionalId, initProducerIdV4.api, [
        transactionalId,
        transactionTimeoutMs,
        -1n,
        -1,
      ]),
    );
    this.#identity = { transactionalId, producerId, producerEpoch };
  }

  begin(): Promise<OpenTransaction> {
    const identity = this.#identity!;
    return Promise.resolve({
      send: (records) => this.#send(identity, records),
      sendOffset: (offset) => this.#sendOffset(identity, offset),
      commit: () => this.#commit(identity),
    });
  }

  committed(groupId: string, topic: string, deadlineMs: number): Promise<CommittedOffset[]> {
    return fetchCommitted(this.#cluster, groupId, topic, deadlineMs);
  }

  disconnect(): Promise<void> {
    this.#cluster.discard();
    return Promise.resolve();
  }

  async #send(identity: Identity, records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return;
    const { transactionalId, producerId, producerEpoch } = identity;
    const parts = await this.#parted.part(records, (record) => record);
    const byTopic = new Map<string, number[]>();
    for (const { topic, partition } of parts) {
      byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
    }
    const topics = Array.from(byTopic, ([name, partitions]) => ({ name, partitions }));
    const transaction = { transactionalId, producerId, producerEpoch, verifyOnly: false, topics };
    await this.#step(() =>
      this.#cluster.askCoordinator(TRANSACTION, transactionalId, addPartitionsToTxnV3.api, [[transaction]]),
    );
    await Promise.all(
      parts.map(async ({ topic, partition, records: all }) => {
        for (const batch of inBatches(all)) await this.#sender.send(identity, topic, partition, batch);
      }),
    );
  }

  async #sendOffset(
    identity: Identity,
    { groupId, topic, partition, nextOffset }: TransactionOffset,
  ): Promise<void> {
    const { transactionalId, producerId, producerEpoch } = identity;
    await this.#step(() =>
      this.#cluster.askCoordinator(TRANSACTION, transactionalId, addOffsetsToTxnV3.api, [
        transactionalId,
        producerId,
        producerEpoch,
        groupId,
      ]),
    );
    const offset = { partitionIndex: partition, committedOffset: nextOffset, committedLeaderEpoch: -1 };
    const topics = [{ name: topic, partitions: [offset] }];
    await this.#step(() =>
      this.#cluster.askCoordinator(GROUP, groupId, txnOffsetCommitV3.api, [
        transactionalId,
        groupId,
        producerId,
        producerEpoch,
        -1,
        '',
        null,
        topics,
      ]),
    );
  }

  async #commit({ transactionalId, producerId, producerEpoch }: Identity): Promise<void> {
    await this.#step(() =>
      this.#cluster.askCoordinator(TRANSACTION, transactionalId, endTxnV3.api, [
        transactionalId,
        producerId,
        producerEpoch,
        true,
      ]),
    );
  }

  /** Each step may be done twice; the former transaction is perhaps still being ended, and a coordinator may move. */
  #step<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    return askAgain(this.#cluster, DEADLINE, work);
  }
}
