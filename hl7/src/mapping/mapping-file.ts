import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, isMap, isNode, isSeq, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { compileMapping } from './compile.js';
import type { Table } from './conversion.js';
import { mappingDefinition, tableDefinition } from './definition.js';
import type { Mapping } from './mapping.js';

/** Something wrong in a mapping. */
export interface MappingProblem {
  /** The file of a table; absent when it is the mapping's own. */
  readonly file?: string;
  /** From 1. */
  readonly line: number;
  /** Where in the mapping, as in `PID rule 3`; '' for the file as a whole. */
  readonly rule: string;
  /** What is wrong, and what to write instead. */
  readonly message: string;
}

type Path = readonly PropertyKey[];
type Report = (path: Path, message: string) => void;

/**
 * Reads and compiles the text of a mapping.yaml.
 *
 * @param folder where the files of its tables are
 * @returns the mapping, or undefined when there are problems
 */
export function readMapping(
  name: string,
  text: string,
  folder: string,
): { readonly mapping: Mapping | undefined; readonly problems: readonly MappingProblem[] } {
  const problems: MappingProblem[] = [];
  const document = readYaml(text, (problem) => problems.push(problem));
  if (document === undefined) return { mapping: undefined, problems };
  const report: Report = (path, message) => {
    const line = document.lineOf(path);
    // What is wrong with several segments that are listed together is wrong once.
    if (problems.some((known) => known.line === line && known.message === message)) return;
    problems.push({ line, rule: ruleOf(path), message });
  };
  const definition = checked(mappingDefinition, document, report);
  let mapping: Mapping | undefined;
  if (definition !== undefined) {
    const tables: Record<string, Table> = {};
    for (const [table, given] of Object.entries(definition.tables ?? {})) {
      tables[table] =
        typeof given === 'string'
          ? tableIn(join(folder, given), ['tables', table], report, (problem) => problems.push(problem))
          : given;
    }
    if (problems.length > 0) return { mapping, problems };
    mapping = compileMapping(name, definition, tables, (path, error) => {
      report(path, error instanceof Error ? error.message : String(error));
    });
  }
  problems.sort((a, b) => (a.file ?? '').localeCompare(b.file ?? '') || a.line - b.line);
  return { mapping: problems.length === 0 ? mapping : undefined, problems };
}

/** The table in a file of its own; an empty one when there are problems. */
function tableIn(file: string, path: Path, report: Report, add: (problem: MappingProblem) => void): Table {
  const inFile = (problem: MappingProblem): void => add({ ...problem, file, rule: String(path.at(-1)) });
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    report(
      path,
      `the file can not be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}): ${file}`,
    );
    return {};
  }
  const document = readYaml(text, inFile);
  if (document === undefined) return {};
  return (
    checked(tableDefinition, document, (within, message) => {
      inFile({ line: document.lineOf(within), rule: '', message });
    }) ?? {}
  );
}

interface Yaml {
  readonly value: unknown;
  readonly has: (path: Path) => boolean;
  /** The line, from 1, of what stands at a path, or of the innermost thing around it that there is. */
  readonly lineOf: (path: Path) => number;
}

function readYaml(text: string, add: (problem: MappingProblem) => void): Yaml | undefined {
  const lines = new LineCounter();
  // Failsafe: every scalar is a text, so that 2.50, 0103 and null stay as they were written.
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines, prettyErrors: false });
  // The first only: those behind it come of it.
  const [first] = [...document.errors, ...document.warnings];
  if (first !== undefined) {
    const { pos, code, message } = first;
    const hint =
      code === 'DUPLICATE_KEY'
        ? 'this key is there twice, and only one can count: put both into one'
        : `not YAML (${message}): a text that begins with a special character (! " * & [ { @) or has ": " in it ` +
          'needs quotes';
    add({ line: lines.linePos(pos[0]).line, rule: '', message: hint });
    return undefined;
  }
  try {
    return {
      value: document.toJS(),
      has: (path) => document.hasIn(path),
      lineOf: (path) => lineOf(document, lines, path),
    };
  } catch (error) {
    add({ line: 1, rule: '', message: `not YAML that can be read: ${(error as Error).message}` });
    return undefined;
  }
}

/** What the file says, or undefined when there are problems, which are reported. */
function checked<Schema extends z.ZodType>(
  schema: Schema,
  document: Yaml,
  report: Report,
): z.output<Schema> | undefined {
  const parsed = schema.safeParse(document.value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues.flatMap((one) => telling(one))) {
    const { path, message } = issue;
    const key = path.at(-1);
    const missing = typeof key === 'string' && !document.has(path);
    const what = path.length === 1 ? '' : `${String(key)}: `;
    report(path, missing ? `${what}is missing: ${message}` : message);
  }
  return undefined;
}

interface Issue {
  readonly path: Path;
  readonly message: string;
}

/** Whether an issue is about something in a form, and not that it is another form. */
function isWithin(issue: z.core.$ZodIssue): boolean {
  if (issue.code === 'invalid_union' && issue.errors.flat().some(isWithin)) return true;
  return issue.path.length > 0 || issue.code === 'unrecognized_keys' || issue.code === 'custom';
}

/** Of an issue with several forms that would do, those in the form that was meant. */
function telling(issue: z.core.$ZodIssue, path: Path = []): Issue[] {
  const here = [...path, ...issue.path];
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find((issues) => issues.some(isWithin));
    if (meant !== undefined) return meant.filter(isWithin).flatMap((one) => telling(one, here));
  }
  if (issue.code === 'invalid_key')
    return [{ path: here, message: issue.issues[0]?.message ?? issue.message }];
  const key = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  return [{ path: key === undefined ? here : [...here, key], message: issue.message }];
}

function lineOf(document: Document, lines: LineCounter, path: Path): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(key) === String(step));
      if (isNode(pair?.key)) offset = pair.key.range?.[0] ?? offset;
      next = pair?.value;
    } else if (isSeq(node)) {
      next = node.items[Number(step)];
      if (isNode(next)) offset = next.range?.[0] ?? offset;
    }
    node = next;
  }
  return lines.linePos(offset).line;
}

/** `PID rule 3.1` for segments, PID, 2, rules, 0. */
function ruleOf(path: Path): string {
  const [top, name, ...within] = path;
  if (top === undefined) return '';
  if (typeof name === 'number') return `${String(top)} ${name + 1}`;
  if (name === undefined) return String(top);
  if (top !== 'segments') return `${String(top)} ${String(name)}`;
  const leaf = within.findIndex((step) => typeof step === 'string' && step !== 'rules');
  const numbers = within.slice(0, leaf === -1 ? undefined : leaf).filter((step) => typeof step === 'number');
  return numbers.length === 0 ? String(name) : `${String(name)} rule ${numbers.map((n) => n + 1).join('.')}`;
}
