/**
 * Mapping tests as files: `mappings/<name>/tests/<case>/in.hl7` with `out.hl7`, or with `error`. A file `charset` names
 * the character set of messages whose MSH-18 is empty, as a flow does.
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  BadMappingError,
  lintMapping,
  loadMapping,
  type Mapping,
  type MappingProblem,
  Message,
  type ParseOptions,
  type Difference,
  messageDifference,
} from '@integration-hub/hl7';

/** A mapping and its test cases, as they were found. */
export interface TestedMapping {
  readonly name: string;
  /** Path of its mapping.yaml or module. */
  readonly file: string;
  /** Paths of the folders of its cases. */
  readonly cases: readonly string[];
}

/** What became of one case. */
export interface CaseResult {
  /** Path of its folder. */
  readonly folder: string;
  readonly passed: boolean;
  /** Whether its out.hl7 was written anew. */
  readonly updated: boolean;
  /** Where the message that came out is not as expected. */
  readonly differences: readonly Difference[];
  /** What is wrong besides: an error where a message is expected, a missing file. */
  readonly problem?: string;
}

/** A mapping's mistakes, which keep it from being run, and the results of its cases. */
export interface MappingResult {
  readonly problems: readonly MappingProblem[];
  readonly results: readonly CaseResult[];
}

const MAPPING_FILES = ['mapping.yaml', 'mapping.js', 'mapping.ts'];

/**
 * Finds mappings and their test cases.
 *
 * @param path a folder of mappings, the folder of one, its mapping file, its folder `tests`, or a single case
 * @returns none when there is no mapping
 */
export function findMappingTests(path: string): TestedMapping[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) {
    return MAPPING_FILES.includes(basename(path)) ? mappingIn(dirname(path)) : [];
  }
  const own = mappingIn(path);
  if (own.length > 0) return own;
  if (basename(path) === 'tests') return mappingIn(dirname(path));
  if (basename(dirname(path)) === 'tests') {
    return mappingIn(dirname(dirname(path))).map((mapping) => ({ ...mapping, cases: [path] }));
  }
  return foldersIn(path).flatMap(mappingIn);
}

/** Checks a mapping and runs its cases. `update` writes each out.hl7 that differs, or that is not there yet, anew. */
export function runMappingTests({ file, cases }: TestedMapping, update: boolean): MappingResult {
  const problems = file.endsWith('.yaml') ? lintMapping(file) : [];
  if (problems.length > 0) return { problems, results: [] };
  let mapping: Mapping;
  try {
    mapping = loadMapping(file);
  } catch (error) {
    if (error instanceof BadMappingError) return { problems: error.problems, results: [] };
    throw error;
  }
  return { problems, results: cases.map((folder) => runCase(mapping, folder, update)) };
}

function mappingIn(folder: string): TestedMapping[] {
  const file = MAPPING_FILES.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (file === undefined) return [];
  return [{ name: basename(folder), file, cases: foldersIn(join(folder, 'tests')) }];
}

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  return folders.map(({ name }) => join(folder, name)).sort();
}

/** What a mapping makes of a message: another one, or an error with its code. */
type Outcome = { readonly bytes: Buffer } | { readonly code: string; readonly message: string };

function runCase(mapping: Mapping, folder: string, update: boolean): CaseResult {
  const result = { folder, passed: false, updated: false, differences: [] };
  const [input, output, error, charset] = ['in.hl7', 'out.hl7', 'error', 'charset'].map((name) =>
    join(folder, name),
  );
  const options = existsSync(charset!) ? { defaultCharset: readFileSync(charset!, 'utf8').trim() } : {};
  if (!existsSync(input!)) return { ...result, problem: 'in.hl7 is missing: put the message to map there' };
  const outcome = outcomeOf(mapping, readFileSync(input!), options);
  if (existsSync(error!)) {
    const problem = existsSync(output!)
      ? 'there are both out.hl7 and error, and one of them is right: delete the other'
      : errorProblem(readFileSync(error!, 'utf8'), outcome);
    return problem === undefined ? { ...result, passed: true } : { ...result, problem };
  }
  if (!('bytes' in outcome)) {
    const problem = `a message is expected, and there is an error: ${outcome.code}: ${outcome.message}`;
    return { ...result, problem };
  }
  const expected = existsSync(output!) ? readFileSync(output!) : undefined;
  if (expected?.equals(outcome.bytes)) return { ...result, passed: true };
  if (update) {
    writeFileSync(output!, outcome.bytes);
    return { ...result, passed: true, updated: true };
  }
  if (expected !== undefined) {
    return { ...result, differences: messageDifference(expected, outcome.bytes, options) };
  }
  const problem =
    'neither out.hl7 nor error says what is expected: write one of them, or --update and read what it has written';
  return { ...result, problem };
}

function outcomeOf(mapping: Mapping, input: Buffer, options: ParseOptions): Outcome {
  try {
    const bytes = mapping.map(Message.parse(input, options));
    // What the next reader can't read is no right message: bytes of a character set that MSH-18 doesn't name, say.
    Message.parse(bytes, options);
    return { bytes };
  } catch (error) {
    const { code = 'no code', message } = error as Error & { code?: string };
    return { code, message };
  }
}

/** An error file has the code on its first line, and on the second a text that the error's own must have in it. */
function errorProblem(file: string, outcome: Outcome): string | undefined {
  const [code = '', text = ''] = file.split(/\r?\n/).map((line) => line.trim());
  if (code === '') return 'the error file is empty: write the code of the error on its first line';
  if ('bytes' in outcome) return `the error ${code} is expected, and there is a message`;
  if (outcome.code !== code) {
    return `the error ${code} is expected, and it is ${outcome.code}: ${outcome.message}`;
  }
  if (outcome.message.includes(text)) return undefined;
  return `the error should have "${text}" in its text, which is: ${outcome.message}`;
}
