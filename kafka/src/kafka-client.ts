/** What our stages need of a library that speaks to Kafka. */
import type { KafkaConnection, KafkaLog } from './connection.js';
import type { PartitionRecords } from './partitioned-records.js';
import type { IncomingRecord, OutgoingRecord } from './record.js';

/** What a library's errors say of themselves, beside their message. */
export interface Refusal {
  /** Kafka's name of the error, as `MESSAGE_TOO_LARGE`. */
  readonly type?: unknown;
  /** Whether the same may succeed a moment later. */
  readonly retriable?: unknown;
}

/** What holds connections. */
export interface Discardable {
  readonly isDiscarded: boolean;
  /** Cuts all connections and lets none be opened: whatever is still tried again, from here on nothing is written. */
  discard(): void;
}

export interface WriterSettings {
  connection: KafkaConnection;
  log?: KafkaLog | undefined;
  requestTimeoutMs: number;
  connectionTimeoutMs: number;
  /** How long one write is tried for, in milliseconds. */
  retryForMs: number;
  /** Told when a connection to a broker has failed, or was ended by it. */
  onLost?: (() => void) | undefined;
}

/** Stores records: idempotently, acknowledged by all in-sync replicas. After an error it is of no more use. */
export interface RecordWriter extends Discardable {
  connect(): Promise<void>;
  /**
   * Parts items by partition, in their order.
   *
   * @throws KafkaError UNKNOWN_TOPIC
   */
  part<Item>(
    items: readonly Item[],
    recordOf: (item: Item) => OutgoingRecord,
  ): Promise<PartitionRecords<Item>[]>;
  /**
   * Stores records of one partition. What is handed over at the same time goes out together, and succeeds or fails
   * partition by partition. A partition may be named again only once what went to it before has ended.
   *
   * @throws an error that says what it is as a `Refusal` does
   */
  write(part: PartitionRecords<unknown>): Promise<void>;
  disconnect(): Promise<void>;
}

/** An offset of a partition that is committed with a transaction. */
export interface TransactionOffset {
  groupId: string;
  topic: string;
  partition: number;
  nextOffset: bigint;
}

/** One transaction; after an error its producer is of no more use. Records and offset may be sent side by side. */
export interface OpenTransaction {
  /** Sends records, in the order in which they are to be stored. */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  sendOffset(offset: TransactionOffset): Promise<void>;
  commit(): Promise<void>;
}

/** A producer of transactions. */
export interface ClaimedProducer extends Discardable {
  /** Connects, ends what a former holder of the transactional id has left open, and shuts it out. */
  claim(): Promise<void>;
  begin(): Promise<OpenTransaction>;
  /** What a group has committed of a topic, of every partition, asked for until a deadline in milliseconds. */
  committed(groupId: string, topic: string, deadlineMs: number): Promise<CommittedOffset[]>;
  disconnect(): Promise<void>;
}

/** What a group has committed of a partition. */
export interface CommittedOffset {
  readonly partition: number;
  /** Everything before it is done; -1 where nothing has been committed. */
  readonly offset: bigint;
  /** What was given with it; '' where there is none. */
  readonly note: string;
}

export interface ClaimSettings {
  transactionalId: string;
  connection: KafkaConnection;
  log?: KafkaLog | undefined;
  /** After so long a broker ends a transaction that its producer has left open; default 10,000 ms. */
  transactionTimeoutMs?: number | undefined;
}

export interface MemberSettings {
  connection: KafkaConnection;
  groupId: string;
  topics: readonly string[];
  maxBytesPerPartition: number;
  sessionTimeoutMs: number;
  partitionsConsumedConcurrently: number;
  log?: KafkaLog | undefined;
}

/** What a member of a group tells of itself. */
export interface MemberEvents {
  /** It is a member, of a new generation, and has these partitions, by topic. */
  joined(assigned: Record<string, number[]>): void;
  /** About to join. Gives what has to end before it does; `memberId` is null for one that is no member yet. */
  rebalancing(memberId: string | null): Promise<unknown> | undefined;
  /** The coordinator takes it for a member of the present generation. */
  heard(): void;
  /** The coordinator has said that the group has moved on, or is about to. */
  movedOn(): void;
  /** Something was exchanged with Kafka. */
  active(): void;
  /** It has ended by itself, and begins anew where `restarts`. */
  crashed(error: Error, restarts: boolean): void;
  /** Works on records; what is not resolved by then is fetched again. */
  batch(batch: FetchedBatch): Promise<void>;
}

/** Records of one partition that were fetched together, in order; at least one. */
export interface FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly IncomingRecord[];
  /** The offset that was fetched from: that of the first record, or less where markers or aborted records precede. */
  readonly fetchedFrom: bigint;
  resolve(offset: bigint): void;
  /** @throws an error that says what it is as a `Refusal` does */
  commit(nextOffset: bigint, note: string): Promise<void>;
  /** Has the partition fetched from an offset next. */
  seek(offset: bigint): void;
}

/** What takes part in a group. */
export interface GroupMember extends Discardable {
  /** @throws an error of type UNKNOWN_TOPIC_OR_PARTITION where one of the topics does not exist */
  connect(): Promise<void>;
  /** Joins; resolves once it is a member. */
  run(): Promise<void>;
  /**
   * Lets the group know that it lives, where the library does not do so by itself while a batch is in hand.
   *
   * @throws an error that says what it is as a `Refusal` does
   */
  beat?(): Promise<void>;
  /** What the group has committed of a topic, of every partition. */
  committed(topic: string, deadlineMs: number): Promise<CommittedOffset[]>;
  /** Takes no more batches, waits for those in hand, and leaves the group. */
  leave(): Promise<void>;
}

/** A library that speaks to Kafka; each thing that it opens connects to nothing yet. */
export interface KafkaClient {
  openWriter(settings: WriterSettings): RecordWriter;
  openClaimedProducer(settings: ClaimSettings): ClaimedProducer;
  openMember(settings: MemberSettings, events: MemberEvents): GroupMember;
}

/** Loads the library that a connection is to be made with, and no other. */
export async function loadClient({ client = 'kafkajs' }: KafkaConnection): Promise<KafkaClient> {
  switch (client) {
    case 'kafkajs':
      return (await import('./kafkajs-client.js')).kafkajsClient;
    case 'platformatic':
      return (await import('./platformatic/platformatic-client.js')).platformaticClient;
  }
}
