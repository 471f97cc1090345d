import type { IncomingRecord } from './record.js';

/** What a group has committed of a partition. */
export interface Committed {
  /** Everything before it is done; -1 where nothing has been committed. */
  readonly offset: bigint;
  /** What was given with it; '' where there is none. */
  readonly note: string;
}

/** Records of one partition that were fetched together, in order; at least one. */
export interface IncomingBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly IncomingRecord[];
  /** Counts how often this consumer has been given partitions; it grows with every rebalance. */
  readonly generation: number;
  /** The offset that was fetched from: that of the first record, or less where markers or aborted records precede. */
  readonly fetchedFrom: bigint;
  /** Aborted once the group has been joined anew: nothing of the batch can be committed any more. */
  readonly lost: AbortSignal;
  /**
   * Whether to go on with the batch. False once the partition is, or may be, another consumer's, when this one
   * stops, and after `seek`: then return, without beginning anything new.
   */
  isCurrent(): boolean;
  /** Notes that the record of this offset, and those before it, are done; what is not is fetched again. */
  resolve(offset: bigint): void;
  /** Up to where the group has committed when this consumer was given the partition; asked for once. */
  committed(): Promise<Committed>;
  /**
   * Commits, for the group, that everything before an offset is done.
   *
   * @param note is kept with the offset; at most 4,096 bytes (`offset.metadata.max.bytes` of Kafka)
   * @throws KafkaError BATCH_LOST where the partition is another's now; just let it out of `onBatch`
   */
  commit(nextOffset: bigint, note?: string): Promise<void>;
  /** Has the next batch fetched from an offset; then return. */
  seek(offset: bigint): void;
}
