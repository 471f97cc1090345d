/** What the archive keeps: messages, and what became of each, step by step. */

/** How much of a message's content a flow lets be kept. */
export type ContentPolicy = 'None' | 'Redacted' | 'Full';

/**
 * What became of a message. received: stored and acknowledged. transformed: mapped for a destination. filtered: no
 * destination wanted it. duplicate: dropped, since the same message had come before. delivered: the receiver has
 * acknowledged it. failed: a try to deliver did not succeed.
 * dead-letter: set aside. letter-replayed, letter-dropped: what a person has done with that; the reason says who and why.
 */
export type StepKind =
  | 'received'
  | 'transformed'
  | 'filtered'
  | 'duplicate'
  | 'delivered'
  | 'failed'
  | 'dead-letter'
  | 'letter-replayed'
  | 'letter-dropped';

/** Steps that most messages do not have: by these they are found at once, however many others there are. */
export type NotableStep = Extract<
  StepKind,
  'filtered' | 'duplicate' | 'failed' | 'dead-letter' | 'letter-dropped'
>;

/** By what a message is searched; of its header as it was received. */
export interface MessageHeader {
  readonly flow: string;
  /** MSH-10. */
  readonly controlId: string;
  /** MSH-9.1 and 9.2, as `ADT^A31`. */
  readonly messageType: string;
  /** MSH-3.1. */
  readonly sendingApplication: string;
}

/** One step on a message's road. */
export interface ArchivedStep {
  /** A UUID; the same on the whole road. */
  readonly correlationId: string;
  /** When the listener had the message; the same on the whole road. */
  readonly receivedAt: Date;
  readonly kind: StepKind;
  /** Where in Kafka it was read, as topic/partition/offset: what is read again is not kept again. */
  readonly origin: string;
  readonly at: Date;
  /** Such as phw-to-mpi-listener; '' where the record does not say. */
  readonly stage: string;
  /** '' before a destination is chosen. */
  readonly destination: string;
  /** Of what failed: a stable code, and a sentence without patient data. '' else. */
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  /** Whether a person has sent the message again. */
  readonly replayed: boolean;
  /** The id of the replay that the step is part of; '' where it is none's. */
  readonly replay: string;
}

/** A step as it is written: with what its record's message has to say. */
export interface StepToWrite extends ArchivedStep {
  /** Of the step that a message begins with. */
  readonly header?: MessageHeader | undefined;
  /** Of the record's message: by these it is found. */
  readonly patientIdentifiers: readonly string[];
  /** As the policy lets it be kept; absent: nothing is. */
  readonly content?: { readonly bytes: Buffer; readonly policy: 'Redacted' | 'Full' } | undefined;
  /** Of a record whose content is kept in full. */
  readonly envelope?: Envelope | undefined;
}

/** What a record had beside its message, to be written again as it was. */
export interface Envelope {
  /** The record's key, by which messages are kept in order; it may be an identifier of a patient. */
  readonly key: Buffer | null;
  /** Such as `x-application/hl7-v2+er7; charset=utf-8`. */
  readonly contentType: string;
  /** W3C `traceparent`. */
  readonly traceparent: string;
  /** Labels of metrics; empty where the flow says none. */
  readonly healthBoard: string;
  readonly peer: string;
}

/** The day of a message, by which it is kept: 2026-11-21, UTC. */
export function dayOf(receivedAt: Date): string {
  return receivedAt.toISOString().slice(0, 10);
}
