import { setTimeout as delay } from 'node:timers/promises';
import type { Transaction } from 'kafkajs';
import { again } from './again.js';
import { type ClaimedProducer, openClaimedProducer, sendRecords } from './claimed-producer.js';
import { fetchCommitted } from './committed-offsets.js';
import type { KafkaConnection, KafkaLog } from './connection.js';
import type { IncomingBatch } from './incoming-batch.js';
import { withinDeadline } from './deadline.js';
import { KafkaError } from './kafka-error.js';
import type { OutgoingRecord } from './record.js';

export interface PartitionTransactionsOptions {
  connection: KafkaConnection;
  /** The group that consumes the batches, and whose offsets are committed. */
  groupId: string;
  /** After so long a broker ends a transaction that its producer has left open; default 10,000 ms. */
  transactionTimeoutMs?: number;
  log?: KafkaLog;
  /** Transactions have failed time and again: end the process, and let it be started anew. */
  onFatal: (error: unknown) => void;
}

/** A partition that this process writes for. */
interface Claim extends Omit<ClaimedProducer, 'claim'> {
  generation: number;
  /** The batch in hand. */
  batch: IncomingBatch;
  /** What comes before this offset has been processed and committed. */
  position: bigint;
  isInUse: boolean;
}

/** How long one transaction, claiming included, may take, in milliseconds. */
const DEADLINE = 15_000;
/** So many failures in a row are one too many for this process. */
const MOST_FAILURES = 5;
/** Between a failure and the next attempt, in milliseconds. */
const PAUSE = 500;

/**
 * Writes what was made of consumed records, and commits their offsets, in one transaction: exactly once.
 *
 * kafkajs does not tell the broker which generation of the group commits (KIP-447), so a process that was suspended
 * and has lost its partitions could still commit. Therefore each input partition has a transactional id of its own,
 * and who is given the partition claims that id first: this ends what a former holder has left open, and shuts it
 * out. Only then can the committed offset be relied upon; a batch that begins elsewhere was fetched before a former
 * holder's last commit, and is fetched again.
 *
 * After an error nobody can know whether the transaction was committed, and kafkajs's producer is of no more use. So
 * the claim is given up; the next one, here or elsewhere, finds out.
 */
export class PartitionTransactions {
  readonly #options: PartitionTransactionsOptions;
  readonly #claims = new Map<string, Claim>();
  #failuresInARow = 0;

  constructor(options: PartitionTransactionsOptions) {
    this.#options = options;
  }

  /**
   * Writes records, commits that all of the batch before `nextOffset` is done, and resolves it in the batch.
   *
   * @param records in the order in which they are to be stored; may be none
   * @returns whether it was done; if not, leave the batch: what is not committed is fetched again
   */
  async run(batch: IncomingBatch, records: readonly OutgoingRecord[], nextOffset: bigint): Promise<boolean> {
    if (!batch.isCurrent()) return false;
    const name = `${this.#options.groupId}-${batch.topic}-${batch.partition}`;
    try {
      const isDone = await withinDeadline(
        DEADLINE,
        unlessLost(batch, this.#run(name, batch, records, nextOffset)),
      );
      this.#failuresInARow = 0;
      return isDone;
    } catch (error) {
      this.#claims.get(name)?.client.discard();
      this.#claims.delete(name);
      if (!batch.lost.aborted) await this.#failed(batch, error as Error);
      return false;
    }
  }

  async #failed({ topic, partition }: IncomingBatch, error: Error): Promise<void> {
    this.#failuresInARow += 1;
    const sentence = `The transaction for partition ${partition} of ${topic} failed: ${error.message}. What was not committed is done again.`;
    if (this.#failuresInARow === MOST_FAILURES)
      this.#options.onFatal(new KafkaError('TRANSACTION_FAILED', sentence, { cause: error }));
    this.#options.log?.('warn', sentence, {});
    await delay(PAUSE);
  }

  /** Disconnects; to be called once no batch is in hand. */
  async close(): Promise<void> {
    await Promise.all([...this.#claims.values()].map(({ producer }) => producer.disconnect()));
    this.#discardClaims();
  }

  async #run(
    name: string,
    batch: IncomingBatch,
    records: readonly OutgoingRecord[],
    nextOffset: bigint,
  ): Promise<boolean> {
    let claim = this.#claims.get(name);
    const isNew = claim?.generation !== batch.generation;
    if (claim === undefined || isNew) {
      this.#discardFormerClaims(batch.generation);
      claim = await this.#claim(name, batch);
    }
    claim.isInUse = true;
    try {
      const isElsewhere = isNew
        ? batch.fetchedFrom !== claim.position
        : batch !== claim.batch && batch.fetchedFrom < claim.position;
      if (isElsewhere) batch.seek(claim.position);
      if (!batch.isCurrent()) return false;

      claim.batch = batch;
      const transaction = await claim.producer.transaction();
      await sendRecords(claim, transaction, records);
      await this.#sendOffset(transaction, batch, nextOffset);
      await transaction.commit();
      claim.position = nextOffset;
    } finally {
      claim.isInUse = false;
    }
    batch.resolve(nextOffset - 1n);
    return true;
  }

  async #claim(transactionalId: string, batch: IncomingBatch): Promise<Claim> {
    const { connection, log, groupId, transactionTimeoutMs } = this.#options;
    const claimed = openClaimedProducer(transactionalId, connection, log, transactionTimeoutMs);
    const { generation } = batch;
    const claim: Claim = { ...claimed, generation, batch, position: 0n, isInUse: true };
    this.#claims.set(transactionalId, claim);

    await claimed.claim();

    const offsets = await fetchCommitted(claimed.client.kafka, groupId, batch.topic, DEADLINE);
    const committed = BigInt(offsets.find(({ partition }) => partition === batch.partition)!.offset);
    // Where nothing has been committed yet, the batch is from the beginning of the topic.
    claim.position = committed >= 0n ? committed : batch.fetchedFrom;
    return claim;
  }

  async #sendOffset(
    transaction: Transaction,
    { topic, partition }: IncomingBatch,
    nextOffset: bigint,
  ): Promise<void> {
    const topics = [{ topic, partitions: [{ partition, offset: nextOffset.toString() }] }];
    // The former transaction is still being ended. kafkajs waits for that before it sends records, and only then.
    await again(
      DEADLINE,
      () => transaction.sendOffsets({ consumerGroupId: this.#options.groupId, topics }),
      (error) => error.type === 'CONCURRENT_TRANSACTIONS',
    );
  }

  #discardFormerClaims(generation: number): void {
    for (const [name, claim] of this.#claims) {
      if (claim.generation === generation || claim.isInUse) continue;
      claim.client.discard();
      this.#claims.delete(name);
    }
  }

  #discardClaims(): void {
    for (const { client } of this.#claims.values()) client.discard();
    this.#claims.clear();
  }
}

/** Waits for work on a batch, but no longer than something can come of it; the work itself is not stopped. */
async function unlessLost<T>({ lost }: IncomingBatch, work: Promise<T>): Promise<T> {
  let giveUp = (): void => undefined;
  const given = new Promise<never>((_, reject) => {
    giveUp = () => reject(new Error('the group has been joined anew'));
    lost.addEventListener('abort', giveUp);
  });
  try {
    return await Promise.race([work, given]);
  } finally {
    lost.removeEventListener('abort', giveUp);
  }
}
