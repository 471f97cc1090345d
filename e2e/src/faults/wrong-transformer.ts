/** The transformer, made wrong for a test of the fault machine: it stores first, and commits its offset afterwards. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerConfiguration } from '@integration-hub/api';
import { GatheringProducer, PartitionTransactions } from '@integration-hub/kafka';
import { workerModules } from '@integration-hub/workers';

const LATE = 1_000;
const configuration = JSON.parse(readFileSync(process.argv.at(-1)!, 'utf8')) as WorkerConfiguration;
const { bootstrapServers } = configuration.kafka;
const producer = new GatheringProducer({ connection: { bootstrapServers, clientId: 'wrong-transformer' } });
PartitionTransactions.prototype.run = async (batch, records, nextOffset) => {
  await Promise.all(records.map((record) => producer.produce(record)));
  await sleep(LATE);
  await batch.commit(nextOffset);
  batch.resolve(nextOffset - 1n);
  return true;
};
await import(workerModules);
