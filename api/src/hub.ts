/** `Hub`: the platform in one namespace: which Kafka it uses and which zones it spans. */
import { z } from 'zod';
import { apiVersion, metadata } from './metadata.js';
import { duration } from './quantity.js';

/** The zod schema of a Hub, with every default. */
export const hub = z.strictObject({
  apiVersion: z.literal(apiVersion, `must be ${apiVersion}`),
  kind: z.literal('Hub'),
  metadata,
  spec: z.strictObject({
    kafka: z
      .strictObject({
        bootstrapServers: z
          .array(
            z.string().regex(/^[^\s:]+:[0-9]{1,5}$/, 'must be HOST:PORT, for example kafka-bootstrap:9092'),
          )
          .min(1, 'must name at least one broker'),
        replicationFactor: z
          .int()
          .min(1)
          .max(12)
          .optional()
          .describe('Copies of every record. Absent: two in each zone, and one where no zones are named.'),
        minInsyncReplicas: z
          .int()
          .min(1)
          .max(12)
          .optional()
          .describe('Copies that must exist before an acknowledgement. Absent: more than one zone can hold.'),
        retention: duration('1h', '3650d').default('14d').describe('How long records are kept in topics.'),
      })
      .superRefine((kafka, context) => {
        const { replicationFactor, minInsyncReplicas } = kafka;
        if (minInsyncReplicas === undefined) return;
        if (replicationFactor === undefined || minInsyncReplicas > replicationFactor) {
          context.addIssue({
            code: 'custom',
            path: ['minInsyncReplicas'],
            message: 'needs a replicationFactor that is at least as large',
          });
        }
      }),
    zones: z
      .array(z.string().min(1))
      .max(5)
      .default([])
      .refine((zones) => new Set(zones).size === zones.length, 'must not name a zone twice')
      .describe('The availability zones, by their topology.kubernetes.io/zone label.'),
  }),
  status: z.unknown().optional(),
});

export type Hub = z.output<typeof hub>;
