/** `IntegrationFlow`: one message flow, from the hospital's connection to the destinations it is delivered to. */
import { z } from 'zod';
import { apiVersion, metadata, port, resourceName } from './metadata.js';
import { duration, size } from './quantity.js';

const text = z.string().min(1, 'must not be empty');

/** A check of our own, as a CEL expression over the message; where it is true, the message is rejected. */
const rule = z.strictObject({
  name: text.describe('Names the rule in rejections, logs and metrics.'),
  when: text.describe(
    'CEL expression over the message; the message is rejected where it is true, for example !isDate(message.er7("PID-7")).',
  ),
  message: text.describe('What the sender of the message is told. It must not hold patient data.'),
});

const strictness = z.enum(
  ['Ignore', 'Warning', 'Error'],
  'must be Ignore, Warning (log it) or Error (reject the message)',
);

const schema = z.strictObject({
  set: text.describe('Name of the schema set that messages must be valid in, such as phw.'),
  onlyReference: z
    .boolean()
    .default(false)
    .describe('Validate with libxml2 on the set’s XSDs instead of the validator compiled from them.'),
  lengths: strictness.default('Ignore').describe('What a value longer than the standard’s length is.'),
  tables: strictness.default('Ignore').describe('What a value outside its HL7 table is.'),
});

const listener = z.strictObject({
  mllp: z.strictObject({
    port: port.default(2575).describe('TCP port of the MLLP listener.'),
    maxConnections: z
      .int()
      .min(1)
      .max(20_000)
      .default(2_000)
      .describe('Connections held at once by one listener; a further one is refused.'),
    frameTimeout: duration('1s', '10m')
      .default('60s')
      .describe(
        'How long a message may take from its first byte to its last before its connection is closed.',
      ),
  }),
  maxMessageSize: size('1Ki', '100Mi')
    .default('1Mi')
    .describe('Largest message accepted, without framing. A larger one closes its connection.'),
  charset: text
    .default('UNICODE UTF-8')
    .describe('Character set (HL7 table 0211) of messages whose MSH-18 is empty.'),
  accept: z
    .strictObject({
      versions: z.array(text).min(1).optional().describe('Accepted values of MSH-12.1. Absent: any.'),
      sendingApplications: z
        .array(text)
        .min(1)
        .optional()
        .describe('Accepted values of MSH-3.1. Absent: any.'),
      rules: z.array(rule).default([]).describe('Further checks, in the order in which they are made.'),
    })
    .prefault({}),
  schema: schema.optional().describe('Validation by a schema set. Absent: none.'),
  onReject: z
    .enum(['Close', 'Nak'], 'must be Close (say nothing, close the connection) or Nak (answer AE or AR)')
    .default('Close')
    .describe('What the sender of a rejected message gets: its connection closed, or an AE or AR reply.'),
  storeTimeout: duration('1s', '10m')
    .default('30s')
    .describe('How long a message may wait to be stored before its connection is closed without a reply.'),
});

const ordering = z
  .strictObject({
    by: z
      .enum(
        ['Flow', 'Field'],
        'must be Flow (all messages in order) or Field (messages with the same value in order)',
      )
      .default('Flow'),
    path: text
      .optional()
      .describe('Where by is Field: the HL7 path whose value is the key, such as PID-3.1.'),
    partitions: z
      .int()
      .min(1)
      .max(200)
      .optional()
      .describe(
        'Where by is Field: partitions of the flow’s topics. Fixed for life: more would break the order.',
      ),
  })
  .superRefine((value, context) => {
    if (value.by === 'Field' && value.path === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['path'],
        message: 'is needed where by is Field, for example PID-3.1',
      });
    }
    if (value.by === 'Flow' && (value.path !== undefined || value.partitions !== undefined)) {
      const field = value.path === undefined ? 'partitions' : 'path';
      context.addIssue({
        code: 'custom',
        path: [field],
        message: 'belongs to by: Field only; remove it or set by',
      });
    }
  });

const destination = z.strictObject({
  name: resourceName.describe('Name of a Destination in the same namespace.'),
  when: text
    .optional()
    .describe('CEL expression over the message as it would be sent; only where true is it sent.'),
});

/** The zod schema of an IntegrationFlow, with every default. */
export const integrationFlow = z.strictObject({
  apiVersion: z.literal(apiVersion, `must be ${apiVersion}`),
  kind: z.literal('IntegrationFlow'),
  metadata,
  spec: z.strictObject({
    healthBoard: text.optional().describe('Health board that the messages come from; a label of metrics.'),
    peer: text.optional().describe('System that the messages come from; a label of metrics.'),
    listener,
    ordering: ordering.prefault({}),
    transformer: z
      .strictObject({ mapping: z.strictObject({ name: text.describe('Name of the mapping, such as phw.') }) })
      .optional()
      .describe('How messages are turned into the receiver’s dialect. Absent: they go on as they came.'),
    destinations: z.array(destination).min(1, 'must name at least one destination'),
    availability: z
      .strictObject({ replicasPerZone: z.int().min(1).max(20).default(1) })
      .prefault({})
      .describe('How many workers of each stage run in each zone.'),
  }),
  status: z.unknown().optional(),
});

export type IntegrationFlow = z.output<typeof integrationFlow>;
