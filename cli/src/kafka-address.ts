/** Where commands find the Kafka that they are about: as they are told, or where `ihub up` says its own is. */
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaAccess } from '@integration-hub/api';
import { UsageError } from './usage-error.js';
import { kafkaPropertiesText, type KafkaProperties, readKafkaProperties } from './kafka-properties.js';

/** In the data folder of `ihub up`: HOST:PORT of its Kafka, several with commas. */
const addressFile = 'kafka.address';
/** In the data folder of `ihub up`: how its Kafka is connected to, where not plainly. */
const propertiesFile = 'kafka.properties';

export interface KafkaOptions {
  /** HOST:PORT, several with commas. */
  readonly kafka?: string;
  /** A file with properties of the connection. */
  readonly kafkaConfig?: string;
}

const plainly: KafkaProperties = { tls: null, sasl: null };

/**
 * The Kafka that the options or IHUB_KAFKA and IHUB_KAFKA_CONFIG tell of, if they do.
 *
 * @throws UsageError where what they tell is wrong
 */
export async function toldKafka(options: KafkaOptions): Promise<KafkaAccess | undefined> {
  const config = options.kafkaConfig ?? process.env['IHUB_KAFKA_CONFIG'];
  const { bootstrapServers, ...how } = config === undefined ? plainly : await readKafkaProperties(config);
  const places = {
    '--kafka': options.kafka,
    IHUB_KAFKA: process.env['IHUB_KAFKA'],
    [`bootstrap.servers in ${config}`]: bootstrapServers?.join(','),
  };
  for (const [place, told] of Object.entries(places)) {
    if (told !== undefined) return { bootstrapServers: servers(told, place), ...how };
  }
  if (config === undefined) return undefined;
  throw new UsageError(`${config} does not name a Kafka: add bootstrap.servers=HOST:PORT, or give --kafka`);
}

/**
 * Finds the Kafka.
 *
 * @param options.data the data folder of the `ihub up` that is meant where none is told of
 * @throws UsageError where there is none to be found
 */
export async function knownKafka(options: KafkaOptions & { readonly data: string }): Promise<KafkaAccess> {
  const told = await toldKafka(options);
  if (told !== undefined) return told;
  const { data } = options;
  const address = await readFile(join(data, addressFile), 'utf8').catch(() => undefined);
  if (address === undefined) {
    throw new UsageError(
      `no Kafka is known: give --kafka HOST:PORT (or IHUB_KAFKA), or run this where the data folder of ihub up is (${data})`,
    );
  }
  const properties = join(data, propertiesFile);
  const { tls, sasl } = existsSync(properties) ? await readKafkaProperties(properties) : plainly;
  return { bootstrapServers: servers(address, join(data, addressFile)), tls, sasl };
}

/** Notes the Kafka of an `ihub up` in its data folder, for the commands that come after. */
export async function noteKafka(data: string, { bootstrapServers, ...how }: KafkaAccess): Promise<void> {
  await writeFile(join(data, addressFile), bootstrapServers.join(','));
  const properties = join(data, propertiesFile);
  if (how.tls === null && how.sasl === null) await rm(properties, { force: true });
  else await writeFile(properties, kafkaPropertiesText(how));
}

/** @param place where it is said, for people */
function servers(address: string, place: string): string[] {
  const all = address.trim().split(',');
  const wrong = all.find((server) => !/^[^\s:,]+:\d{1,5}$/.test(server));
  if (wrong !== undefined) {
    throw new UsageError(`${place} ${wrong}: write HOST:PORT, for example localhost:9092`);
  }
  return all;
}
