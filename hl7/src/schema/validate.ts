import { Message, type ParseOptions } from '../message/message.js';
import { MessageError } from '../message/message-error.js';
import type { ValidationOptions } from './compiled-validator.js';
import type { Finding, FindingCode } from './finding.js';
import { ReferenceValidator } from './reference-validator.js';
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

const references = new WeakMap<SchemaSet, ReferenceValidator>();

/**
 * Validates a message by the schema set of its flow, as XML and by libxml2. It finds the same messages valid as
 * `validate` does, without its warnings; lengths and tables, which are not in the XSDs' reach, it leaves alone.
 *
 * @throws SchemaError SCHEMA_UNREADABLE or SCHEMA_UNSUPPORTED when the set can't be used
 */
export function validateByReference(message: Message, set: SchemaSet): readonly Finding[] {
  let reference = references.get(set);
  if (reference === undefined) references.set(set, (reference = new ReferenceValidator(set)));
  const validator = reference;
  return orUnknown(() => validator.validate(message));
}

/** Whether a message with these findings is valid. */
export function isValid(findings: readonly Finding[]): boolean {
  return !findings.some((finding) => finding.severity === 'error');
}

/**
 * Validates what should be a message, as `ihub validate` does with a file.
 *
 * @param bytes without MLLP framing
 * @param options `onlyReference`: by libxml2
 */
export function validateBytes(
  bytes: Buffer,
  set: SchemaSet,
  options: ValidationOptions & ParseOptions & { readonly onlyReference?: boolean } = {},
): readonly Finding[] {
  let message: Message;
  try {
    message = Message.parse(bytes, options);
  } catch (error) {
    if (error instanceof MessageError) return [aboutMessage('NOT_PARSED', error.message)];
    throw error;
  }
  return options.onlyReference === true ? validateByReference(message, set) : validate(message, set, options);
}

function orUnknown(findings: () => readonly Finding[]): readonly Finding[] {
  try {
    return findings();
  } catch (error) {
    if (!(error instanceof SchemaError) || error.code !== 'STRUCTURE_UNKNOWN') throw error;
    return [aboutMessage('STRUCTURE_UNKNOWN', error.message)];
  }
}

/** A finding about the message as a whole, which is its MSH segment's. */
function aboutMessage(code: FindingCode, message: string): Finding {
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
