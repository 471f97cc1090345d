import type { Kafka } from 'kafkajs';
import { again } from './again.js';
import type { CommittedOffset } from './kafka-client.js';

/**
 * Asks a group's coordinator what the group has committed of a topic.
 *
 * @param deadlineMs how long to ask again while the coordinator is moving, in milliseconds; kafkajs would ask only
 *   the one that it had found
 * @returns of every partition; offset -1 where nothing has been committed
 */
export async function fetchCommitted(
  kafka: Kafka,
  groupId: string,
  topic: string,
  deadlineMs: number,
): Promise<CommittedOffset[]> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const [offsets] = await again(deadlineMs, () => admin.fetchOffsets({ groupId, topics: [topic] }));
    return offsets!.partitions.map(({ partition, offset, metadata }) => ({
      partition,
      offset: BigInt(offset),
      note: metadata ?? '',
    }));
  } finally {
    await admin.disconnect();
  }
}
