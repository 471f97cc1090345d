import { setTimeout as delay } from 'node:timers/promises';
import {
  decodeConsumerProtocolAssignment,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
  heartbeatV4,
  joinGroupV7,
  leaveGroupV5,
  offsetCommitV8,
  ResponseError,
  syncGroupV5,
} from '@platformatic/kafka';
import type {
  CommittedOffset,
  FetchedBatch,
  GroupMember,
  MemberEvents,
  MemberSettings,
} from '../kafka-client.js';
import type { IncomingRecord } from '../record.js';
import { askAgain, Cluster, GROUP, type Lane } from './cluster.js';
import { fetchCommitted } from './committed-offsets.js';
import { learn } from './idempotent-writer.js';
import type { KafkaRefusal } from './kafka-refusal.js';
import { earliestOffset, PartitionFetcher, type PartitionPosition } from './partition-fetcher.js';

const BEATS_PER_SESSION = 10;
const REBALANCE_TIMEOUT = 60_000;
/** How long Kafka is asked again for what it needs to begin, in milliseconds. */
const DEADLINE = 10_000;
const RETRY_AFTER = 100;
/** Who joins is answered when the last of the others has, and who is to be given partitions when they are assigned. */
const JOINING: Lane = { name: 'join', timeoutMs: REBALANCE_TIMEOUT + 5_000 };
/** The name that kafkajs has for the same way to assign partitions: members of both can be in one group. */
const PROTOCOL = 'RoundRobinAssigner';
const PROTOCOL_TYPE = 'consumer';

/** Kafka's errors after which a member joins its group anew. */
const JOIN_ANEW = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID']);

type JoinAnswer = ReturnType<typeof joinGroupV7.parseResponse>;

/** One generation of the group, as this member takes part in it. */
interface Generation {
  readonly id: number;
  readonly memberId: string;
  /** Aborted when the group has to be joined anew. */
  readonly over: AbortController;
}

/**
 * Takes part in a group. The library's own consumer is not used: it joins anew as soon as the group moves on, whatever
 * is in hand, and so a batch could not be committed first.
 */
export class PlatformaticMember implements GroupMember {
  readonly #settings: MemberSettings;
  readonly #events: MemberEvents;
  readonly #cluster: Cluster;
  readonly #inHand = new Set<Promise<void>>();
  readonly #waiting: (() => Promise<void>)[] = [];
  #memberId = '';
  #generation: Generation | undefined;
  #beating: NodeJS.Timeout | undefined;
  #isBeating = false;
  #isLeaving = false;
  #loop: Promise<void> | undefined;

  constructor(settings: MemberSettings, events: MemberEvents) {
    this.#settings = settings;
    this.#events = events;
    this.#cluster = new Cluster(settings);
  }

  get isDiscarded(): boolean {
    return this.#cluster.isDiscarded;
  }

