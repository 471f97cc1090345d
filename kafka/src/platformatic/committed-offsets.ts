import { offsetFetchV8 } from '@platformatic/kafka';
import type { CommittedOffset } from '../kafka-client.js';
import { askAgain, type Cluster, GROUP } from './cluster.js';
import { throwIfRefused } from './kafka-refusal.js';

/**
 * Asks a group's coordinator what the group has committed of a topic; of a partition of which a transaction is still
 * being committed it asks again.
 *
 * @param deadlineMs how long to ask again while the coordinator is moving, in milliseconds
 * @returns of every partition
 */
export function fetchCommitted(
  cluster: Cluster,
  groupId: string,
  topic: string,
  deadlineMs: number,
): Promise<CommittedOffset[]> {
  return askAgain(cluster, deadlineMs, async () => {
    const [learnt] = await cluster.learn([topic]);
    const partitionIndexes = learnt!.partitions.map(({ partitionId }) => partitionId);
    const topics = [{ name: topic, partitionIndexes }];
    const { groups } = await cluster.askCoordinator(GROUP, groupId, offsetFetchV8.api, [
      [{ groupId, memberEpoch: -1, topics }],
      true,
    ]);
    return groups[0]!.topics.flatMap(({ partitions }) =>
      partitions.map(({ partitionIndex, committedOffset, metadata, errorCode }) => {
        throwIfRefused(errorCode);
        return { partition: partitionIndex, offset: committedOffset, note: metadata ?? '' };
      }),
    );
  });
}
