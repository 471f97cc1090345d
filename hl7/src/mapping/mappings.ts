import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { identity } from './identity.js';
import type { Mapping } from './mapping.js';
import { type MappingProblem, readMapping } from './mapping-file.js';

/** A flow names a mapping that there isn't. */
export class UnknownMappingError extends Error {
  override readonly name = 'UnknownMappingError';
  readonly code = 'UNKNOWN_MAPPING';
}

/** A mapping that can't be used as it is written. Its text has every problem on a line of its own. */
export class BadMappingError extends Error {
  override readonly name = 'BadMappingError';
  readonly code = 'BAD_MAPPING';

  constructor(
    readonly file: string,
    readonly problems: readonly MappingProblem[],
  ) {
    super(problems.map((problem) => problemLine(file, problem)).join('\n'));
  }
}

/** The mappings of a folder, and `identity`, which sends what was received. */
export interface Mappings {
  readonly names: readonly string[];
  /**
   * Compiles a mapping, once.
   *
   * @throws UnknownMappingError that lists the names there are; BadMappingError
   */
  get(name: string): Mapping;
}

const FILES = ['mapping.yaml', 'mapping.js', 'mapping.ts'];

/**
 * Finds the mappings of a folder: each folder in it that holds a mapping.yaml, or in its stead a module mapping.js or
 * mapping.ts that exports a Mapping under the name `mapping`, is one, and its name is the mapping's.
 */
export function openMappings(directory: string): Mappings {
  const files = new Map<string, string>();
  for (const entry of existsSync(directory) ? readdirSync(directory).sort() : []) {
    const file = FILES.map((name) => join(directory, entry, name)).find((path) => existsSync(path));
    if (file !== undefined) files.set(entry, file);
  }
  const compiled = new Map([[identity.name, identity]]);
  const names = [...new Set([identity.name, ...files.keys()])];
  return {
    names,
    get(name) {
      const known = compiled.get(name);
      if (known !== undefined) return known;
      const file = files.get(name);
      if (file === undefined) {
        throw new UnknownMappingError(`There is no mapping "${name}". Use one of: ${names.join(', ')}`);
      }
      const mapping = loadMapping(file);
      compiled.set(name, mapping);
      return mapping;
    },
  };
}

/**
 * Reads and compiles one mapping; its name is that of the folder it is in.
 *
 * @param file path of a mapping.yaml, mapping.js or mapping.ts
 * @throws BadMappingError
 */
export function loadMapping(file: string): Mapping {
  const name = basename(dirname(file));
  if (!file.endsWith('.yaml')) return moduleMapping(file, name);
  const { mapping, problems } = readMapping(name, readFileSync(file, 'utf8'));
  if (mapping === undefined) throw new BadMappingError(file, problems);
  return mapping;
}

/** Finds what is wrong in a mapping.yaml; nothing when it can be used. */
export function lintMapping(file: string): readonly MappingProblem[] {
  return readMapping(basename(dirname(file)), readFileSync(file, 'utf8')).problems;
}

/** A problem as people read it: `mappings/phw/mapping.yaml:12: PID rule 3: …`. */
export function problemLine(file: string, { line, rule, message }: MappingProblem): string {
  return `${file}:${line}: ${rule === '' ? '' : `${rule}: `}${message}`;
}

/** What the hub runs is synchronous, and so is `require`, which takes ES modules too. */
function moduleMapping(file: string, name: string): Mapping {
  const module = createRequire(import.meta.url)(file) as { readonly mapping?: Partial<Mapping> };
  const { mapping } = module;
  const map = mapping?.map;
  if (typeof map === 'function') return { name, map: (message) => map.call(mapping, message) };
  const message =
    'the module must export a Mapping, as in: export const mapping = { name, map: (message) => … }';
  throw new BadMappingError(file, [{ line: 1, rule: '', message }]);
}
