import type { KafkaLibrary, SaslMechanism } from '@integration-hub/api';

export type { SaslMechanism };

/** Where a Kafka is, and as whom to connect to it. */
export interface KafkaConnection {
  /** `host:port` of one broker or more; the others are found through them. */
  bootstrapServers: readonly string[];
  /** Names this client in the brokers' logs and quotas. */
  clientId: string;
  /** The zone this client is in; it then reads from replicas of the same zone, where brokers allow it. */
  rackId?: string;
  /** Absent: without TLS. */
  tls?: KafkaTls;
  /** Absent: without a login. */
  sasl?: KafkaSasl;
  /** The library that speaks to Kafka for producers, consumers and transactions; default kafkajs. */
  client?: KafkaClientName;
}

/**
 * TLS 1.2 or later. A broker's certificate must be valid for the name or address under which it is connected to, as
 * the bootstrap servers or the brokers' own advertised listeners have it.
 */
export interface KafkaTls {
  /**
   * Gives what one new connection is made with. It is asked for each, so what was renewed meanwhile holds from the next
   * connection on, and those that are open stay.
   *
   * @throws Error where there is nothing that could be used now; the next attempt asks again
   */
  read(): KafkaTlsTexts;
}

/** PEM texts. */
export interface KafkaTlsTexts {
  /** The authorities that issue the brokers' certificates. Absent: the public ones. */
  readonly ca?: string;
  /** The certificate that is shown to brokers, and its key. Absent: none is shown. */
  readonly cert?: string;
  readonly key?: string;
}

/** A login by name and password. */
export interface KafkaSasl {
  readonly mechanism: SaslMechanism;
  /** As {@link KafkaTls.read}, for each new connection and each time that a broker asks for the login again. */
  read(): KafkaLogin;
  /** Without TLS a login is refused, for all who see the connection could take it or the messages; unless this is true. */
  readonly allowWithoutTls?: boolean;
}

export interface KafkaLogin {
  readonly username: string;
  readonly password: string;
}

/** The libraries that there are; see docs/kafka-clients.md. */
export type KafkaClientName = KafkaLibrary;

/** Is given what the Kafka client has to say. No record's key, value or header is ever among it. */
export type KafkaLog = (
  level: 'error' | 'warn' | 'info' | 'debug',
  message: string,
  fields: Record<string, unknown>,
) => void;
