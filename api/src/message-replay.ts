/** `MessageReplay`: messages of the archive that are sent again, once. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { immutable, immutableFields, textMatching, withRule } from './cel-rule.js';
import { apiVersion, metadata, resourceName } from './metadata.js';

const oneLine = (longest: number): z.ZodString =>
  textMatching(/^[^\n\r]*[^\s][^\n\r]*$/, longest, 'must be one line of text, and not empty');

const time = textMatching(
  /^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/,
  20,
  'must be a time in UTC such as 2026-11-20T09:00:00Z',
);

const criteria = z.strictObject({
  flow: resourceName.optional().describe('Messages of this IntegrationFlow.'),
  messageType: oneLine(20).optional().describe('Of this type: MSH-9.1 and 9.2, such as ADT^A31.'),
  controlId: oneLine(199).optional().describe('With this MSH-10.'),
  from: time.optional().describe('Received then or later.'),
  until: time.optional().describe('Received before.'),
  correlationIds: z
    .array(
      textMatching(
        /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
        36,
        'must be a correlation id, such as 0b5f7f0e-3a6e-4b43-9f0e-0f6c3d2e1a00',
      ),
    )
    .min(1)
    .max(1_000)
    .optional()
    .describe('One of these.'),
});

const selection = withRule(
  withRule(criteria, {
    cel: 'has(self.flow) || has(self.messageType) || has(self.controlId) || has(self.from) || has(self.until) || has(self.correlationIds)',
    holds: (chosen) => Object.values(chosen).some((value) => value !== undefined),
    message: 'must not be empty, which would be every message of the archive: say which, at least from when',
  }),
  {
    cel: '!has(self.from) || !has(self.until) || self.from < self.until',
    holds: ({ from, until }) => from === undefined || until === undefined || from < until,
    message: 'must be later than from',
    field: 'until',
  },
);

const onRecord = 'can’t be changed: it is on record';
const madeOnce = 'can’t be changed: the list is made once; make another MessageReplay';

const spec = immutableFields(
  withRule(
    z.strictObject({
      selection: immutable(selection, madeOnce).describe(
        'Which messages; all that is given must hold. The list is made once, when the replay starts.',
      ),
      stage: immutable(
        z.enum(
          ['Received', 'Outbound'],
          'must be Received (through the mapping again) or Outbound (as it was written for its destination)',
        ),
        madeOnce,
      )
        .default('Received')
        .describe(
          'From where they go their way again: Received, through their flow’s mapping and conditions; Outbound, as they were written for their destination.',
        ),
      of: resourceName
        .optional()
        .describe('With stage Outbound: only what was written for this Destination.'),
      to: resourceName
        .optional()
        .describe('The Destination to send to in place of where they went, as they are. Absent: there.'),
      reason: immutable(oneLine(500), onRecord).describe('Why, for the record.'),
      requestedBy: immutable(oneLine(100), onRecord).describe('Who wants it, for the record.'),
      ratePerSecond: z
        .int()
        .min(1)
        .max(100_000)
        .meta({ format: 'int32' })
        .optional()
        .describe('Messages a second at most. Absent: as fast as Kafka takes them.'),
      paused: z.boolean().default(false).describe('Whether it waits.'),
      cancelled: z
        .boolean()
        .default(false)
        .describe('Ends it; what it has sent is sent. It can’t be taken back.'),
    }),
    {
      cel: "!has(self.of) || self.stage == 'Outbound'",
      holds: ({ of, stage }) => of === undefined || stage === 'Outbound',
      message: 'needs stage Outbound: what was received was received for no destination',
      field: 'of',
    },
  ),
  ['of', 'to', 'ratePerSecond'],
  madeOnce,
);

/** The zod schema of a MessageReplay, with every default. */
export const messageReplay = z
  .strictObject({
    apiVersion: z.literal(apiVersion, `must be ${apiVersion}`),
    kind: z.literal('MessageReplay'),
    metadata,
    spec: spec.describe('What is sent again. Once it is applied only paused and cancelled can be changed.'),
    status: z.unknown().optional(),
  })
  .describe('Messages of the archive that are sent again, once.');

/** A MessageReplay with every default filled in. */
export type MessageReplay = z.output<typeof messageReplay>;

/** What is asked of whoever runs replays, as a record of `ihub.<namespace>.replays`. */
export const replayRequest = z.object({
  version: z.literal(1),
  id: z.uuid(),
  name: z.string(),
  namespace: z.string(),
  spec,
});

export type ReplayRequest = z.output<typeof replayRequest>;

/**
 * The id of the replay that a MessageReplay asks for: the same for the same namespace, name and content. So a resource
 * that is deleted and made again, as from Git after a disaster, does not send everything again.
 *
 * @returns a UUID of version 8: of one's own making (RFC 9562, section 5.8)
 */
export function replayIdOf({ metadata: { namespace, name }, spec }: MessageReplay): string {
  const { flow, messageType, controlId, from, until, correlationIds } = spec.selection;
  const { stage, of, to, reason, requestedBy } = spec;
  // A later version may add to these only what is absent where it is not given: else it would make other ids.
  const content = [
    ...['MessageReplay', namespace, name, flow, messageType, controlId, from, until, correlationIds],
    ...[stage, of, to, reason, requestedBy],
  ];
  const hex = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join('-');
}

/** The key of a request. */
export function replayRequestKey(id: string): Buffer {
  return Buffer.from(`request/${id}`);
}

/** Writes a request; the same for the same resource. */
export function replayRequestValue(replay: MessageReplay): Buffer {
  const { metadata, spec } = replay;
  const { name, namespace } = metadata;
  const request: ReplayRequest = { version: 1, id: replayIdOf(replay), name, namespace, spec };
  return Buffer.from(JSON.stringify(request));
}

/** Reads a request; undefined where the record is none, or of a later version. */
export function readReplayRequest(value: Buffer): ReplayRequest | undefined {
  try {
    return replayRequest.safeParse(JSON.parse(value.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
