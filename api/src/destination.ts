/** `Destination`: a receiving system and the one sender that all flows to it share. */
import { z } from 'zod';
import { destinationAlerts } from './alerts.js';
import { immutable, textMatching, withRule } from './cel-rule.js';
import { deletion } from './deletion.js';
import { apiVersion, metadata, port } from './metadata.js';
import { duration, notLonger } from './quantity.js';
import { destinationTls } from './tls.js';

const retry = z.strictObject({
  initial: duration('10ms', '1h')
    .default('5s')
    .describe('Wait after the first failed delivery. It doubles with each further one, up to max.'),
  max: duration('10ms', '24h').default('15m').describe('Longest wait between two tries.'),
  onRefusal: z
    .enum(['DeadLetter', 'Retry'], 'must be DeadLetter (set the message aside) or Retry (send it again)')
    .default('DeadLetter')
    .describe(
      'What happens to a message that the receiver answers with AE, AR, CE or CR: DeadLetter sets it aside and goes on with the next; Retry sends it again until it is accepted, and what is behind it waits.',
    ),
});

/** The zod schema of a Destination, with every default. */
export const destination = z
  .strictObject({
    apiVersion: z.literal(apiVersion, `must be ${apiVersion}`),
    kind: z.literal('Destination'),
    metadata,
    spec: z
      .strictObject({
        mllp: z
          .strictObject({
            host: textMatching(
              /^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$/,
              253,
              'must be a host name or an IP address',
            ).describe('Host name or IP address of the receiving system.'),
            port: port.describe('TCP port of the receiving system’s MLLP listener.'),
            connectTimeout: duration('100ms', '5m')
              .default('10s')
              .describe('How long a connection may take to open.'),
            connections: z
              .int()
              .min(1)
              .max(64)
              .meta({ format: 'int32' })
              .default(1)
              .describe(
                'Connections that each replica of the sender keeps. Messages of one order go one after another all the same; more connections serve several orders at once.',
              ),
            tls: destinationTls.optional().describe('TLS with the receiving system. Absent: plain TCP.'),
          })
          .describe('The receiving system, reached over MLLP.'),
        ackTimeout: duration('100ms', '10m')
          .default('30s')
          .describe(
            'How long the receiver may take to acknowledge a message. Then it is sent once more on a fresh connection, and after that retry applies.',
          ),
        throttle: z
          .strictObject({
            messagesPerMinute: z
              .int()
              .min(1)
              .max(1_000_000)
              .meta({ format: 'int32' })
              .describe('Messages a minute that the receiver gets at most.'),
          })
          .optional()
          .describe('Pace over all flows that share the destination. Absent: as fast as it acknowledges.'),
        retry: withRule(retry, notLonger('initial', 'max'))
          .prefault({})
          .describe(
            'What happens to a message that is not acknowledged. Later ones of its order wait meanwhile.',
          ),
        partitions: immutable(
          z.int().min(1).max(200).meta({ format: 'int32' }),
          'can’t be changed, since messages under way would lose their order; make another Destination',
        )
          .default(12)
          .describe(
            'Partitions of the outbound topic. Fixed for life: another number would break the order.',
          ),
        alerts: destinationAlerts
          .optional()
          .describe(
            'What of the destination is an alarm, where that is otherwise than the Hub says for all.',
          ),
        ...deletion,
      })
      .describe('Where messages are delivered, how fast, and what happens when that fails.'),
    status: z.unknown().optional(),
  })
  .describe('A receiving system and the one sender that every flow to it shares.');

export type Destination = z.output<typeof destination>;
