/** Where a Kafka is, and as whom to connect to it. */
export interface KafkaConnection {
  /** `host:port` of one broker or more; the others are found through them. */
  bootstrapServers: readonly string[];
  /** Names this client in the brokers' logs and quotas. */
  clientId: string;
  /** The zone this client is in; it then reads from replicas of the same zone, where brokers allow it. */
  rackId?: string;
}

/** Is given what the Kafka client has to say. No record's key, value or header is ever among it. */
export type KafkaLog = (
  level: 'error' | 'warn' | 'info' | 'debug',
  message: string,
  fields: Record<string, unknown>,
) => void;
