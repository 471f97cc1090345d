/** From a record of a topic to what the archive keeps of it. */
import { createHash } from 'node:crypto';
import {
  readDeadLetterReason,
  readDescription,
  readEvent,
  readMark,
  type ArchivistConfiguration,
  type DeadLetterMark,
  type MessageDescription,
} from '@integration-hub/api';
import { Message } from '@integration-hub/hl7/messages';
import type { IncomingRecord } from '@integration-hub/kafka';
import { patientIdentifiers, redacted, type StepKind, type StepToWrite } from '@integration-hub/store';

type Settings = Pick<ArchivistConfiguration, 'eventsTopic' | 'contentPolicies'>;

/** @returns undefined where the record says nothing that is kept, or nothing that another record does not say */
export function stepOf(record: IncomingRecord, settings: Settings): StepToWrite | undefined {
  return record.topic === settings.eventsTopic ? stepOfEvent(record) : stepOfMessage(record, settings);
}

/** What only events tell: where a message has ended, and how often it was tried in vain. */
function stepOfEvent(record: IncomingRecord): StepToWrite | undefined {
  const event = readEvent(record.value);
  if (event === undefined) return undefined;
  const { type, error, destinations, duplicateOf, destination = '', replay } = event;
  let kind: StepKind;
  if (type === 'MESSAGE_SENT') kind = 'delivered';
  else if (type === 'MESSAGE_FAILED' && error?.isFinal === false) kind = 'failed';
  else if (type === 'MESSAGE_PROCESSED' && duplicateOf !== undefined) kind = 'duplicate';
  else if (type === 'MESSAGE_PROCESSED' && destinations?.length === 0) kind = 'filtered';
  else return undefined;
  return {
    ...identityOf(record, event),
    kind,
    at: dateOf(event.time, record.timestamp),
    stage: event.stage,
    destination,
    code: error?.code ?? (kind === 'duplicate' ? 'DUPLICATE' : ''),
    reason: error?.reason ?? (kind === 'duplicate' ? `the same message was received at ${duplicateOf}` : ''),
    attempts: error?.attempts ?? 1,
    replayed: replay !== undefined,
    replay: replay ?? '',
    patientIdentifiers: [],
  };
}

/** What a person has done with a dead letter. */
function stepOfMark(record: IncomingRecord, mark: DeadLetterMark): StepToWrite | undefined {
  // Older marks don't say of which message.
  if (mark.correlationId === '') return undefined;
  return {
    ...identityOf(record, mark),
    kind: mark.action === 'dropped' ? 'letter-dropped' : 'letter-replayed',
    at: dateOf(mark.time, record.timestamp),
    stage: '',
    destination: destinationOf(record.topic, mark.stage),
    code: '',
    reason: `by ${mark.who}: ${mark.why}`,
    attempts: 1,
    replayed: false,
    replay: '',
    patientIdentifiers: [],
  };
}

function stepOfMessage(record: IncomingRecord, { contentPolicies }: Settings): StepToWrite | undefined {
  const mark = readMark(record.headers);
  if (mark !== undefined) return stepOfMark(record, mark);
  const kind = kindOf(record);
  if (kind === undefined) return undefined;
  const description = readDescription(record.headers);
  const { flow, controlId } = description;
  const identity = identityOf(record, description);
  const failure = readDeadLetterReason(record.headers);
  const replayed = description.replay !== undefined;
  const message = parsed(record.value, description);
  const isBeginning = kind === 'received' ? !replayed : failure?.origin === '';
  return {
    ...identity,
    kind,
    at:
      failure !== undefined
        ? dateOf(failure.failedTime, record.timestamp)
        : kind === 'received' && !replayed
          ? identity.receivedAt
          : new Date(record.timestamp),
    // As the plan names stages; only dead letters say it.
    stage: failure?.stage ?? `${flow}-${kind === 'received' ? 'listener' : 'transformer'}`,
    destination: destinationOf(record.topic, failure?.stage),
    code: failure?.code ?? '',
    reason: failure?.reason ?? '',
    attempts: failure?.attempts ?? 1,
    replayed,
    replay: description.replay?.id ?? '',
    header: isBeginning ? headerOf(message, flow, controlId) : undefined,
    patientIdentifiers: message === undefined ? [] : patientIdentifiers(message),
    ...keptOf(contentPolicies[flow] ?? 'Redacted', message, record, description),
  };
}

function kindOf({ headers }: IncomingRecord): 'received' | 'transformed' | 'dead-letter' | undefined {
  const type = headers['ce_type']?.toString() ?? '';
  return (['received', 'transformed', 'dead-letter'] as const).find(
    (kind) => type === `dev.integrationhub.message.${kind}.v1`,
  );
}

/** What is the same for all steps of a message, and what tells this one from the others. */
function identityOf(
  { topic, partition, offset, timestamp }: IncomingRecord,
  about: Pick<MessageDescription, 'correlationId' | 'receivedTime'>,
): Pick<StepToWrite, 'correlationId' | 'receivedAt' | 'origin'> {
  const origin = `${topic}/${partition}/${offset}`;
  const isOurs = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(about.correlationId);
  return {
    correlationId: isOurs ? about.correlationId : idFor(origin),
    receivedAt: dateOf(about.receivedTime, timestamp),
    origin,
  };
}

/** For a record that another tool has written: the same whenever it is read. */
function idFor(origin: string): string {
  const hex = createHash('sha256').update(origin).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}

function dateOf(text: string, otherwise: number): Date {
  const date = /^20\d\d-/.test(text) ? new Date(text) : new Date(NaN);
  return Number.isNaN(date.getTime()) ? new Date(otherwise) : date;
}

function parsed(bytes: Buffer, { contentType }: MessageDescription): Message | undefined {
  const charset = /charset=(.+)$/.exec(contentType)?.[1];
  try {
    return Message.parse(bytes, { defaultCharset: charset });
  } catch {
    // Rejected for that, and kept as a dead letter. It can be found, but not by what is in it.
    return undefined;
  }
}

function headerOf(message: Message | undefined, flow: string, controlId: string): StepToWrite['header'] {
  const type = message === undefined ? [] : [message.messageCode, message.trigger];
  return {
    flow,
    controlId,
    messageType: type.filter((text) => text !== '').join('^'),
    sendingApplication: message?.sendingApplication ?? '',
  };
}

function destinationOf(topic: string, failedStage: string | undefined): string {
  const [, , owner = '', what] = topic.split('.');
  if (what === 'outbound') return owner;
  return failedStage === `${owner}-sender` ? owner : '';
}

function keptOf(
  policy: 'None' | 'Redacted' | 'Full',
  message: Message | undefined,
  { value, key }: IncomingRecord,
  { contentType, traceparent, healthBoard, peer }: MessageDescription,
): Pick<StepToWrite, 'content' | 'envelope'> {
  if (policy === 'Full')
    return {
      content: { bytes: value, policy },
      envelope: { key, contentType, traceparent, healthBoard, peer },
    };
  if (policy === 'None' || message === undefined) return { content: undefined };
  return { content: { bytes: redacted(message), policy } };
}
