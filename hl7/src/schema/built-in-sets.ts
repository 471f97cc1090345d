import { fileURLToPath } from 'node:url';
import { SchemaSet, SchemaSets } from './schema-set.js';

/** Where the schema sets that come with the hub are. */
export const BUILT_IN_SCHEMAS = fileURLToPath(new URL('../../../schemas', import.meta.url));

let sets: SchemaSets | undefined;

/**
 * Finds a schema set that comes with the hub.
 *
 * @throws SchemaError SET_UNKNOWN that lists the sets there are
 */
export function builtInSchemaSet(name: string): SchemaSet {
  sets ??= SchemaSets.open(BUILT_IN_SCHEMAS);
  return sets.get(name);
}
