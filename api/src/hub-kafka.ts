/** `spec.kafka` of a Hub: which Kafka keeps the messages, how it is connected to, and how it keeps them. */
import { z } from 'zod';
import { distinct, textMatching, withRule } from './cel-rule.js';
import { kubernetesName } from './metadata.js';
import { duration } from './quantity.js';
import { secretsFolder as mountedSecrets, tlsFiles, type SecretUse } from './tls.js';
import { kafkaLibrary, saslMechanism, type KafkaAccess } from './worker-parts.js';

const copies = z.int().min(1).max(12).meta({ format: 'int32' });

const tls = z.strictObject({
  caSecretName: kubernetesName
    .optional()
    .describe(
      'Secret whose ca.crt has the authorities that issue the brokers’ certificates; of Strimzi, ‹cluster›-cluster-ca-cert. Absent: the public authorities.',
    ),
  certificateSecretName: kubernetesName
    .optional()
    .describe(
      'Secret with the certificate that is shown to brokers and its key: tls.crt and tls.key, or user.crt and user.key as a KafkaUser of Strimzi has them. Read again for each new connection. Absent: none is shown.',
    ),
  operatorCertificateSecretName: kubernetesName
    .optional()
    .describe(
      'As certificateSecretName, for the operator, which makes topics and so needs more rights than workers. Absent: that of the workers.',
    ),
});

const username = z.string().min(1, 'must not be empty').max(249);

const sasl = z.strictObject({
  mechanism: saslMechanism
    .default('SCRAM-SHA-512')
    .describe('How the password is proved to brokers. PLAIN sends it.'),
  secretName: kubernetesName.describe(
    'Secret with password, and username where that is not said here. Read again for each new connection.',
  ),
  username: username
    .optional()
    .describe(
      'Name to log in with. Absent: username of the Secret. A KafkaUser’s Secret has none; it is the KafkaUser’s name.',
    ),
  operatorSecretName: kubernetesName
    .optional()
    .describe(
      'As secretName, for the operator, which makes topics and so needs more rights than workers. Absent: that of the workers.',
    ),
  operatorUsername: username.optional().describe('As username, for operatorSecretName.'),
  allowWithoutTls: z
    .boolean()
    .default(false)
    .describe(
      'Whether to log in without TLS too, where others may read passwords and messages on their way.',
    ),
});

const settings = z.strictObject({
  bootstrapServers: distinct(
    z
      .array(
        textMatching(
          /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:[0-9]{1,5}$/,
          259,
          'must be HOST:PORT, for example kafka-bootstrap:9092',
        ),
      )
      .min(1, 'must name at least one broker')
      .max(32),
    'must not name a broker twice',
  ).describe('Brokers to ask first, as HOST:PORT. The others are learned from them.'),
  tls: tls
    .optional()
    .describe(
      'TLS 1.2 or later to the brokers, whose certificates must be valid for the names that they are reached by. Absent: without TLS.',
    ),
  sasl: withRule(sasl, {
    cel: '!has(self.operatorUsername) || has(self.operatorSecretName)',
    holds: ({ operatorUsername, operatorSecretName }) =>
      operatorUsername === undefined || operatorSecretName !== undefined,
    message: 'belongs to operatorSecretName; add that or remove it',
    field: 'operatorUsername',
  })
    .optional()
    .describe('Login by name and password. Absent: none.'),
  client: kafkaLibrary
    .default('kafkajs')
    .describe(
      'Library that workers take, transform and send messages with. Both keep every promise. A change rolls the workers; members of both may share a group meanwhile.',
    ),
  replicationFactor: copies
    .optional()
    .describe('Copies of every record. Absent: two in each zone, and one where no zones are named.'),
  minInsyncReplicas: copies
    .optional()
    .describe(
      'Copies that must exist before a message is acknowledged. Absent: more than half, which is more than one of two zones can hold.',
    ),
  retention: duration('1h', '3650d').default('14d').describe('How long records are kept in topics.'),
});

/** The zod schema of `spec.kafka`. */
export const hubKafka = withRule(
  withRule(settings, {
    cel: '!has(self.minInsyncReplicas) || (has(self.replicationFactor) && self.minInsyncReplicas <= self.replicationFactor)',
    holds: ({ replicationFactor, minInsyncReplicas }) =>
      minInsyncReplicas === undefined ||
      (replicationFactor !== undefined && minInsyncReplicas <= replicationFactor),
    message: 'needs a replicationFactor that is at least as large',
    field: 'minInsyncReplicas',
  }),
  {
    cel: '!has(self.sasl) || has(self.tls) || self.sasl.allowWithoutTls',
    holds: (kafka) => kafka.sasl === undefined || kafka.tls !== undefined || kafka.sasl.allowWithoutTls,
    message: 'needs tls, without which others may read the login; or set allowWithoutTls',
    field: 'sasl',
  },
).describe('The Kafka that keeps the messages, and how it keeps them.');

export type HubKafkaSettings = z.output<typeof hubKafka>;

/** How workers and console connect to the Hub’s Kafka, and the Secrets that they need for that. */
export function kafkaAccess(
  kafka: HubKafkaSettings,
  secretsFolder: string = mountedSecrets,
): { readonly access: KafkaAccess; readonly secrets: SecretUse[] } {
  const { caSecretName, certificateSecretName } = kafka.tls ?? {};
  const { files } = tlsFiles(secretsFolder, certificateSecretName, caSecretName);
  const login = kafka.sasl;
  return {
    access: {
      bootstrapServers: kafka.bootstrapServers,
      tls: kafka.tls ? files : null,
      sasl: login
        ? {
            mechanism: login.mechanism,
            username: login.username ?? null,
            usernameFile:
              login.username === undefined ? `${secretsFolder}/${login.secretName}/username` : null,
            passwordFile: `${secretsFolder}/${login.secretName}/password`,
            allowWithoutTls: login.allowWithoutTls,
          }
        : null,
    },
    secrets: [
      ...(caSecretName === undefined ? [] : [{ name: caSecretName, keys: ['ca.crt'] }]),
      // Whole: its keys have either of two names.
      ...(certificateSecretName === undefined ? [] : [{ name: certificateSecretName, keys: [] }]),
      ...(login === undefined
        ? []
        : [
            {
              name: login.secretName,
              keys: login.username === undefined ? ['username', 'password'] : ['password'],
            },
          ]),
    ],
  };
}
