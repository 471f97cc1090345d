/** Validation by a flow's schema. Apart from the other checks: a listener without a schema has no use for it. */
import type { ListenerConfiguration } from '@integration-hub/api';
import type { Message } from '@integration-hub/hl7/messages';
import { builtInSchemaSet, validate, type Finding } from '@integration-hub/hl7/validation';

/** What is wrong with a message. */
export type Validation = (message: Message) => readonly Finding[];

export type Schema = NonNullable<ListenerConfiguration['schema']>;

/**
 * Compiles all structures of a schema set, so that one that can't be used shows now, not with the first message.
 * @throws SchemaError when there is no such schema set, or it can't be used
 */
export function compileValidation(schema: Schema): Validation {
  const set = builtInSchemaSet(schema.set);
  for (const structure of set.structures) set.load(structure);
  return (message) => validate(message, set, schema);
}
