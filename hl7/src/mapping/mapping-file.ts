import { type Document, isMap, isNode, isSeq, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { compileMapping } from './compile.js';
import { mappingDefinition } from './definition.js';
import type { Mapping } from './mapping.js';

/** Something wrong in a mapping.yaml. */
export interface MappingProblem {
  /** From 1. */
  readonly line: number;
  /** Where in the mapping, as in `PID rule 3`; '' for the file as a whole. */
  readonly rule: string;
  /** What is wrong, and what to write instead. */
  readonly message: string;
}

type Path = readonly PropertyKey[];

/**
 * Reads and compiles the text of a mapping.yaml.
 *
 * @returns the mapping, or undefined when there are problems
 */
export function readMapping(
  name: string,
  text: string,
): { readonly mapping: Mapping | undefined; readonly problems: readonly MappingProblem[] } {
  const lines = new LineCounter();
  // Failsafe: every scalar is a text, so that 2.50, 0103 and null stay as they were written.
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines, prettyErrors: false });
  const problems: MappingProblem[] = [];
  const report = (path: Path, message: string): void => {
    problems.push({ line: lineOf(document, lines, path), rule: ruleOf(path), message });
  };
  for (const { pos, message } of [...document.errors, ...document.warnings]) {
    const hint = 'a text that begins with a special character (! " * & [ { @) or has ": " in it needs quotes';
    problems.push({ line: lines.linePos(pos[0]).line, rule: '', message: `not YAML (${message}): ${hint}` });
  }
  if (problems.length > 0) return { mapping: undefined, problems };

  const parsed = mappingDefinition.safeParse(document.toJS());
  if (!parsed.success) {
    for (const issue of parsed.error.issues.map((one) => telling(one)))
      report(issue.path, sentence(issue, document));
    return { mapping: undefined, problems: sorted(problems) };
  }
  const mapping = compileMapping(name, parsed.data, (path, error) => {
    report(path, error instanceof Error ? error.message : String(error));
  });
  return { mapping: problems.length === 0 ? mapping : undefined, problems: sorted(problems) };
}

function sorted(problems: readonly MappingProblem[]): MappingProblem[] {
  return problems.toSorted((a, b) => a.line - b.line);
}

interface Issue {
  readonly path: Path;
  readonly message: string;
  readonly unknownKey: string | undefined;
}

/** Of an issue with several forms that would do, the one in the form that was meant. */
function telling(issue: z.core.$ZodIssue, path: Path = []): Issue {
  const here = [...path, ...issue.path];
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find((issues) =>
      issues.some((one) => one.path.length > 0 || one.code === 'unrecognized_keys' || one.code === 'custom'),
    );
    const deepest = meant?.find((one) => one.path.length > 0) ?? meant?.[0];
    if (deepest !== undefined) return telling(deepest, here);
  }
  const unknownKey = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  return {
    path: unknownKey === undefined ? here : [...here, unknownKey],
    message: issue.message,
    unknownKey,
  };
}

function sentence({ path, message, unknownKey }: Issue, document: Document): string {
  if (unknownKey !== undefined)
    return `"${unknownKey}" means nothing here: see docs/mappings.md for what may stand here`;
  const given = document.hasIn(path);
  const key = path.at(-1);
  return given || typeof key !== 'string' ? message : `${key}: is missing: ${message}`;
}

/** The line of what stands at a path, or of the innermost thing around it that there is. */
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
