/** Validation by libxml2. Apart from the validator that is compiled, so that this one's memory is only theirs who ask for it. */
import { Message, type ParseOptions } from '../message/message.js';
import { MessageError } from '../message/message-error.js';
import type { ValidationOptions } from './compiled-validator.js';
import type { Finding } from './finding.js';
import { ReferenceValidator } from './reference-validator.js';
import type { SchemaSet } from './schema-set.js';
import { aboutMessage, orUnknown, validate } from './validate.js';

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
