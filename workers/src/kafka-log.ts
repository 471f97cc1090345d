/** Lets the Kafka client write to a worker's log. */
import type { KafkaLog } from '@integration-hub/kafka';
import type { Log } from './log.js';

export function kafkaLog(log: Log): KafkaLog {
  return (level, message, fields) => log.log(level, `Kafka client: ${message}`, fields);
}
