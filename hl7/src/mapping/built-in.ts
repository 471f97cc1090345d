import { identity } from './identity.js';
import type { Mapping } from './mapping.js';
import { phw } from './phw.js';

const mappings = new Map([identity, phw].map((mapping) => [mapping.name, mapping]));

/** The names of the mappings that come with the hub. */
export const builtInMappingNames: readonly string[] = [...mappings.keys()];

/** A flow names a mapping that does not come with the hub. */
export class UnknownMappingError extends Error {
  override readonly name = 'UnknownMappingError';
  readonly code = 'UNKNOWN_MAPPING';
}

/**
 * Finds a mapping that comes with the hub.
 *
 * @throws UnknownMappingError that lists the names there are
 */
export function builtInMapping(name: string): Mapping {
  const mapping = mappings.get(name);
  if (mapping !== undefined) return mapping;
  throw new UnknownMappingError(
    `There is no mapping "${name}". Use one of: ${builtInMappingNames.join(', ')}`,
  );
}
