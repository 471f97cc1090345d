/**
 * A process that copies one topic to another in transactions, for tests that suspend and kill it:
 * `node transformer-under-test.js BOOTSTRAP_SERVER INPUT OUTPUT GROUP CLIENT`. Exits with 3 when a transaction has failed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { KafkaClientName } from './connection.js';
import { consumeBatches } from './consumer.js';
import { PartitionTransactions } from './partition-transactions.js';

const [server, input, output, groupId, client] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  KafkaClientName,
];
const connection = { bootstrapServers: [server], clientId: `transformer-${process.pid}`, client };
const onFatal = (error: unknown): void => {
  console.log(`${process.pid} gives up: ${(error as Error).message}`);
  process.exit(3);
};
const transactions = new PartitionTransactions({ connection, groupId, onFatal });
const consumer = await consumeBatches({
  connection,
  groupId,
  topics: [input],
  sessionTimeoutMs: 4_000,
  partitionsConsumedConcurrently: 4,
  onFatal,
  onBatch: async (batch) => {
    for (let from = 0; from < batch.records.length; from += 20) {
      const records = batch.records.slice(from, from + 20);
      // What a mapping would take; long enough for a fault to hit here as well as in a transaction.
      await delay(10);
      const copies = records.map(({ key, value }) => ({ topic: output, key, value, headers: {} }));
      if (!(await transactions.run(batch, copies, records.at(-1)!.offset + 1n))) return;
    }
  },
});
process.once('SIGTERM', () => {
  void consumer
    .stop()
    .then(() => transactions.close())
    .then(() => process.exit(0));
});
