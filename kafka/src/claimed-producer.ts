import type { Producer, Transaction } from 'kafkajs';
import { type Client, openClient } from './client.js';
import type { KafkaConnection, KafkaLog } from './connection.js';
import { alreadyParted, PartitionedRecords, type PartitionRecords } from './partitioned-records.js';
import { MOST_BATCH_BYTES, type OutgoingRecord, recordBytes } from './record.js';

/** A producer of transactions, and what it needs. */
export interface ClaimedProducer {
  client: Client;
  producer: Producer;
  parted: PartitionedRecords;
  /** Connects, ends what a former holder of the transactional id has left open, and shuts it out. */
  claim(): Promise<void>;
}

/**
 * Makes a producer of transactions; it connects to nothing yet.
 *
 * @param transactionTimeoutMs after so long a broker ends a transaction that its producer has left open
 */
export function openClaimedProducer(
  transactionalId: string,
  connection: KafkaConnection,
  log?: KafkaLog,
  transactionTimeoutMs = 10_000,
): ClaimedProducer {
  const client = openClient({
    connection,
    log,
    // A transaction that follows another at once is told to wait, for milliseconds; kafkajs would wait 300.
    retry: { initialRetryTime: 5, multiplier: 1.5, maxRetryTime: 1000, retries: 60 },
  });
  const producer = client.kafka.producer({
    transactionalId,
    transactionTimeout: transactionTimeoutMs,
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: alreadyParted,
  });
  return {
    client,
    producer,
    parted: new PartitionedRecords(client.kafka),
    async claim() {
      await producer.connect();
      // To connect does not shut a former holder out; to begin a transaction does.
      await (await producer.transaction()).abort();
    },
  };
}

/**
 * Sends records as part of a transaction, in requests that brokers accept.
 *
 * @param records in the order in which they are to be stored
 */
export async function sendRecords(
  { parted }: Pick<ClaimedProducer, 'parted'>,
  transaction: Transaction,
  records: readonly OutgoingRecord[],
): Promise<void> {
  const parts = await parted.part(records, (record) => record);
  await Promise.all(parts.map((part) => sendPartition(transaction, part)));
}

async function sendPartition(
  transaction: Transaction,
  { topic, items, messages }: PartitionRecords<OutgoingRecord>,
): Promise<void> {
  for (let from = 0, to = 0; from < items.length; from = to) {
    let bytes = 0;
    do {
      bytes += recordBytes(items[to]!);
      to += 1;
    } while (to < items.length && bytes + recordBytes(items[to]!) <= MOST_BATCH_BYTES);
    await transaction.send({ topic, messages: messages.slice(from, to), acks: -1, timeout: 10_000 });
  }
}
