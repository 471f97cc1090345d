/** `IntegrationFlow`: one message flow, from the hospital's connection to the destinations it is delivered to. */
import { z } from 'zod';
import { flowAlerts } from './alerts.js';
import { distinct, immutable, named, withRule, type Rule } from './cel-rule.js';
import { deletion } from './deletion.js';
import { apiVersion, metadata, port, resourceName } from './metadata.js';
import { duration, size } from './quantity.js';
import { listenerTls } from './tls.js';

const text = (longest: number): z.ZodString => z.string().min(1, 'must not be empty').max(longest);
const expression = text(4_096);

/** A check of our own, as a CEL expression over the message; where it is true, the message is rejected. */
const rule = z
  .strictObject({
    name: text(63).describe('Names the rule in rejections, logs and metrics.'),
    when: expression.describe(
      'CEL expression over the message; the message is rejected where it is true, for example !isDate(message.er7("PID-7")).',
    ),
    message: text(500).describe('What the sender of the message is told. It must not hold patient data.'),
  })
  .describe('A check, made after the others. The message is rejected where its condition is true.');

const strictness = z.enum(
  ['Ignore', 'Warning', 'Error'],
  'must be Ignore, Warning (log it) or Error (reject the message)',
);

const schema = z.strictObject({
  set: text(63).describe('Name of the schema set that messages must be valid in, such as phw.'),
  onlyReference: z
    .boolean()
    .default(false)
    .describe('Validate with libxml2 on the set’s XSDs instead of the validator compiled from them.'),
  lengths: strictness
    .default('Ignore')
    .describe(
      'What a value longer than the standard’s length is: Ignore, Warning (log it) or Error (reject).',
    ),
  tables: strictness
    .default('Ignore')
    .describe('What a value outside its HL7 table is: Ignore, Warning (log it) or Error (reject).'),
});

const service = z.strictObject({
  type: z
    .enum(['ClusterIP', 'NodePort', 'LoadBalancer'], 'must be ClusterIP, NodePort or LoadBalancer')
    .default('ClusterIP')
    .describe(
      'Who can connect: ClusterIP, only the cluster; NodePort, whoever reaches a node; LoadBalancer, whoever reaches the balancer that the cluster’s provider makes.',
    ),
  nodePort: port
    .optional()
    .describe('Port of each node that leads to the listener. Absent: the cluster chooses one.'),
  annotations: z
    .record(z.string().max(317), z.string().max(1_024))
    .refine((value) => Object.keys(value).length <= 32, 'must have at most 32 entries')
    .meta({ maxProperties: 32 })
    .optional()
    .describe('Annotations of the Service, which tell a provider what kind of balancer to make.'),
});

const listener = z.strictObject({
  mllp: z
    .strictObject({
      port: port
        .default(2575)
        .describe('TCP port of the MLLP listener. No two flows of a namespace share one.'),
      maxConnections: z
        .int()
        .min(1)
        .max(20_000)
        .meta({ format: 'int32' })
        .default(2_000)
        .describe('Connections held at once by one listener; a further one is refused.'),
      frameTimeout: duration('1s', '10m')
        .default('60s')
        .describe(
          'How long a message may take from its first byte to its last before its connection is closed.',
        ),
      tls: listenerTls.optional().describe('TLS with those who connect. Absent: plain TCP.'),
    })
    .describe('Messages come over MLLP (HL7 v2 in its minimal lower layer protocol).'),
  service: withRule(service, {
    cel: "!has(self.nodePort) || self.type != 'ClusterIP'",
    holds: ({ type, nodePort }) => nodePort === undefined || type !== 'ClusterIP',
    message: 'belongs to type NodePort or LoadBalancer; remove it or set type',
    field: 'nodePort',
  })
    .prefault({})
    .describe('The Kubernetes Service through which senders of messages connect. `ihub up` has none.'),
  maxMessageSize: size('1Ki', '100Mi')
    .default('1Mi')
    .describe('Largest message accepted, without framing. A larger one closes its connection.'),
  charset: text(32)
    .default('UNICODE UTF-8')
    .describe('Character set (HL7 table 0211) of messages whose MSH-18 is empty.'),
  accept: z
    .strictObject({
      versions: distinct(z.array(text(16)).min(1).max(20), 'must not name a version twice')
        .optional()
        .describe('Accepted values of MSH-12.1, such as "2.5". Absent: any.'),
      sendingApplications: distinct(z.array(text(227)).min(1).max(200), 'must not name an application twice')
        .optional()
        .describe('Accepted values of MSH-3.1. Absent: any.'),
      rules: named(z.array(rule).max(50), 'must not give two rules one name')
        .default([])
        .describe('Further checks, in the order in which they are made.'),
    })
    .prefault({})
    .describe('Checks of each message, made before it is stored. Each names itself in the rejection.'),
  schema: schema.optional().describe('Validation by a schema set. Absent: none.'),
  onReject: z
    .enum(['Close', 'Nak'], 'must be Close (say nothing, close the connection) or Nak (answer AE or AR)')
    .default('Close')
    .describe(
      'What the sender of a rejected message gets: Close closes its connection without a word, Nak answers AE or AR.',
    ),
  storeTimeout: duration('1s', '10m')
    .default('30s')
    .describe('How long a message may wait to be stored before its connection is closed without a reply.'),
});

