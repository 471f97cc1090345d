/** How a worker joins the group of its stage. */
import type {
  ArchivistConfiguration,
  SenderConfiguration,
  TransformerConfiguration,
} from '@integration-hub/api';
import {
  consumeBatches,
  type Consumer,
  type ConsumeOptions,
  type IncomingBatch,
} from '@integration-hub/kafka';
import { kafkaConnection } from './kafka-connection.js';
import { kafkaLog } from './kafka-log.js';
import type { WorkerParts } from './worker.js';

type Work = Pick<ConsumeOptions, 'topics' | 'partitionsConsumedConcurrently' | 'onBatch'> & {
  /**
   * The time of a partition's oldest record that is not done, in milliseconds since 1970, for a stage that has records
   * in hand beyond their batch. Without it, a batch waits until it is done.
   */
  readonly oldest?: (partition: number) => number | undefined;
};

/**
 * Joins the group of a stage with the settings that its configuration has for Kafka, and measures how long messages
 * wait for it.
 *
 * @throws KafkaError UNREACHABLE, UNKNOWN_TOPIC
 */
export function consumeStage(
  configuration: SenderConfiguration | TransformerConfiguration | ArchivistConfiguration,
  { log, metrics, onFatal }: WorkerParts,
  { oldest, onBatch, ...work }: Work,
): Promise<Consumer> {
  const { kafka, stage, group, role } = configuration;
  const labels = {
    stage,
    ...(role === 'transformer' && { flow: configuration.flow }),
    ...(role === 'sender' && { destination: configuration.destination }),
  };
  const measured = async (batch: IncomingBatch): Promise<void> => {
    const { partition } = batch;
    const end = metrics.oldestWaiting.begin(
      batch,
      // An archivist reads every partition that there is; one series is enough of them.
      role === 'archivist' ? labels : { ...labels, partition: String(partition) },
      oldest && (() => oldest(partition)),
    );
    try {
      await onBatch(batch);
    } finally {
      end();
    }
  };
  return consumeBatches({
    connection: kafkaConnection(kafka, stage),
    groupId: group,
    sessionTimeoutMs: kafka.sessionTimeoutMs,
    watchdogMs: kafka.watchdogMs,
    log: kafkaLog(log),
    onFatal,
    onBatch: measured,
    ...work,
  });
}
