import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Admin, IResourceConfig } from 'kafkajs';
import { again } from './again.js';
import { type Client, openClient, retryFor } from './client.js';
import type { KafkaConnection, KafkaLog } from './connection.js';
import { FewTopicsAdmin } from './few-topics-admin.js';
import { KafkaError, unreachable } from './kafka-error.js';
import { readRecord } from './read-record.js';
import type { IncomingRecord } from './record.js';
import { kafkajs } from './repaired-kafkajs.js';

/** A topic as it should be. */
export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** The settings that must have these values; others are left as they are. */
  readonly config: Readonly<Record<string, string>>;
}

/** What was done to a topic. */
export interface TopicChange {
  topic: string;
  kind: 'created' | 'partitions-added' | 'setting-changed';
  /** In words, for a log or an event. */
  detail: string;
}

/** How long a close waits for Kafka, in milliseconds. */
const CLOSE_DEADLINE = 1_000;
/** kafkajs's number for a setting that was given to the topic itself. */
const TOPIC_SETTING = 1;

/** A broker, as the cluster knows it. */
export interface Broker {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

/** On which brokers the copies of one partition are, by their ids, and which of them are in sync. */
export interface PartitionCopies {
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

/** How far a group has come in a topic; by partition, as `committedOffsets` and `endOffsets` say it. */
export interface GroupProgress {
  readonly committed: ReadonlyMap<number, bigint>;
  readonly ends: ReadonlyMap<number, bigint>;
  /** Offsets between the two, of all partitions; those of transactions' markers and aborted records among them. */
  readonly behind: bigint;
}

/** What one broker has made, another knows a moment later; kafkajs asks any of them. */
function soonKnown<T>(work: () => Promise<T>): Promise<T> {
  return again(15_000, work);
}

/** Makes, repairs and inspects topics. */
export class TopicAdmin {
  readonly #client: Client;
  readonly #admin: Admin;
  readonly #offsetAdmin: FewTopicsAdmin;

  private constructor(client: Client, admin: Admin) {
    this.#client = client;
    this.#admin = admin;
    this.#offsetAdmin = new FewTopicsAdmin(client.kafka);
  }

  /**
   * @param options.requestTimeoutMs how long a broker may take to answer; default 5,000 ms
   * @param options.onlyBootstrap whether only the first bootstrap server is asked, once, and no other broker; that is
   *   enough for brokers, copies, and settings of topics, and for nothing else
   * @param options.signal aborted: its connections are cut
   * @throws KafkaError UNREACHABLE
   */
  static async connect(options: {
    connection: KafkaConnection;
    log?: KafkaLog;
    requestTimeoutMs?: number;
    onlyBootstrap?: boolean;
    signal?: AbortSignal;
  }): Promise<TopicAdmin> {
    const client = openClient({
      ...options,
      ...(options.onlyBootstrap === true && { retry: { retries: 0 } }),
    });
    options.signal?.addEventListener('abort', () => client.discard());
    const admin = client.kafka.admin();
    try {
      await admin.connect();
    } catch (error) {
      client.discard();
      throw unreachable(options.connection, error);
    }
    return new TopicAdmin(client, admin);
  }

