import type { Message } from '../message/message.js';
import type { ValidationOptions } from './compiled-validator.js';
import type { Finding, FindingCode } from './finding.js';
import { SchemaError } from './schema-error.js';
import type { SchemaSet } from './schema-set.js';

/**
 * Validates a message by the schema set of its flow, on its own bytes. It is valid when no finding is an error.
 *
 * @returns everything that is wrong with it (at most MOST_FINDINGS), in the message's order
 * @throws SchemaError SCHEMA_UNREADABLE or SCHEMA_UNSUPPORTED when the set can't be used
 */
export function validate(
  message: Message,
  set: SchemaSet,
  options: ValidationOptions = {},
): readonly Finding[] {
  return orUnknown(() => set.load(set.structureOf(message)).validator.validate(message, options));
}

/** Whether a message with these findings is valid. */
export function isValid(findings: readonly Finding[]): boolean {
  return !findings.some((finding) => finding.severity === 'error');
}

/** What validation finds; where it throws that the set has not the message's structure, a finding that says so. */
export function orUnknown(findings: () => readonly Finding[]): readonly Finding[] {
  try {
    return findings();
  } catch (error) {
    if (!(error instanceof SchemaError) || error.code !== 'STRUCTURE_UNKNOWN') throw error;
    return [aboutMessage('STRUCTURE_UNKNOWN', error.message)];
  }
}

/** A finding about the message as a whole, which is its MSH segment's. */
export function aboutMessage(code: FindingCode, message: string): Finding {
  return {
    severity: 'error',
    code,
    segment: 'MSH',
    segmentIndex: 0,
    field: code === 'STRUCTURE_UNKNOWN' ? 9 : undefined,
    repetition: undefined,
    component: undefined,
    subcomponent: undefined,
    expected: code === 'STRUCTURE_UNKNOWN' ? 'a structure of the schema set' : 'an HL7 v2 message in ER7',
    message,
  };
}
