/** What groups have written to `__consumer_offsets` while too few of its copies were in sync. */
import type { KafkaConnection, KafkaLog } from './connection.js';

/** Begins the names of the groups that commit; the operator may read, commit and delete in such as begin so. */
const GROUP_PREFIX = 'ihub-read-wake-';
/** How long one commit is tried for, in milliseconds. */
const DEADLINE = 5_000;
/** So many commits are under way at once. */
const AT_ONCE = 10;

export interface WakeOptions {
  readonly connection: KafkaConnection;
  /** How many `__consumer_offsets` has. */
  readonly partitions: number;
  /** Of which offsets are committed; one that is there. */
  readonly topic: string;
  /** Ends it where it stands. */
  readonly signal: AbortSignal;
  readonly log?: KafkaLog | undefined;
}

/**
 * Has Kafka look again at what waits in `__consumer_offsets` to be on enough copies, after `min.insync.replicas` was
 * lowered. The leader of a partition looks only when a record comes or a follower has fetched more, and the followers have
 * all there is; so who has joined a group before would wait until its coordinator gives that up
 * (`offsets.commit.timeout.ms`). To each partition an offset is committed, of a group that is deleted again.
 *
 * @returns how many partitions have taken a commit
 */
export async function wakeWaitingCommits({
  connection,
  partitions,
  topic,
  signal,
  log,
}: WakeOptions): Promise<number> {
  const [{ deleteGroupsV2, offsetCommitV8 }, { askAgain, Cluster, GROUP }] = await Promise.all([
    import('@platformatic/kafka'),
    import('./platformatic/cluster.js'),
  ]);
  const cluster = new Cluster({ connection, log, requestTimeoutMs: 2_000, connectionTimeoutMs: 1_000 });
  const discard = (): void => cluster.discard();
  signal.addEventListener('abort', discard, { once: true });
  const offset = { partitionIndex: 0, committedOffset: 0n, committedLeaderEpoch: -1, committedMetadata: '' };
  const topics = [{ name: topic, partitions: [offset] }];
  const groups = groupOfEach(partitions);
  let taken = 0;
  let failure: Error | undefined;
  const commits = async (): Promise<void> => {
    for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
      const name = group;
      try {
        await askAgain(cluster, DEADLINE, () =>
          cluster.askCoordinator(GROUP, name, offsetCommitV8.api, [name, -1, '', null, topics]),
        );
        taken += 1;
        await cluster.askCoordinator(GROUP, name, deleteGroupsV2.api, [[name]]);
      } catch (error) {
        failure ??= error as Error;
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, commits));
    if (failure !== undefined && !signal.aborted) {
      const sentence =
        'Kafka was not made to look again at all that its groups wait for; some may wait longer';
      log?.('warn', sentence, { partitions, taken, error: failure.message });
    }
    return taken;
  } finally {
    signal.removeEventListener('abort', discard);
    cluster.discard();
  }
}

/** A group for each partition of `__consumer_offsets`, by its index. */
export function groupOfEach(partitions: number): string[] {
  const groups: string[] = [];
  for (let number = 0, found = 0; found < partitions; number += 1) {
    const group = `${GROUP_PREFIX}${number}`;
    const partition = partitionOfGroup(group, partitions);
    if (groups[partition] !== undefined) continue;
    groups[partition] = group;
    found += 1;
  }
  return groups;
}

/** Which partition has a group's offsets: Java's hash of its name, made positive, by Kafka's `Utils.abs`. */
function partitionOfGroup(group: string, partitions: number): number {
  let hash = 0;
  for (let at = 0; at < group.length; at += 1) hash = (Math.imul(hash, 31) + group.charCodeAt(at)) | 0;
  return (hash & 0x7fffffff) % partitions;
}
