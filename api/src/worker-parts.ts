/** What the configurations of several roles have in common. */
import { z } from 'zod';

export const milliseconds = z.int().min(0);
export const text = z.string().min(1);
export const tcpPort = z.int().min(0).max(65535);

/** How a login's password is proved to a Kafka (RFC 5802, RFC 7677; PLAIN: RFC 4616). */
export const saslMechanism = z.enum(
  ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN'],
  'must be SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN',
);
export type SaslMechanism = z.output<typeof saslMechanism>;

/** How a Kafka is connected to. Files are read again for each new connection. */
const kafkaAccess = z.strictObject({
  bootstrapServers: z.array(text).min(1),
  /** null: without TLS. */
  tls: z
    .strictObject({
      /** PEM, as the others; null: the public authorities. */
      caFile: text.nullable(),
      /** null: no certificate is shown. Where a tls.crt is not there, user.crt and user.key beside it are taken. */
      certificateFile: text.nullable(),
      keyFile: text.nullable(),
    })
    .nullable(),
  /** null: without a login. */
  sasl: z
    .strictObject({
      mechanism: saslMechanism,
      /** null: the file has it. */
      username: text.nullable(),
      usernameFile: text.nullable(),
      passwordFile: text,
      allowWithoutTls: z.boolean(),
    })
    .nullable(),
});

export type KafkaAccess = z.output<typeof kafkaAccess>;

/** The libraries that stages may take, transform and send messages with (docs/kafka-clients.md). */
export const kafkaLibrary = z.enum(['kafkajs', 'platformatic'], 'must be kafkajs or platformatic');
export type KafkaLibrary = z.output<typeof kafkaLibrary>;

/** Of every stage. */
export const common = {
  /** The stage's name, such as phw-to-mpi-listener; client id at Kafka and name in logs. */
  stage: text,
  namespace: text,
  kafka: kafkaAccess.extend({
    client: kafkaLibrary,
    /** How long a consumer may be silent before its partitions go to another. */
    sessionTimeoutMs: milliseconds,
    /** A client that does nothing for so long is taken for hung, and the process ends. */
    watchdogMs: milliseconds,
  }),
  health: z.strictObject({
    host: text,
    /** Accepts and closes connections while the process is live. */
    tcpPort,
    /** Serves /livez, /readyz and /metrics. */
    httpPort: tcpPort,
  }),
  logLevel: z.enum(['error', 'warn', 'info', 'debug']),
  /** OpenTelemetry; null: nothing of it is loaded. */
  telemetry: z
    .strictObject({
      /** URL of OTLP/HTTP, without /v1/traces. */
      endpoint: text,
      /** Headers as name=value,name=value; read again for each request. null: none. */
      headersFile: text.nullable(),
      /** PEM of the authorities that issue its certificate; read again for each connection. null: the public ones. */
      caFile: text.nullable(),
      /** Share of messages that are traced, from 0 to 1. */
      sampleRatio: z.number().min(0).max(1),
      /** Folder for spans that can't be sent; of a few megabytes for each stage. */
      spansFolder: text,
    })
    .nullable(),
};

/** Which messages stay in order. */
export const ordering = z.discriminatedUnion('by', [
  z.strictObject({ by: z.literal('Flow') }),
  z.strictObject({ by: z.literal('Field'), path: text }),
]);

/** How much of a flow's messages may be kept beside the topics that carry them. */
export const contentPolicy = z.enum(['None', 'Redacted', 'Full']);

/** How the archive is reached. */
export const archiveAccess = z.strictObject({
  database: z.strictObject({
    host: text,
    port: tcpPort,
    name: text,
    userFile: text,
    passwordFile: text,
    /** PEM; null: without TLS. */
    caFile: text.nullable(),
  }),
  /** Keys of 32 bytes in base64, one a line; the first is for what is written. */
  contentKeyFile: text,
  identifierKeyFile: text,
});

export type ArchiveAccess = z.output<typeof archiveAccess>;
