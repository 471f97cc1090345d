import { setTimeout as delay } from 'node:timers/promises';
import { fetchV12, listOffsetsV7 } from '@platformatic/kafka';
import type { IncomingRecord } from '../record.js';
import type { Cluster, Lane } from './cluster.js';
import { committedRecords } from './committed-records.js';
import { type KafkaRefusal, refusalOf, throwIfRefused } from './kafka-refusal.js';

/** Where reading of a partition stands. */
export interface PartitionPosition {
  readonly topic: string;
  readonly partition: number;
  /** What is fetched next. */
  position: bigint;
  /** From where, but for records that nobody is shown, it has been read. */
  fetchedFrom: bigint;
  /** Whether its records are being fetched or worked on. */
  isBusy: boolean;
  /** Whether it had records when it was last fetched. */
  isFlowing: boolean;
  /** The broker of this consumer's zone that its leader has named, if any. */
  replica: number | undefined;
}

export interface FetcherSettings {
  cluster: Cluster;
  maxBytesPerPartition: number;
  rackId: string;
  /** Something was exchanged with Kafka. */
  onActive: () => void;
  /** Records that nobody works on yet; the partition stays busy until `release`. */
  onRecords: (position: PartitionPosition, records: readonly IncomingRecord[]) => void;
  /** Kafka refuses for good. */
  onFatal: (error: KafkaRefusal) => void;
}

/** How long a broker waits for records, in milliseconds: a stop waits for that, too. */
const MAX_WAIT = 100;
/** The same, where such a request is under way already. */
const SHORT_WAIT = 10;
const MAX_BYTES = 10_485_760;
const RETRY_AFTER = 100;
const READ_COMMITTED = 1;
/** The timestamp that stands for the first offset of a partition. */
const EARLIEST = -2n;

/**
 * Partitions in which nothing has come of late are asked for together, in a request that waits; those in which records
 * flow, and those that come while it is under way, in another one that hardly does. So none waits for another's silence.
 */
const WAITING: Lane = { name: 'waiting fetch', timeoutMs: MAX_WAIT + 5_000 };
const FLOWING: Lane = { name: 'fetch', timeoutMs: 5_000 };

/** Fetches the records of the partitions of one generation, those of a partition in order. */
export class PartitionFetcher {
  readonly #settings: FetcherSettings;
  readonly #positions: readonly PartitionPosition[];
  /** By broker and lane: a request that has not been answered. */
  readonly #underWay = new Set<string>();
  #isOver = false;
  #isAwake = false;

  constructor(positions: readonly PartitionPosition[], settings: FetcherSettings) {
    this.#positions = positions;
    this.#settings = settings;
  }

