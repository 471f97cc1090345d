/** Where commands find the Kafka that they are about: as they are told, or where `ihub up` says its own is. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaConnection } from '@integration-hub/kafka';
import { UsageError } from './usage-error.js';

/** In the data folder of `ihub up`: HOST:PORT of its Kafka, several with commas. */
export const KAFKA_ADDRESS_FILE = 'kafka.address';

export interface KafkaOptions {
  /** HOST:PORT, several with commas. */
  readonly kafka?: string;
  /** The data folder of the `ihub up` that is meant where `kafka` is absent. */
  readonly data: string;
}

/**
 * Finds the Kafka.
 *
 * @throws UsageError where there is none to be found
 */
export async function kafkaConnection({ kafka, data }: KafkaOptions): Promise<KafkaConnection> {
  const told = kafka ?? process.env['IHUB_KAFKA'];
  const address = told ?? (await readFile(join(data, KAFKA_ADDRESS_FILE), 'utf8').catch(() => undefined));
  if (address === undefined) {
    throw new UsageError(
      `no Kafka is known: give --kafka HOST:PORT (or IHUB_KAFKA), or run this where the data folder of ihub up is (${data})`,
    );
  }
  const servers = address.trim().split(',');
  const wrong = servers.find((server) => !/^[^\s:,]+:\d{1,5}$/.test(server));
  if (wrong !== undefined) {
    throw new UsageError(`"${wrong}" is no address of a Kafka: write HOST:PORT, as in localhost:9092`);
  }
  return { bootstrapServers: servers, clientId: 'ihub' };
}
