/** `Destination`: a receiving system and the one sender that all flows to it share. */
import { z } from 'zod';
import { apiVersion, metadata, port } from './metadata.js';
import { duration, durationToMs } from './quantity.js';

/** The zod schema of a Destination, with every default. */
export const destination = z.strictObject({
  apiVersion: z.literal(apiVersion, `must be ${apiVersion}`),
  kind: z.literal('Destination'),
  metadata,
  spec: z.strictObject({
    mllp: z.strictObject({
      host: z
        .string()
        .regex(/^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$/, 'must be a host name or an IP address')
        .describe('Where the receiving system listens.'),
      port: port.describe('TCP port of the receiving system’s MLLP listener.'),
      connectTimeout: duration('100ms', '5m')
        .default('10s')
        .describe('How long a connection may take to open.'),
    }),
    ackTimeout: duration('100ms', '10m')
      .default('30s')
      .describe('How long the receiver may take to acknowledge a message.'),
    throttle: z
      .strictObject({ messagesPerMinute: z.int().min(1).max(1_000_000) })
      .optional()
      .describe('Pace over all flows that share the destination. Absent: as fast as it acknowledges.'),
    retry: z
      .strictObject({
        initial: duration('10ms', '1h')
          .default('5s')
          .describe('Wait after the first failed delivery; it doubles.'),
        max: duration('10ms', '24h').default('15m').describe('Longest wait between two tries.'),
        onRefusal: z
          .enum(
            ['DeadLetter', 'Retry'],
            'must be DeadLetter (set the message aside) or Retry (send it again)',
          )
          .default('DeadLetter')
          .describe('What happens to a message that the receiver answers with AE, AR, CE or CR.'),
      })
      .prefault({})
      .refine((value) => durationMsOrZero(value.initial) <= durationMsOrZero(value.max), {
        path: ['initial'],
        message: 'must not be longer than max',
      }),
    partitions: z
      .int()
      .min(1)
      .max(200)
      .default(12)
      .describe('Partitions of the outbound topic. Fixed for life: more would break the order.'),
  }),
  status: z.unknown().optional(),
});

function durationMsOrZero(text: string): number {
  try {
    return durationToMs(text);
  } catch {
    return 0; // The field's own check says what is wrong with it.
  }
}

export type Destination = z.output<typeof destination>;