const ordering = z.strictObject({
  by: z
    .enum(
      ['Flow', 'Field'],
      'must be Flow (all messages in order) or Field (messages with the same value in order)',
    )
    .default('Flow')
    .describe(
      'Flow keeps all messages in order. Field keeps in order those that have the same value at path, and lets others pass.',
    ),
  path: text(64)
    .optional()
    .describe('Where by is Field: the HL7 path whose value is the key, such as PID-3.1.'),
  partitions: z
    .int()
    .min(1)
    .max(200)
    .meta({ format: 'int32' })
    .optional()
    .describe('Where by is Field: partitions of the flow’s topics. Absent: 12.'),
});

const orderingRules = [
  {
    cel: "self.by != 'Field' || has(self.path)",
    holds: ({ by, path }) => by !== 'Field' || path !== undefined,
    message: 'is needed where by is Field, for example PID-3.1',
    field: 'path',
  },
  {
    cel: "self.by != 'Flow' || !has(self.path)",
    holds: ({ by, path }) => by !== 'Flow' || path === undefined,
    message: 'belongs to by: Field only; remove it or set by',
    field: 'path',
  },
  {
    cel: "self.by != 'Flow' || !has(self.partitions)",
    holds: ({ by, partitions }) => by !== 'Flow' || partitions === undefined,
    message: 'belongs to by: Field only; remove it or set by',
    field: 'partitions',
  },
] satisfies Rule<z.output<typeof ordering>>[];

const destination = z
  .strictObject({
    name: resourceName.describe('Name of a Destination in the same namespace.'),
    when: expression
      .optional()
      .describe('CEL expression over the message as it would be sent; only where true is it sent.'),
  })
  .describe('A receiver of the flow’s messages.');

const deduplication = z.strictObject({
  window: duration('1s', '30d')
    .default('24h')
    .describe(
      'For how long after a message was received the same one (MSH-3, MSH-10 and every byte alike) is dropped.',
    ),
  maxMessages: z
    .int()
    .min(1_000)
    .max(20_000_000)
    .meta({ format: 'int32' })
    .default(1_000_000)
    .describe(
      'Messages that are remembered at most; beyond, the oldest are forgotten. Each takes up to 112 bytes of each transformer’s memory.',
    ),
});

/** The zod schema of an IntegrationFlow, with every default. */
export const integrationFlow = z
  .strictObject({
    apiVersion: z.literal(apiVersion, `must be ${apiVersion}`),
    kind: z.literal('IntegrationFlow'),
    metadata,
    spec: z
      .strictObject({
        healthBoard: text(63)
          .optional()
          .describe('Health board that the messages come from; a label of metrics.'),
        peer: text(63).optional().describe('System that the messages come from; a label of metrics.'),
        listener: listener.describe('How messages come in, and which are accepted.'),
        ordering: immutable(
          orderingRules.reduce((schema, rule) => withRule(schema, rule), ordering),
          'can’t be changed, since messages under way would lose their order; delete the flow, which drains it, and apply it anew',
        )
          .prefault({})
          .describe('Which messages stay in order. It can’t be changed once the flow is there.'),
        transformer: z
          .strictObject({
            mapping: z
              .strictObject({ name: text(63).describe('Name of the mapping, such as phw.') })
              .describe('The mapping that is applied to each message.'),
          })
          .optional()
          .describe('How messages are turned into the receiver’s dialect. Absent: they go on as they came.'),
        deduplication: deduplication
          .optional()
          .describe(
            'Drops a message that comes again, as senders send it that had no answer. Absent: none is.',
          ),
        destinations: named(
          z.array(destination).min(1, 'must name at least one destination').max(50),
          'must not name a destination twice; join the two conditions with ||',
        ).describe('Where messages go: to each of these whose condition is true.'),
        contentPolicy: z
          .enum(
            ['None', 'Redacted', 'Full'],
            'must be None (keep no content), Redacted (keep its form without values) or Full (keep all of it)',
          )
          .default('Redacted')
          .describe(
            'What the Hub’s archive keeps of the flow’s messages: None, no content; Redacted, the header and which fields are filled; Full, everything, encrypted.',
          ),
        availability: z
          .strictObject({
            replicasPerZone: z
              .int()
              .min(1)
              .max(20)
              .meta({ format: 'int32' })
              .default(1)
              .describe('Workers of each stage in each zone of the Hub.'),
          })
          .prefault({})
          .describe('How many workers of each stage run in each zone.'),
        alerts: flowAlerts
          .optional()
          .describe('What of the flow is an alarm, where that is otherwise than the Hub says for all.'),
        ...deletion,
      })
      .describe('How messages come in, what becomes of them, and where they go.'),
    status: z.unknown().optional(),
  })
  .describe('One message flow, from the sender’s connection to the destinations it is delivered to.');

export type IntegrationFlow = z.output<typeof integrationFlow>;
