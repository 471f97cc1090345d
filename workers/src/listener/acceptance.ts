/** The checks that a listener makes of a message before it stores it, in the order of mission and flow. */
import type { ListenerConfiguration } from '@integration-hub/api';
import { compileCondition, ConditionError } from '@integration-hub/hl7/conditions';
import { Message, MessageError, SegmentOccurrences, type ErrorReport } from '@integration-hub/hl7/messages';
import type { Finding, FindingCode } from '@integration-hub/hl7/validation';
import type { Validation } from './validation.js';

/** Why a message is not accepted. */
export interface Rejection {
  /** Stable code. */
  readonly code: string;
  /** A sentence for the sender and the log, without patient data. */
  readonly reason: string;
  /** MSA-1: AR where the message is of a kind this flow doesn't take, AE where its content is wrong. */
  readonly acknowledgement: 'AE' | 'AR';
  readonly errors: readonly ErrorReport[];
}

export type Verdict = Accepted | Rejected;

export interface Accepted {
  readonly message: Message;
  readonly rejection?: undefined;
}

export interface Rejected {
  /** Absent where the bytes can't be read as a message at all. */
  readonly message?: Message;
  readonly rejection: Rejection;
}

/**
 * What messages that are meant have is far from it, and one that has four times as many keeps all other connections waiting
 * for a tenth of a second.
 */
const MOST_SEGMENTS = 25_000;

/** HL7 table 0357, message error condition codes. */
const condition = {
  requiredFieldMissing: '101',
  dataTypeError: '102',
  unsupportedVersion: '203',
  applicationError: '207',
} as const;

function reject(
  code: string,
  reason: string,
  acknowledgement: 'AE' | 'AR',
  conditionCode: string,
  location?: string,
): Rejection {
  const error = { code: conditionCode, text: reason, ...(location !== undefined && { location }) };
  return { code, reason, acknowledgement, errors: [error] };
}

/**
 * Compiles a flow's checks.
 * @param validation by its schema, of `compileValidation`; undefined where the flow has none
 * @returns a function from a message's bytes to its verdict; it never throws
 * @throws ConditionError when a rule's expression is wrong
 */
export function compileAcceptance(
  configuration: Pick<ListenerConfiguration, 'accept' | 'charset'>,
  validation: Validation | undefined,
): (bytes: Buffer) => Verdict {
  const { accept, charset } = configuration;
  const rules = accept.rules.map((rule) => ({ ...rule, matches: compileCondition(rule.when) }));

  function check(message: Message): Rejection | undefined {
    if (message.controlId === '') {
      const reason = 'MSH-10 is empty; a message control id is required, for its acknowledgement to name';
      return reject('MISSING_CONTROL_ID', reason, 'AE', condition.requiredFieldMissing, 'MSH-10');
    }
    if (accept.versions && !accept.versions.includes(message.version)) {
      const reason = `MSH-12 is not a version that this flow takes; expected ${accept.versions.join(' or ')}`;
      return reject('WRONG_VERSION', reason, 'AR', condition.unsupportedVersion, 'MSH-12');
    }
    if (accept.sendingApplications && !accept.sendingApplications.includes(message.sendingApplication)) {
      const expected = accept.sendingApplications.join(' or ');
      const reason = `MSH-3 is not a sending application that this flow takes; expected ${expected}`;
      return reject('WRONG_SENDING_APPLICATION', reason, 'AR', condition.applicationError, 'MSH-3');
    }
    for (const rule of rules) {
      if (rule.matches(message)) {
        return reject('RULE', `${rule.name}: ${rule.message}`, 'AE', condition.applicationError);
      }
    }
    const errors = (validation?.(message) ?? []).filter(({ severity }) => severity === 'error');
    return errors.length === 0 ? undefined : invalid(message, errors);
  }

  return (bytes) => {
    let message: Message;
    try {
      message = Message.parse(bytes, { defaultCharset: charset, mostSegments: MOST_SEGMENTS });
    } catch (error) {
      if (error instanceof MessageError) {
        return { rejection: reject(error.code, error.message, 'AE', condition.dataTypeError) };
      }
      throw error;
    }
    try {
      const rejection = check(message);
      return rejection ? { message, rejection } : { message };
    } catch (error) {
      // A rule that can't be answered for this message must not let it through.
      if (!(error instanceof ConditionError)) throw error;
      return { message, rejection: reject(error.code, error.message, 'AE', condition.applicationError) };
    }
  };
}

/** Findings that a reason names; an AE reports all of them. */
const namedFindings = 5;

function invalid(message: Message, errors: readonly Finding[]): Rejection {
  const named = errors.slice(0, namedFindings).map((finding) => finding.message);
  if (errors.length > named.length) named.push(`and ${errors.length - named.length} more`);
  const unknown = errors[0]?.code === 'STRUCTURE_UNKNOWN';
  const occurrences = new SegmentOccurrences(message);
  return {
    code: 'INVALID',
    reason: named.join('; '),
    acknowledgement: unknown ? 'AR' : 'AE',
    errors: errors.map((finding) => ({
      code: conditionOf[finding.code],
      text: finding.message,
      location: occurrences.pathOf(finding),
    })),
  };
}

const conditionOf: Readonly<Record<FindingCode, string>> = {
  NOT_PARSED: '102',
  STRUCTURE_UNKNOWN: '200',
  SEGMENT_MISSING: '100',
  SEGMENT_UNEXPECTED: '100',
  SEGMENT_UNKNOWN: '100',
  VALUE_MISSING: '101',
  FIELD_REPEATED: '102',
  NOT_ALLOWED: '102',
  VALUE_INVALID: '102',
  CHARACTER_INVALID: '102',
  TOO_LONG: '102',
  NOT_IN_TABLE: '103',
  BEYOND_DEFINITION: '102',
  UNEXPECTED_PARTS: '102',
};
