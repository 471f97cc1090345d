/** Validation as each flow wants it, by libxml2 too; a process that loads this holds that. */
import { builtInSchemaSet, validateByReference } from '@integration-hub/hl7';
import { compileValidation, type Schema, type Validation } from './validation.js';

/**
 * As `compileValidation`, and by libxml2 where the schema says so.
 * @returns undefined where a flow has no schema
 * @throws SchemaError when there is no such schema set, or it can't be used
 */
export function compileAnyValidation(schema: Schema | null): Validation | undefined {
  if (schema === null) return undefined;
  const compiled = compileValidation(schema);
  if (!schema.onlyReference) return compiled;
  const set = builtInSchemaSet(schema.set);
  return (message) => validateByReference(message, set);
}
