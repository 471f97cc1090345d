import { fileURLToPath } from 'node:url';
import type { Mapping } from './mapping.js';
import { type Mappings, openMappings } from './mappings.js';

const opened = new Map<string, Mappings>();

/** The mappings that come with the hub: the folder `mappings/` beside this package's. */
export const builtInMappingsDirectory = fileURLToPath(new URL('../../../mappings', import.meta.url));

/**
 * Finds a mapping, compiled once a process.
 *
 * @param directory a folder of mappings instead of those that come with the hub
 * @throws UnknownMappingError that lists the names there are; BadMappingError
 */
export function builtInMapping(name: string, directory: string = builtInMappingsDirectory): Mapping {
  let mappings = opened.get(directory);
  if (mappings === undefined) opened.set(directory, (mappings = openMappings(directory)));
  return mappings.get(name);
}