  /** Fetches what nobody works on. */
  wake(): void {
    if (this.#isOver || this.#isAwake) return;
    this.#isAwake = true;
    // What is released in one go is asked for together.
    setImmediate(() => {
      this.#isAwake = false;
      void this.#fetchAll();
    });
  }

  /** Has the records after the position fetched, once those of the partition have been worked on. */
  release(position: PartitionPosition): void {
    position.isBusy = false;
    this.wake();
  }

  /** Nothing of what is still to come is told any more. */
  end(): void {
    this.#isOver = true;
  }

  async #fetchAll(): Promise<void> {
    const requests = new Map<string, { broker: number; lane: Lane; positions: PartitionPosition[] }>();
    for (const position of this.#positions) {
      if (position.isBusy || this.#isOver) continue;
      try {
        const broker =
          position.replica ?? (await this.#settings.cluster.leader(position.topic, position.partition));
        const isFree = !this.#underWay.has(`${broker} ${WAITING.name}`);
        const lane = position.isFlowing || !isFree ? FLOWING : WAITING;
        const name = `${broker} ${lane.name}`;
        const request = requests.get(name);
        if (request === undefined) requests.set(name, { broker, lane, positions: [position] });
        else request.positions.push(position);
      } catch (error) {
        position.isBusy = true;
        void this.#again(error as KafkaRefusal, [position]);
      }
    }
    for (const [name, { broker, lane, positions }] of requests) {
      // Whoever comes while a request is under way has the next. One that waits is not begun beside the other, which
      // is over in a moment: else those in that one would be asked for again and again for as long as this one waits.
      const isHeldUp =
        this.#underWay.has(name) || (lane === WAITING && this.#underWay.has(`${broker} ${FLOWING.name}`));
      // Meanwhile some may have been asked for.
      const free = positions.filter(({ isBusy }) => !isBusy);
      if (free.length > 0 && !isHeldUp) void this.#fetch(name, broker, lane, free);
    }
  }

  async #fetch(
    name: string,
    broker: number,
    lane: Lane,
    positions: readonly PartitionPosition[],
  ): Promise<void> {
    const { cluster, rackId, onActive } = this.#settings;
    this.#underWay.add(name);
    for (const position of positions) position.isBusy = true;
    try {
      const topics = this.#topicsOf(positions);
      const flows = positions.some(({ isFlowing }) => isFlowing);
      const maxWait = lane === WAITING ? MAX_WAIT : flows ? 0 : SHORT_WAIT;
      const { errorCode, responses } = await cluster.ask(
        broker,
        fetchV12.api,
        [maxWait, 1, MAX_BYTES, READ_COMMITTED, 0, -1, topics, [], rackId],
        lane,
      );
      throwIfRefused(errorCode);
      onActive();
      if (this.#isOver) return;
      const answers = new Map(responses.map(({ topicId, partitions }) => [topicId, partitions]));
      this.#underWay.delete(name);
      for (const position of positions) {
        const answer = answers.get(position.topic)?.find((one) => one.partitionIndex === position.partition);
        if (answer === undefined) position.isBusy = false;
        else this.#take(position, answer);
      }
      this.wake();
    } catch (error) {
      this.#underWay.delete(name);
      await this.#again(error as KafkaRefusal, positions);
    }
  }

  #topicsOf(positions: readonly PartitionPosition[]): Parameters<typeof fetchV12.createRequest>[6] {
    const byTopic = Map.groupBy(positions, ({ topic }) => topic);
    return Array.from(byTopic, ([topicId, own]) => ({
      // Up to this version of the request it is the topic's name.
      topicId,
      partitions: own.map(({ partition, position }) => ({
        partition,
        currentLeaderEpoch: -1,
        fetchOffset: position,
        lastFetchedEpoch: -1,
        partitionMaxBytes: this.#settings.maxBytesPerPartition,
      })),
    }));
  }

  #take(
    position: PartitionPosition,
    answer: Awaited<ReturnType<typeof fetchV12.api.async>>['responses'][number]['partitions'][number],
  ): void {
    if (answer.errorCode !== 0) {
      if (answer.errorCode === OFFSET_OUT_OF_RANGE) void this.#recover(position);
      else void this.#again(refusalOf(answer.errorCode), [position]);
      return;
    }
    if (answer.preferredReadReplica >= 0) position.replica = answer.preferredReadReplica;
    const { topic, partition, position: from } = position;
    const { records, next } = committedRecords(topic, partition, from, answer);
    position.position = next;
    position.isFlowing = next > from;
    if (records.length > 0) this.#settings.onRecords(position, records);
    else position.isBusy = false;
  }

  /**
   * A broker does not have the offset. Because it lags when it comes back, or does not know that it leads no more:
   * then it is asked for again. Only what has been deleted meanwhile is left out.
   */
  async #recover(position: PartitionPosition): Promise<void> {
    const { cluster } = this.#settings;
    const { topic, partition } = position;
    position.replica = undefined;
    try {
      await delay(RETRY_AFTER);
      cluster.forgetLeaders();
      const first = await earliestOffset(cluster, topic, partition);
      if (first > position.position) position.position = first;
    } catch {
      // Asked again with the next fetch.
    }
    this.release(position);
  }

  async #again(error: KafkaRefusal, positions: readonly PartitionPosition[]): Promise<void> {
    const { cluster, onFatal } = this.#settings;
    if (this.#isOver || cluster.isDiscarded) return;
    if (!error.retriable) {
      onFatal(error);
      return;
    }
    await delay(RETRY_AFTER);
    cluster.forgetLeaders();
    for (const position of positions) {
      position.replica = undefined;
      position.isBusy = false;
    }
    this.wake();
  }
}

const OFFSET_OUT_OF_RANGE = 1;

/**
 * The first offset that a partition still has.
 *
 * @throws KafkaRefusal
 */
export async function earliestOffset(cluster: Cluster, topic: string, partition: number): Promise<bigint> {
  const asked = { partitionIndex: partition, currentLeaderEpoch: -1, timestamp: EARLIEST };
  const leader = await cluster.leader(topic, partition);
  const { topics } = await cluster.ask(leader, listOffsetsV7.api, [
    -1,
    READ_COMMITTED,
    [{ name: topic, partitions: [asked] }],
  ]);
  return topics[0]!.partitions[0]!.offset;
}
