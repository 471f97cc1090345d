/** Validation by a flow's schema. Apart from the other checks, so that a listener without a schema loads no libxml2. */
import type { ListenerConfiguration } from '@integration-hub/api';
import {
  builtInSchemaSet,
  validate,
  validateByReference,
  type Finding,
  type Message,
} from '@integration-hub/hl7';

/** What is wrong with a message. */
export type Validation = (message: Message) => readonly Finding[];

/**
 * Compiles all structures of a schema set, so that one that can't be used shows now, not with the first message.
 * @throws SchemaError when there is no such schema set, or it can't be used
 */
export function compileValidation(schema: NonNullable<ListenerConfiguration['schema']>): Validation {
  const set = builtInSchemaSet(schema.set);
  for (const structure of set.structures) set.load(structure);
  return schema.onlyReference
    ? (message) => validateByReference(message, set)
    : (message) => validate(message, set, schema);
}