  async close(): Promise<void> {
    // kafkajs waits for answers that may never come.
    const disconnected = Promise.allSettled([this.#offsetAdmin.close(), this.#admin.disconnect()]);
    await Promise.race([disconnected, delay(CLOSE_DEADLINE, undefined, { ref: false })]);
    this.#client.discard();
  }

  /**
   * Creates the topics that are missing, adds partitions where there are too few, and sets what settings differ.
   * Partitions are never taken away, and replicas are left as they are.
   *
   * @returns what it changed
   */
  async ensureTopics(specs: readonly TopicSpec[]): Promise<TopicChange[]> {
    if (specs.length === 0) return [];
    const present = new Set(await this.#admin.listTopics());
    const missing = specs.filter(({ name }) => !present.has(name));
    if (missing.length > 0) {
      const topics = missing.map(({ name, partitions, replicationFactor, config }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor,
        configEntries: Object.entries(config).map(([setting, value]) => ({ name: setting, value })),
      }));
      await soonKnown(() => this.#admin.createTopics({ waitForLeaders: true, topics }));
    }
    const created = missing.map(({ name, partitions, replicationFactor }): TopicChange => {
      return {
        topic: name,
        kind: 'created',
        detail: `${partitions} partitions, ${replicationFactor} replicas`,
      };
    });
    // Another may have created a topic differently meanwhile, so those just created are looked at as well.
    return [...created, ...(await this.#addPartitions(specs)), ...(await this.repairSettings(specs))];
  }

  /** The names of all topics that there are. */
  async listTopics(): Promise<string[]> {
    return (await this.#admin.listTopics()).sort();
  }

  /** The offsets up to which a group has consumed a topic, by partition; -1 where it has committed none. */
  async committedOffsets(groupId: string, topic: string): Promise<Map<number, bigint>> {
    const [offsets] = await soonKnown(() =>
      this.#offsetAdmin.ask(topic, (admin) => admin.fetchOffsets({ groupId, topics: [topic] })),
    );
    return new Map(offsets!.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  /** The offset that follows the last record of each partition, by partition; up to a transaction that is open. */
  async endOffsets(topic: string): Promise<Map<number, bigint>> {
    return new Map((await this.#offsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]));
  }

  /** The offset of the first record that each partition still keeps, by partition. */
  async startOffsets(topic: string): Promise<Map<number, bigint>> {
    return new Map((await this.#offsets(topic)).map(({ partition, low }) => [partition, BigInt(low)]));
  }

  /** How far a group has come in a topic. */
  async progress(groupId: string, topic: string): Promise<GroupProgress> {
    const [committed, ends] = [await this.committedOffsets(groupId, topic), await this.endOffsets(topic)];
    let behind = 0n;
    for (const [partition, end] of ends) {
      const taken = committed.get(partition) ?? -1n;
      behind += end - (taken < 0n ? 0n : taken);
    }
    return { committed, ends, behind };
  }

  /**
   * Counts the records that a group has yet to take, up to a limit. Offsets can't say it: markers of transactions and
   * what was aborted have offsets too.
   *
   * @throws KafkaError READ_TIMED_OUT
   */
  async remaining(groupId: string, topic: string, limit: number): Promise<number> {
    const from = await this.committedOffsets(groupId, topic);
    let count = 0;
    await this.read(topic, {
      from,
      onRecord: () => {
        count += 1;
        return count < limit;
      },
    });
    return count;
  }

  /** Deletes topics and what they hold; those that are not there are no error. */
  async deleteTopics(names: readonly string[]): Promise<void> {
    const present = new Set(await this.#admin.listTopics());
    const topics = names.filter((name) => present.has(name));
    if (topics.length > 0) await this.#admin.deleteTopics({ topics });
  }

  /** The brokers that are there at present. */
  async brokers(): Promise<Broker[]> {
    const { brokers } = await this.#admin.describeCluster();
    return brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port }));
  }

  /** The zone (`broker.rack`) of brokers that are there, by id; '' where one has none. Each is asked itself. */
  async brokerZones(ids: readonly number[]): Promise<Map<number, string>> {
    const { resources } = await this.#admin.describeConfigs({
      includeSynonyms: false,
      resources: ids.map((id) => ({
        type: kafkajs.ConfigResourceTypes.BROKER,
        name: String(id),
        configNames: ['broker.rack'],
      })),
    });
    return new Map(
      resources.map(({ resourceName, configEntries }) => [
        Number(resourceName),
        configEntries[0]?.configValue ?? '',
      ]),
    );
  }

  /** Where the copies of topics are, by topic; topics that are not there are left out. */
  async copies(topics: readonly string[]): Promise<Map<string, PartitionCopies[]>> {
    const present = new Set(await this.#admin.listTopics());
    const asked = topics.filter((topic) => present.has(topic));
    if (asked.length === 0) return new Map();
    const described = await this.#admin.fetchTopicMetadata({ topics: asked });
    return new Map(
      described.topics.map(({ name, partitions }) => [
        name,
        partitions.map(({ replicas, isr }) => ({ replicas, inSync: isr })),
      ]),
    );
  }

  /** The value of one setting for each topic, whether it is the topic's own or the cluster's. */
  async setting(topics: readonly string[], name: string): Promise<Map<string, string>> {
    if (topics.length === 0) return new Map();
    const { resources } = await this.#admin.describeConfigs({
      includeSynonyms: false,
      resources: topics.map((topic) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name: topic,
        configNames: [name],
      })),
    });
    return new Map(
      resources.map(({ resourceName, configEntries }) => [resourceName, configEntries[0]?.configValue ?? '']),
    );
  }

  /**
   * Reads what a topic holds at the time of the call: of each partition all, up to a transaction that is open, but
   * for what belongs to aborted ones.
   *
   * @param options.last of each partition no more than about so many offsets at its end
   * @returns the records by partition and offset
   * @throws KafkaError READ_TIMED_OUT
   */
  async readAll(
    topic: string,
    { timeoutMs = 30_000, last }: { timeoutMs?: number; last?: number } = {},
  ): Promise<IncomingRecord[]> {
    const records: IncomingRecord[] = [];
    const from = new Map<number, bigint>();
    if (last !== undefined) {
      for (const { partition, low, high } of await this.#offsets(topic)) {
        const start = BigInt(high) - BigInt(last);
        if (start > BigInt(low)) from.set(partition, start);
      }
    }
    await this.read(topic, { from, timeoutMs, onRecord: (record) => records.push(record) > 0 });
    return records.sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
  }

  /**
   * Reads from given offsets, else from the beginning, to the end that the topic has at the time of the call, or until
   * `onRecord` wants no more: of each partition in order, and of transactions only what is committed.
   *
   * @param options.from by partition; -1 or absent: from the beginning
   * @throws KafkaError READ_TIMED_OUT
   */
  async read(
    topic: string,
    {
      from = new Map(),
      timeoutMs = 30_000,
      onRecord,
    }: {
      from?: ReadonlyMap<number, bigint>;
      timeoutMs?: number;
      onRecord: (record: IncomingRecord) => boolean;
    },
  ): Promise<void> {
    const unread = new Map<number, bigint>();
    for (const { partition, low, high } of await this.#offsets(topic)) {
      const start = from.get(partition) ?? -1n;
      if (BigInt(high) > BigInt(low) && BigInt(high) > start) unread.set(partition, BigInt(high));
    }
    if (unread.size === 0) return;

    const ends = new Map(unread);
    let wantsMore = true;
    let isOver = false;
    const groupId = `ihub-read-${randomUUID()}`;
    const consumer = this.#client.kafka.consumer({
      groupId,
      maxWaitTimeInMs: 100,
      retry: { ...retryFor(10_000), restartOnFailure: () => Promise.resolve(!isOver) },
    });
    let running: Promise<void> = Promise.resolve();
    let deadline: NodeJS.Timeout | undefined;
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      const done = new Promise<void>((resolve, reject) => {
        deadline = setTimeout(() => {
          const sentence = `The topic ${topic} could not be read to its end within ${timeoutMs} ms; is a broker away? Else allow more time.`;
          reject(new KafkaError('READ_TIMED_OUT', sentence));
        }, timeoutMs);
        // Is told of fetches, too, that hold nothing but markers and aborted records.
        consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
          if (BigInt(lastOffset) + 1n >= (unread.get(partition) ?? 0n)) unread.delete(partition);
          if (unread.size === 0 || !wantsMore) resolve();
        });
      });
      running = consumer.run({
        autoCommit: false,
        eachBatch: ({ batch: { partition, messages } }) => {
          for (const message of messages) {
            const record = readRecord(topic, partition, message);
            const isWanted =
              record.offset < (ends.get(partition) ?? 0n) && record.offset >= (from.get(partition) ?? 0n);
            if (wantsMore && isWanted) wantsMore = onRecord(record);
          }
          return Promise.resolve();
        },
      });
      for (const [partition, offset] of from) {
        if (offset >= 0n && unread.has(partition)) {
          consumer.seek({ topic, partition, offset: offset.toString() });
        }
      }
      await Promise.all([running, done]);
    } finally {
      clearTimeout(deadline);
      isOver = true;
      await consumer.disconnect();
      // kafkajs does not stop what is still beginning: that would begin all the same, and go on for good.
      void running.then(() => consumer.disconnect()).catch(() => undefined);
      // For tidiness; a group that nothing was committed for goes away by itself in time.
      await this.#admin.deleteGroups([groupId]).catch(() => undefined);
    }
  }

