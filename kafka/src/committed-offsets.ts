import type { FetchOffsetsPartition, Kafka } from 'kafkajs';
import { again } from './again.js';

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
): Promise<FetchOffsetsPartition[]> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const [offsets] = await again(deadlineMs, () => admin.fetchOffsets({ groupId, topics: [topic] }));
    return offsets!.partitions;
  } finally {
    await admin.disconnect();
  }
}
