import type { Producer, Transaction } from 'kafkajs';
import { again } from './again.js';
import { type Client, openClient } from './client.js';
import { fetchCommitted } from './committed-offsets.js';
import { idempotentProducer, kafkajsMessages, kafkajsPartitions } from './kafkajs-writer.js';
import type {
  ClaimedProducer,
  ClaimSettings,
  CommittedOffset,
  OpenTransaction,
  TransactionOffset,
} from './kafka-client.js';
import { PartitionedRecords } from './partitioned-records.js';
import { inBatches, type OutgoingRecord } from './record.js';

/** How long an offset is tried to be made part of a transaction, in milliseconds. */
const DEADLINE = 15_000;

/** Makes a producer of transactions by kafkajs; it connects to nothing yet. */
export function openClaimedProducer(settings: ClaimSettings): ClaimedProducer {
  return new KafkajsClaimedProducer(settings);
}

class KafkajsClaimedProducer implements ClaimedProducer {
  readonly #client: Client;
  readonly #producer: Producer;
  readonly #parted: PartitionedRecords;

  constructor({ transactionalId, connection, log, transactionTimeoutMs = 10_000 }: ClaimSettings) {
    this.#client = openClient({
      connection,
      log,
      // A transaction that follows another at once is told to wait, for milliseconds; kafkajs would wait 300.
      retry: { initialRetryTime: 5, multiplier: 1.5, maxRetryTime: 1000, retries: 60 },
    });
    this.#producer = idempotentProducer(this.#client.kafka, {
      transactionalId,
      transactionTimeout: transactionTimeoutMs,
    });
    this.#parted = new PartitionedRecords(kafkajsPartitions(this.#client.kafka));
  }

  get isDiscarded(): boolean {
    return this.#client.isDiscarded;
  }

  discard(): void {
    this.#client.discard();
  }

  async claim(): Promise<void> {
    await this.#producer.connect();
    // To connect does not shut a former holder out; to begin a transaction does.
    await (await this.#producer.transaction()).abort();
  }

  async begin(): Promise<OpenTransaction> {
    const transaction = await this.#producer.transaction();
    return {
      send: (records) => this.#send(transaction, records),
      sendOffset: (offset) => sendOffset(transaction, offset),
      commit: () => transaction.commit(),
    };
  }

  committed(groupId: string, topic: string, deadlineMs: number): Promise<CommittedOffset[]> {
    return fetchCommitted(this.#client.kafka, groupId, topic, deadlineMs);
  }

  disconnect(): Promise<void> {
    return this.#producer.disconnect();
  }

  async #send(transaction: Transaction, records: readonly OutgoingRecord[]): Promise<void> {
    const parts = await this.#parted.part(records, (record) => record);
    await Promise.all(
      parts.map(async ({ topic, partition, records: all }) => {
        for (const batch of inBatches(all)) {
          const messages = kafkajsMessages(partition, batch);
          await transaction.send({ topic, messages, acks: -1, timeout: 10_000 });
        }
      }),
    );
  }
}

async function sendOffset(
  transaction: Transaction,
  { groupId, topic, partition, nextOffset }: TransactionOffset,
): Promise<void> {
  const topics = [{ topic, partitions: [{ partition, offset: nextOffset.toString() }] }];
  // The former transaction is still being ended. kafkajs waits for that before it sends records, and only then.
  await again(
    DEADLINE,
    () => transaction.sendOffsets({ consumerGroupId: groupId, topics }),
    (error) => error.type === 'CONCURRENT_TRANSACTIONS',
  );
}
