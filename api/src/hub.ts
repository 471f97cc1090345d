/** `Hub`: the platform in one namespace: which Kafka it uses, which zones it spans, what its workers are given. */
import { z } from 'zod';
import { alertNotifications } from './alert-notifications.js';
import { allAlerts } from './alerts.js';
import { distinct, named, textMatching } from './cel-rule.js';
import { webConsole } from './hub-console.js';
import { hubKafka } from './hub-kafka.js';
import { apiVersion, kubernetesName, metadata, port } from './metadata.js';
import { cpu, duration, size } from './quantity.js';

/** What each worker of a role is given. There is no limit of cpu: it would halt a worker in the middle of a burst. */
const resources = (role: string, cpuDefault: string, memoryDefault: string) =>
  z
    .strictObject({
      cpu: cpu('10m', '64')
        .default(cpuDefault)
        .describe('Share of processors promised to each worker, in quotes: "250m" or "2". It may use more.'),
      memory: size('64Mi', '64Gi')
        .default(memoryDefault)
        .describe('Memory promised to each worker, which it may not exceed.'),
    })
    .prefault({})
    .describe(`What each ${role} is given.`);

const workers = z.strictObject({
  image: z
    .string()
    .min(1, 'must not be empty')
    .max(512)
    .optional()
    .describe('Container image of the workers. Absent: the one that the operator was installed with.'),
  imagePullPolicy: z
    .enum(['IfNotPresent', 'Always', 'Never'], 'must be IfNotPresent, Always or Never')
    .default('IfNotPresent')
    .describe('When a node fetches the image.'),
  imagePullSecrets: named(
    z
      .array(
        z
          .strictObject({ name: kubernetesName.describe('Name of a Secret in the same namespace.') })
          .describe('A Secret of type kubernetes.io/dockerconfigjson.'),
      )
      .max(10),
    'must not name a Secret twice',
  )
    .default([])
    .describe('Secrets with which the image is fetched.'),
  logLevel: z
    .enum(['error', 'warn', 'info', 'debug'], 'must be error, warn, info or debug')
    .default('info')
    .describe('Least level at which workers log. No level writes patient data.'),
  resources: z
    .strictObject({
      listener: resources('listener', '100m', '512Mi'),
      transformer: resources('transformer', '100m', '384Mi'),
      sender: resources('sender', '50m', '256Mi'),
      archivist: resources('archivist', '100m', '384Mi'),
      console: resources('console', '50m', '384Mi'),
    })
    .prefault({})
    .describe('Processor and memory of each role.'),
});

const archive = z.strictObject({
  postgres: z
    .strictObject({
      host: textMatching(
        /^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$/,
        253,
        'must be a host name or an IP address',
      ).describe('Host name or IP address of PostgreSQL.'),
      port: port.default(5432).describe('Its TCP port.'),
      database: textMatching(/^[A-Za-z_][A-Za-z0-9_-]*$/, 63, 'must be a name of letters, digits, _ and -')
        .default('ihub')
        .describe('Name of the database, which no other Hub uses. Its tables are made by the archivist.'),
      secretName: kubernetesName.describe(
        'Secret with username and password of the user that owns the database.',
      ),
      caSecretName: kubernetesName
        .optional()
        .describe(
          'Secret whose ca.crt has the authorities that issue the server’s certificate. Absent: without TLS.',
        ),
    })
    .describe('The database. It must be there; the operator makes none.'),
  keysSecretName: kubernetesName.describe(
    'Secret with content.key and identifier.key: 32 bytes in base64 on each line, the first for what is written, the others for what was written with them before.',
  ),
  retention: duration('1d', '3650d')
    .default('90d')
    .describe('How long messages can be found. What is older goes by whole days (UTC).'),
  patientIdentifiers: z
    .enum(['Hashed', 'Clear'], 'must be Hashed (keyed hashes) or Clear (as they are)')
    .default('Hashed')
    .describe(
      'How identifiers of patients stand in the database: Hashed, which only the key finds, or Clear.',
    ),
});

const labels = z
  .record(z.string().max(317), z.string().max(63))
  .refine((value) => Object.keys(value).length <= 32, 'must have at most 32 entries')
  .meta({ maxProperties: 32 });

const alerts = allAlerts.extend({
  notifications: alertNotifications
    .optional()
    .describe('Who is told by the console. Absent: nobody; Prometheus’ Alertmanager may do it instead.'),
  ruleLabels: labels
    .optional()
    .describe(
      'Labels of the PrometheusRule objects, where a Prometheus takes only those with some, such as release: monitoring.',
    ),
  runbooks: textMatching(
    /^https?:\/\/[A-Za-z0-9[][A-Za-z0-9.:/_~%?&=+,;[\]-]*$/,
    1_024,
    'must be an http or https address without a user name or a fragment',
  )
    .optional()
    .describe('Address at which docs/alerts.md can be read; alarms link to its sections.'),
});

const telemetry = z.strictObject({
  otlp: z
    .strictObject({
      endpoint: textMatching(
        /^https?:\/\/[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(\/[A-Za-z0-9._~/-]*)?$/,
        512,
        'must be a URL without user, password and query, for example http://collector:4318',
      ).describe('Where traces and metrics go over OTLP/HTTP; /v1/traces and /v1/metrics are put behind it.'),
      headersSecretName: kubernetesName
        .optional()
        .describe(
          'Secret whose key headers has what is sent with each request, as name=value,name=value; read again when it changes. Absent: nothing.',
        ),
      caSecretName: kubernetesName
        .optional()
        .describe(
          'Secret whose ca.crt has the authorities that issue the certificate of an https endpoint; read again for each new connection. Absent: the public authorities.',
        ),
      sampleRatio: z
        .number()
        .min(0)
        .max(1)
        .default(0.1)
        .describe('Share of messages whose way through all stages is traced: 0, none; 1, all.'),
    })
    .describe('The OpenTelemetry Collector, or whatever takes OTLP in.'),
});

/** The zod schema of a Hub, with every default. */
export const hub = z
  .strictObject({
    apiVersion: z.literal(apiVersion, `must be ${apiVersion}`),
    kind: z.literal('Hub'),
    metadata,
    spec: z
      .strictObject({
        kafka: hubKafka,
        zones: distinct(
          z.array(z.string().min(1, 'must not be empty').max(63)).max(5),
          'must not name a zone twice',
        )
          .default([])
          .describe(
            'The availability zones, by the topology.kubernetes.io/zone label of their nodes. Workers and copies of messages are spread over them. Empty: one place without zones.',
          ),
        archive: archive
          .optional()
          .describe(
            'The message store: what came and what became of it, to be searched. Absent: messages are in their topics only.',
          ),
        alerts: alerts
          .optional()
          .describe(
            'What is an alarm, for the Hub and for flows and destinations that say nothing else, and who is told. Absent: the standard of docs/alerts.md, and nobody is told.',
          ),
        console: webConsole
          .optional()
          .describe(
            'The web console, in which people see and mend what the hub does. Absent: there is none.',
          ),
        telemetry: telemetry
          .optional()
          .describe(
            'OpenTelemetry of messages and workers. No message waits for it. Absent: metrics are at /metrics of each worker only, and nothing is traced.',
          ),
        workers: workers.prefault({}).describe('What the workers run on: image, log level, resources.'),
      })
      .describe('What the platform runs on.'),
    status: z.unknown().optional(),
  })
  .describe('The platform in one namespace: its Kafka, its zones and its workers. A namespace has one.');

export type Hub = z.output<typeof hub>;
