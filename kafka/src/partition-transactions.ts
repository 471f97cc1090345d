import { setTimeout as delay } from 'node:timers/promises';
import type { KafkaConnection, KafkaLog } from './connection.js';
import type { IncomingBatch } from './incoming-batch.js';
import { lastFailure } from './connection-failure.js';
import { withinDeadline } from './deadline.js';
import { type ClaimedProducer, type KafkaClient, loadClient } from './kafka-client.js';
import { KafkaError } from './kafka-error.js';
import { reasonIn } from './refusal.js';
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
interface Claim {
  producer: ClaimedProducer;
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
  #library: KafkaClient | undefined;
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
    const library = (this.#library ??= await loadClient(this.#options.connection));
    try {
      const isDone = await withinDeadline(
        DEADLINE,
        unlessLost(batch, this.#run(library, name, batch, records, nextOffset)),
        () => lastFailure(this.#options.connection),
      );
      this.#failuresInARow = 0;
      return isDone;
    } catch (error) {
      this.#claims.get(name)?.producer.discard();
      this.#claims.delete(name);
      if (!batch.lost.aborted) await this.#failed(batch, error as Error);
      return false;
    }
  }

  async #failed({ topic, partition }: IncomingBatch, error: Error): Promise<void> {
    this.#failuresInARow += 1;
    const sentence = `The transaction for partition ${partition} of ${topic} failed: ${reasonIn(this.#options.connection, error)}. What was not committed is done again.`;
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
    library: KafkaClient,
    name: string,
    batch: IncomingBatch,
    records: readonly OutgoingRecord[],
    nextOffset: bigint,
  ): Promise<boolean> {
    let claim = this.#claims.get(name);
    const isNew = claim?.generation !== batch.generation;
    if (claim === undefined || isNew) {
      this.#discardFormerClaims(batch.generation);
      claim = await this.#claim(library, name, batch);
    }
    claim.isInUse = true;
    try {
      const isElsewhere = isNew
        ? batch.fetchedFrom !== claim.position
        : batch !== claim.batch && batch.fetchedFrom < claim.position;
      if (isElsewhere) batch.seek(claim.position);
      if (!batch.isCurrent()) return false;

      claim.batch = batch;
      const { topic, partition } = batch;
      const transaction = await claim.producer.begin();
      const offset = { groupId: this.#options.groupId, topic, partition, nextOffset };
      await Promise.all([transaction.send(records), transaction.sendOffset(offset)]);
      await transaction.commit();
      claim.position = nextOffset;
    } finally {
      claim.isInUse = false;
    }
    batch.resolve(nextOffset - 1n);
    return true;
  }

  async #claim(library: KafkaClient, transactionalId: string, batch: IncomingBatch): Promise<Claim> {
    const { groupId, ...settings } = this.#options;
    const producer = library.openClaimedProducer({ ...settings, transactionalId });
    const { generation } = batch;
    const claim: Claim = { producer, generation, batch, position: 0n, isInUse: true };
    this.#claims.set(transactionalId, claim);

    await producer.claim();

    const offsets = await producer.committed(groupId, batch.topic, DEADLINE);
    const committed = offsets.find(({ partition }) => partition === batch.partition)!.offset;
    // Where nothing has been committed yet, the batch is from the beginning of the topic.
    claim.position = committed >= 0n ? committed : batch.fetchedFrom;
    return claim;
  }

  #discardFormerClaims(generation: number): void {
    for (const [name, claim] of this.#claims) {
      if (claim.generation === generation || claim.isInUse) continue;
      claim.producer.discard();
      this.#claims.delete(name);
    }
  }

  #discardClaims(): void {
    for (const { producer } of this.#claims.values()) producer.discard();
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