  async connect(): Promise<void> {
    await learn(this.#cluster, this.#settings.topics, DEADLINE);
  }

  run(): Promise<void> {
    return new Promise((joined) => {
      this.#loop = this.#takePart(joined)
        .catch((error: unknown) => {
          this.discard();
          this.#events.crashed(error as Error, false);
        })
        .finally(joined);
    });
  }

  committed(topic: string, deadlineMs: number): Promise<CommittedOffset[]> {
    return fetchCommitted(this.#cluster, this.#settings.groupId, topic, deadlineMs);
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    await this.#endHand();
    clearInterval(this.#beating);
    this.#generation?.over.abort();
    const { groupId } = this.#settings;
    if (this.#memberId !== '' && !this.isDiscarded) {
      const members = [{ memberId: this.#memberId }];
      await this.#cluster
        .askCoordinator(GROUP, groupId, leaveGroupV5.api, [groupId, members])
        .catch(() => undefined);
    }
    this.discard();
    await this.#loop;
  }

  discard(): void {
    clearInterval(this.#beating);
    this.#waiting.length = 0;
    this.#cluster.discard();
    this.#generation?.over.abort();
  }

  /** Whether it is no member any more, and is not to become one. */
  #isOver(): boolean {
    return this.#isLeaving || this.isDiscarded;
  }

  async #takePart(joined: () => void): Promise<void> {
    this.#beating = setInterval(() => void this.#beat(), this.#settings.sessionTimeoutMs / BEATS_PER_SESSION);
    while (!this.#isOver()) {
      try {
        const { generation, assigned } = await this.#join();
        if (this.#isOver()) return;
        this.#generation = generation;
        this.#events.joined(assigned);
        joined();
        await this.#consume(generation, assigned);
      } catch (error) {
        await this.#failed(error as KafkaRefusal);
      }
    }
  }

  /** After what has kept it from joining or beginning. */
  async #failed(error: KafkaRefusal): Promise<void> {
    this.#generation = undefined;
    if (this.#isOver()) return;
    if (error.type === 'UNKNOWN_MEMBER_ID') this.#memberId = '';
    else if (!JOIN_ANEW.has(error.type) && !error.retriable) throw error;
    this.#settings.log?.('debug', `joining the group again: ${error.message}`, {
      groupId: this.#settings.groupId,
    });
    await delay(RETRY_AFTER);
  }

  async #join(): Promise<{ generation: Generation; assigned: Record<string, number[]> }> {
    const { groupId, topics } = this.#settings;
    await this.#events.rebalancing(this.#memberId === '' ? null : this.#memberId);
    const answer = await this.#askToJoin();
    this.#memberId = answer.memberId;
    let assignments: { memberId: string; assignment: Buffer }[] = [];
    if (answer.leader === answer.memberId) {
      await this.#cluster.learn(topics);
      assignments = assignRoundRobin(
        answer.members.map(({ memberId }) => memberId),
        topics.map((topic) => ({ topic, partitions: this.#cluster.partitionCount(topic) })),
      );
    }
    const { assignment } = await this.#cluster.askCoordinator(
      GROUP,
      groupId,
      syncGroupV5.api,
      [groupId, answer.generationId, answer.memberId, null, PROTOCOL_TYPE, PROTOCOL, assignments],
      JOINING,
    );
    const assigned: Record<string, number[]> = {};
    if (assignment.length > 0) {
      const { assignedPartitions } = decodeConsumerProtocolAssignment(assignment);
      for (const { topic, partitions } of assignedPartitions) assigned[topic] = partitions;
    }
    const generation = { id: answer.generationId, memberId: answer.memberId, over: new AbortController() };
    return { generation, assigned };
  }

  /** Asks to be taken into the group; a new member is first told what it is called. */
  async #askToJoin(): Promise<JoinAnswer> {
    const { groupId, topics, sessionTimeoutMs } = this.#settings;
    const metadata = encodeConsumerProtocolSubscription({ version: 0, topics: [...topics] });
    const ask = (): Promise<JoinAnswer> =>
      this.#cluster.askCoordinator(
        GROUP,
        groupId,
        joinGroupV7.api,
        [
          groupId,
          sessionTimeoutMs,
          REBALANCE_TIMEOUT,
          this.#memberId,
          null,
          PROTOCOL_TYPE,
          [{ name: PROTOCOL, metadata }],
        ],
        JOINING,
      );
    try {
      return await ask();
    } catch (error) {
      const { type, cause } = error as KafkaRefusal;
      if (type !== 'MEMBER_ID_REQUIRED' || !(cause instanceof ResponseError)) throw error;
      this.#memberId = (cause.response as JoinAnswer).memberId;
      return ask();
    }
  }

  /** Fetches and has worked on what is assigned, until the generation is over and what is in hand has ended. */
  async #consume(generation: Generation, assigned: Record<string, number[]>): Promise<void> {
    const { maxBytesPerPartition, connection } = this.#settings;
    const over = new Promise<void>((resolve) => {
      generation.over.signal.addEventListener('abort', () => resolve());
    });
    const positions = await this.#positions(assigned);
    const fetcher = new PartitionFetcher(positions, {
      cluster: this.#cluster,
      maxBytesPerPartition,
      rackId: connection.rackId ?? '',
      onActive: () => this.#events.active(),
      onRecords: (position, records) => this.#take(generation, fetcher, position, records),
      onFatal: (error) => {
        this.discard();
        this.#events.crashed(error, false);
      },
    });
    if (!generation.over.signal.aborted) {
      fetcher.wake();
      await over;
    }
    fetcher.end();
    // What has been fetched and nobody has begun to work on is fetched again by whoever has the partition then.
    this.#waiting.length = 0;
  }

  /** Where the group has left off; from the beginning where it has committed nothing. */
  async #positions(assigned: Record<string, number[]>): Promise<PartitionPosition[]> {
    const positions: PartitionPosition[] = [];
    for (const [topic, partitions] of Object.entries(assigned)) {
      const offsets = await this.committed(topic, DEADLINE);
      for (const partition of partitions) {
        const committed = offsets.find((one) => one.partition === partition)?.offset ?? -1n;
        const offset =
          committed >= 0n
            ? committed
            : await askAgain(this.#cluster, DEADLINE, () => earliestOffset(this.#cluster, topic, partition));
        positions.push({
          topic,
          partition,
          position: offset,
          fetchedFrom: offset,
          isBusy: false,
          isFlowing: true,
          replica: undefined,
        });
      }
    }
    return positions;
  }

  /** Has records worked on, as soon as there is room. */
  #take(
    generation: Generation,
    fetcher: PartitionFetcher,
    position: PartitionPosition,
    records: readonly IncomingRecord[],
  ): void {
    this.#waiting.push(async () => {
      const { fetchedFrom, position: next } = position;
      // Whatever is not resolved is fetched again.
      position.position = fetchedFrom;
      const lastOffset = records.at(-1)!.offset;
      let isOver = false;
      const batch: FetchedBatch = {
        topic: position.topic,
        partition: position.partition,
        records,
        fetchedFrom,
        resolve: (offset) => {
          if (!isOver) position.position = offset >= lastOffset ? next : offset + 1n;
        },
        commit: (nextOffset, note) => this.#commit(generation, position, nextOffset, note),
        seek: (offset) => {
          if (!isOver) position.position = offset;
        },
      };
      await this.#events.batch(batch);
      isOver = true;
      position.fetchedFrom = position.position;
      fetcher.release(position);
    });
    this.#workOn();
  }

  #workOn(): void {
    while (this.#inHand.size < this.#settings.partitionsConsumedConcurrently && !this.#isOver()) {
      const begin = this.#waiting.shift();
      if (begin === undefined) return;
      const work = begin().finally(() => {
        this.#inHand.delete(work);
        this.#workOn();
      });
      this.#inHand.add(work);
    }
  }

  async #endHand(): Promise<void> {
    this.#waiting.length = 0;
    await Promise.allSettled(this.#inHand);
  }

  async #commit(
    { id, memberId }: Generation,
    { topic, partition }: PartitionPosition,
    nextOffset: bigint,
    note: string,
  ): Promise<void> {
    const { groupId } = this.#settings;
    const offset = {
      partitionIndex: partition,
      committedOffset: nextOffset,
      committedLeaderEpoch: -1,
      committedMetadata: note,
    };
    const topics = [{ name: topic, partitions: [offset] }];
    await this.#cluster.askCoordinator(GROUP, groupId, offsetCommitV8.api, [
      groupId,
      id,
      memberId,
      null,
      topics,
    ]);
  }

  async #beat(): Promise<void> {
    const generation = this.#generation;
    if (generation === undefined || generation.over.signal.aborted || this.#isBeating || this.isDiscarded)
      return;
    const { groupId } = this.#settings;
    this.#isBeating = true;
    try {
      await this.#cluster.askCoordinator(GROUP, groupId, heartbeatV4.api, [
        groupId,
        generation.id,
        generation.memberId,
      ]);
      if (generation === this.#generation) this.#events.heard();
    } catch (error) {
      const { type } = error as KafkaRefusal;
      if (generation !== this.#generation || !JOIN_ANEW.has(type)) return;
      if (type === 'UNKNOWN_MEMBER_ID') this.#memberId = '';
      this.#events.movedOn();
      // While it leaves, what is in hand may still be committed.
      if (!this.#isLeaving) generation.over.abort();
    } finally {
      this.#isBeating = false;
    }
  }
}

/** Gives the partitions of topics to members in turn, as kafkajs does. */
function assignRoundRobin(
  memberIds: readonly string[],
  topics: readonly { topic: string; partitions: number }[],
): { memberId: string; assignment: Buffer }[] {
  const sorted = [...memberIds].sort();
  const assigned = new Map(sorted.map((memberId) => [memberId, new Map<string, number[]>()]));
  let turn = 0;
  for (const { topic, partitions } of topics) {
    for (let partition = 0; partition < partitions; partition += 1) {
      const own = assigned.get(sorted[turn % sorted.length]!)!;
      own.set(topic, [...(own.get(topic) ?? []), partition]);
      turn += 1;
    }
  }
  return Array.from(assigned, ([memberId, own]) => ({
    memberId,
    assignment: encodeConsumerProtocolAssignment({
      version: 0,
      assignedPartitions: Array.from(own, ([topic, partitions]) => ({ topic, partitions })),
    }),
  }));
}
