/** How a worker joins the group of its stage. */
import type { SenderConfiguration } from '@integration-hub/api';
import { consumeBatches, type Consumer, type ConsumeOptions } from '@integration-hub/kafka';
import { kafkaLog } from './kafka-log.js';
import type { WorkerParts } from './worker.js';

/**
 * Joins the group of a stage with the settings that its configuration has for Kafka.
 *
 * @throws KafkaError UNREACHABLE, UNKNOWN_TOPIC
 */
export function consumeStage(
  { kafka, stage, group }: Pick<SenderConfiguration, 'kafka' | 'stage' | 'group'>,
  { log, onFatal }: WorkerParts,
  work: Pick<ConsumeOptions, 'topics' | 'partitionsConsumedConcurrently' | 'onBatch'>,
): Promise<Consumer> {
  return consumeBatches({
    connection: { bootstrapServers: kafka.bootstrapServers, clientId: stage },
    groupId: group,
    sessionTimeoutMs: kafka.sessionTimeoutMs,
    watchdogMs: kafka.watchdogMs,
    log: kafkaLog(log),
    onFatal,
    ...work,
  });
}
