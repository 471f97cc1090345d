import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { ConditionError } from '../condition.js';
import type { Message } from '../message/message.js';
import { MessageError } from '../message/message-error.js';
import { identity } from './identity.js';
import { type Mapping, MappingError } from './mapping.js';
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
    if (entry.startsWith('.')) continue; // Kubernetes keeps what it mounts in a hidden folder beside.
    const file = FILES.map((name) => join(directory, entry, name)).find((path) => existsSync(path));
    if (file !== undefined) files.set(entry, file);
  }
  const compiled = new Map([[identity.name, identity]]);
  const names = [...new Set([identity.name, ...files.keys()])];
  return {
    names,
    get(name) {
      const taken = name === identity.name ? files.get(name) : undefined;
      if (taken !== undefined) {
        const message =
          'the mapping identity is built in, and sends what was received: give this one another name';
        throw new BadMappingError(taken, [{ line: 1, rule: '', message }]);
      }
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
  const { mapping, problems } = readMapping(name, textOf(file), dirname(file));
  if (mapping === undefined) throw new BadMappingError(file, problems);
  return mapping;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const message = `the file can not be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`;
    throw new BadMappingError(file, [{ line: 1, rule: '', message }]);
  }
}

/** Finds what is wrong in a mapping; nothing when it can be used. */
export function lintMapping(file: string): readonly MappingProblem[] {
  try {
    loadMapping(file);
    return [];
  } catch (error) {
    if (error instanceof BadMappingError) return error.problems;
    throw error;
  }
}

/** A problem as people read it: `mappings/phw/mapping.yaml:12: PID rule 3: …`. */
export function problemLine(
  mapping: string,
  { file = mapping, line, rule, message }: MappingProblem,
): string {
  return `${file}:${line}: ${rule === '' ? '' : `${rule}: `}${message}`;
}

/** What the hub runs is synchronous, and so is `require`, which takes ES modules and TypeScript too. */
function moduleMapping(file: string, name: string): Mapping {
  const bad = (message: string): BadMappingError =>
    new BadMappingError(file, [{ line: 1, rule: '', message }]);
  let module: { readonly mapping?: Partial<Mapping> };
  try {
    module = createRequire(import.meta.url)(resolve(file)) as typeof module;
  } catch (error) {
    throw bad(`the module can not be loaded: ${(error as Error).message}`);
  }
  const { mapping } = module;
  if (typeof mapping?.map !== 'function') {
    throw bad(
      'the module must export a Mapping, as in: export const mapping = { name, map: (message) => … }',
    );
  }
  return { name, map: (message) => mappedBy(mapping as Mapping, name, message) };
}

/** Makes MappingErrors of all that a module throws, for whatever else is thrown ends the transformer. */
function mappedBy(mapping: Mapping, name: string, message: Message): Buffer {
  let made: unknown;
  try {
    made = mapping.map(message);
  } catch (error) {
    if (error instanceof MappingError || error instanceof MessageError || error instanceof ConditionError)
      throw error;
    // Where the module can't import the class, an error that says it is one does as well.
    if (error instanceof Error && error.name === 'MappingError') {
      const { code, path } = error as { readonly code?: unknown; readonly path?: unknown };
      throw new MappingError(
        typeof code === 'string' ? code : 'MAPPING_FAILED',
        typeof path === 'string' ? path : '',
        error.message,
      );
    }
    // Not its text, which may hold what the message holds.
    const kind = error instanceof Error ? error.name : typeof error;
    throw new MappingError(
      'MAPPING_FAILED',
      '',
      `The module of the mapping ${name} failed (${kind}): mend it`,
    );
  }
  if (Buffer.isBuffer(made)) return made;
  throw new MappingError(
    'MAPPING_FAILED',
    '',
    `The module of the mapping ${name} must give a Buffer: mend it`,
  );
}