  /** The leader of a partition that was made just now may not know of it yet, and kafkajs does not ask again. */
  #offsets(topic: string): ReturnType<Admin['fetchTopicOffsets']> {
    return again(2_000, () => this.#offsetAdmin.ask(topic, (admin) => admin.fetchTopicOffsets(topic)));
  }

  async #addPartitions(specs: readonly TopicSpec[]): Promise<TopicChange[]> {
    const names = specs.map(({ name }) => name);
    const { topics } = await soonKnown(() => this.#admin.fetchTopicMetadata({ topics: names }));
    const changes: TopicChange[] = [];
    for (const { name, partitions } of specs) {
      const former = topics.find((topic) => topic.name === name)!.partitions.length;
      if (former >= partitions) continue;
      await this.#admin.createPartitions({ topicPartitions: [{ topic: name, count: partitions }] });
      changes.push({ topic: name, kind: 'partitions-added', detail: `${former} to ${partitions}` });
    }
    return changes;
  }

  /**
   * Sets what settings differ, and leaves all others of the topics as they are.
   *
   * @param specs topics that exist
   * @returns what it changed
   */
  async repairSettings(specs: readonly Pick<TopicSpec, 'name' | 'config'>[]): Promise<TopicChange[]> {
    if (specs.length === 0) return [];
    const describe = {
      includeSynonyms: false,
      resources: specs.map(({ name }) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
    };
    const { resources } = await soonKnown(() => this.#admin.describeConfigs(describe));
    const changes: TopicChange[] = [];
    const altered: IResourceConfig[] = [];
    for (const { name, config } of specs) {
      const entries = resources.find(({ resourceName }) => resourceName === name)!.configEntries;
      const differing = Object.entries(config).filter(
        ([setting, value]) => entries.find(({ configName }) => configName === setting)?.configValue !== value,
      );
      if (differing.length === 0) continue;
      // AlterConfigs takes what it is given for all there is, and resets every other setting of the topic.
      const own = entries.filter(({ configSource }) => (configSource as number) === TOPIC_SETTING);
      const settings = {
        ...Object.fromEntries(own.map((entry) => [entry.configName, entry.configValue])),
        ...config,
      };
      const configEntries = Object.entries(settings).map(([setting, value]) => ({ name: setting, value }));
      altered.push({ type: kafkajs.ConfigResourceTypes.TOPIC, name, configEntries });
      for (const [setting, value] of differing) {
        const former = entries.find(({ configName }) => configName === setting)?.configValue ?? 'not set';
        changes.push({ topic: name, kind: 'setting-changed', detail: `${setting}: ${former} to ${value}` });
      }
    }
    // All at once: when a zone is lost each request more is a chance more to ask a broker that has vanished.
    if (altered.length > 0) await this.#admin.alterConfigs({ validateOnly: false, resources: altered });
    return changes;
  }
}
