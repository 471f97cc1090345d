import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { again } from './again.js';
import { EmbeddedBroker } from './broker/embedded-broker.js';
import type { SecuredListeners } from './broker/server-properties.js';
import type { KafkaClientName, KafkaConnection } from './connection.js';
import type { OutgoingRecord } from './record.js';
import { TopicAdmin } from './topic-admin.js';

/** A broker of its own for one suite of tests. */
export class BrokerUnderTest {
  readonly broker: EmbeddedBroker;
  readonly connection: KafkaConnection;
  readonly #directory: string;
  #admin: TopicAdmin | undefined;
  #topics = 0;

  private constructor(broker: EmbeddedBroker, directory: string, client: KafkaClientName) {
    this.broker = broker;
    this.connection = { bootstrapServers: broker.bootstrapServers, clientId: 'test', client };
    this.#directory = directory;
  }

  /** @param client the library that its connection is to be made with */
  static async start(
    secured?: SecuredListeners,
    client: KafkaClientName = 'kafkajs',
  ): Promise<BrokerUnderTest> {
    const directory = await mkdtemp(join(tmpdir(), 'ihub-kafka-'));
    const logFile = join(directory, 'kafka.log');
    return new BrokerUnderTest(
      await EmbeddedBroker.start({
        dataDirectory: join(directory, 'data'),
        logFile,
        ...(secured !== undefined && { secured }),
      }),
      directory,
      client,
    );
  }

  async stop(): Promise<void> {
    await this.#admin?.close();
    await this.broker.stop();
    await rm(this.#directory, { recursive: true });
  }

  async admin(): Promise<TopicAdmin> {
    return (this.#admin ??= await TopicAdmin.connect({ connection: this.connection }));
  }

  /** Makes a topic with a name of its own, and gives that name. */
  async topic(partitions = 1, config: Record<string, string> = {}): Promise<string> {
    const name = `topic-${++this.#topics}`;
    const admin = await this.admin();
    // A broker that was suspended or killed is not let in again at once, and then has no place for a topic.
    const make = () => admin.ensureTopics([{ name, partitions, replicationFactor: 1, config }]);
    await again(30_000, make, () => true);
    return name;
  }

  /**
   * The values of a topic's records as text, by partition and offset.
   *
   * @param atLeast waits for so many: a broker confirms a transaction a moment before its records can be read
   */
  async values(topic: string, atLeast = 0): Promise<string[]> {
    const admin = await this.admin();
    const deadline = performance.now() + 20_000;
    for (;;) {
      const records = await admin.readAll(topic);
      if (records.length >= atLeast || performance.now() > deadline) {
        return records.map(({ value }) => value.toString());
      }
      await delay(50);
    }
  }
}

/** A record without headers, of texts. */
export function textRecord(topic: string, value: string, key: string | null = null): OutgoingRecord {
  return { topic, key: key === null ? null : Buffer.from(key), value: Buffer.from(value), headers: {} };
}
