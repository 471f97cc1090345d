/**
 * What the operator writes into the status of resources. It is a report, never an input: reading a resource does not
 * check it, so that an older program reads what a newer operator has written.
 */
import { z } from 'zod';

const time = z.iso.datetime().meta({ format: 'date-time' });
const generation = z
  .int()
  .min(0)
  .meta({ format: 'int64' })
  .describe(
    'The metadata.generation that this was found for; an older one says that a change is not yet seen.',
  );
const count = z.int().min(0).meta({ format: 'int64' });

/** One statement about a resource: Kubernetes' metav1.Condition, field by field. */
export const condition = z
  .strictObject({
    type: z
      .string()
      .max(316)
      .regex(/^[A-Z][A-Za-z]*$/)
      .describe('What the statement is about, such as Ready.'),
    status: z.enum(['True', 'False', 'Unknown']).describe('Whether it is so.'),
    observedGeneration: generation.optional(),
    lastTransitionTime: time.describe('When status last changed.'),
    reason: z
      .string()
      .min(1)
      .max(1_024)
      .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
      .describe('Why it is so, in one word for programs, such as MissingDestination.'),
    message: z.string().max(32_768).describe('Why it is so and what to do, for people.'),
  })
  .describe('One statement about the resource.');

const conditions = (types: string): z.ZodOptional<z.ZodArray<typeof condition>> =>
  z
    .array(condition)
    .max(32)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .optional()
    .describe(`What is so and what is not: ${types}.`);

const zones = z
  .string()
  .max(16)
  .optional()
  .describe('In how many zones every stage has a ready worker, of how many, such as 2/2.');

const report = 'What the operator last found. It is written by the operator alone.';

/** Status of an IntegrationFlow. */
export const flowStatus = z
  .strictObject({
    observedGeneration: generation.optional(),
    conditions: conditions('Ready, TopicsReady, Listening, Delivering and ZoneRedundant'),
    zones,
    replicasPerZone: z
      .int()
      .min(0)
      .meta({ format: 'int32' })
      .optional()
      .describe('Workers of each stage that the operator has asked for in each zone.'),
    counts: z
      .strictObject({
        received: count
          .optional()
          .describe('Messages stored and acknowledged since the flow’s topics were made.'),
        sent: count
          .optional()
          .describe('Of them, those that have left for, or were delivered to, a destination.'),
        backlog: count.optional().describe('Messages that are stored and not yet dealt with.'),
        deadLetters: count.optional().describe('Messages set aside that are kept in the dead-letter topic.'),
      })
      .optional()
      .describe(
        'Messages, counted in Kafka’s offsets. They are renewed every few moments, not at each message.',
      ),
    endpoints: z
      .array(
        z
          .strictObject({
            name: z.string().max(63).describe('Name of the port, such as mllp.'),
            host: z.string().max(253).describe('Host name or address to connect to.'),
            port: z.int().min(1).max(65_535).meta({ format: 'int32' }).describe('TCP port to connect to.'),
          })
          .describe('One address.'),
      )
      .max(32)
      .optional()
      .describe('Where senders of messages connect.'),
  })
  .describe(report);

/** Status of a Destination. */
export const destinationStatus = z
  .strictObject({
    observedGeneration: generation.optional(),
    conditions: conditions('Ready, TopicsReady, Delivering and ZoneRedundant'),
    zones,
    flows: z
      .array(z.string().max(63))
      .max(10_000)
      .meta({ 'x-kubernetes-list-type': 'set' })
      .optional()
      .describe('The IntegrationFlows that name this destination.'),
    counts: z
      .strictObject({
        sent: count
          .optional()
          .describe('Messages that the receiver has acknowledged, or that were set aside.'),
        backlog: count.optional().describe('Messages that wait to be delivered.'),
        deadLetters: count.optional().describe('Messages set aside that are kept in the dead-letter topic.'),
      })
      .optional()
      .describe(
        'Messages, counted in Kafka’s offsets. They are renewed every few moments, not at each message.',
      ),
  })
  .describe(report);

/** Status of a Hub. */
export const hubStatus = z
  .strictObject({
    observedGeneration: generation.optional(),
    conditions: conditions('Ready, KafkaReachable, ZoneRedundant and Archiving'),
    brokers: z
      .int()
      .min(0)
      .meta({ format: 'int32' })
      .optional()
      .describe('Kafka brokers that are reachable.'),
    flows: z
      .int()
      .min(0)
      .meta({ format: 'int32' })
      .optional()
      .describe('IntegrationFlows in the Hub’s namespace.'),
    readyFlows: z
      .int()
      .min(0)
      .meta({ format: 'int32' })
      .optional()
      .describe('Of them, those whose Ready condition is True.'),
  })
  .describe(report);

/** Status of a MessageReplay. */
export const replayStatus = z
  .strictObject({
    observedGeneration: generation.optional(),
    conditions: conditions('Complete'),
    phase: z
      .enum(['Pending', 'Running', 'Paused', 'Cancelled', 'Completed', 'Failed'])
      .optional()
      .describe('Where it is: Pending until the archivist has made its list.'),
    id: z.string().max(36).optional().describe('Its id, for ihub replay.'),
    total: count.optional().describe('Messages that it sends.'),
    done: count.optional().describe('Of them, those that are dealt with.'),
    leftOut: count.optional().describe('Messages that were chosen and can’t be sent.'),
  })
  .describe(report);

export type Condition = z.output<typeof condition>;
export type FlowStatus = z.output<typeof flowStatus>;
export type DestinationStatus = z.output<typeof destinationStatus>;
export type HubStatus = z.output<typeof hubStatus>;
export type ReplayStatus = z.output<typeof replayStatus>;
