/** `ihub test`: runs the tests of mappings. */
import type { Command } from 'commander';
import { differenceLine, problemLine } from '@integration-hub/hl7';
import { colours } from './colours.js';
import { type CaseResult, findMappingTests, runMappingTests } from './mapping-tests.js';
import { UsageError } from './usage-error.js';

interface TestOptions {
  readonly update?: boolean;
  readonly json?: boolean;
}

const EXAMPLE = `
A case is a folder mappings/<name>/tests/<case> with in.hl7 and, beside it, out.hl7: the message that must come out,
byte for byte; or error: on its first line the code of the error, on the second a part of its text. A file charset,
where there is one, names the character set of messages whose MSH-18 is empty, as a flow does.

Exit code: 0 when every mapping is right and every case passes, 1 when not, 2 for wrong input.

Examples:
  $ ihub test
  $ ihub test mappings/phw
  $ ihub test mappings/phw/tests/sample-update --update
`;

/** Adds `ihub test`. */
export function register(program: Command): void {
  program
    .command('test')
    .description('Check mappings and run their test messages through them')
    .argument('[path]', 'a folder of mappings, one mapping, or one case', 'mappings')
    .option('--update', 'write each out.hl7 anew that differs or is not there; then look at what has changed')
    .option('--json', 'a line of JSON for each problem and each case, and one for the summary')
    .addHelpText('after', EXAMPLE)
    .action(test);
}

function test(path: string, { update = false, json = false }: TestOptions): void {
  const mappings = findMappingTests(path);
  if (mappings.length === 0) {
    const wanted = 'a folder of mappings, a folder with a mapping.yaml in it, or one case of its tests';
    throw new UsageError(`There is no mapping at ${path}: name ${wanted}`);
  }
  const summary = { passed: 0, failed: 0, updated: 0, problems: 0 };
  const print = (event: string, facts: object, line: string): void => {
    if (json) console.log(JSON.stringify({ event, ...facts }));
    else if (line !== '') console.log(line);
  };
  for (const mapping of mappings) {
    const { name, file } = mapping;
    const { problems, results } = runMappingTests(mapping, update);
    for (const problem of problems) {
      summary.problems += 1;
      print('problem', { mapping: name, file, ...problem }, colours.red(problemLine(file, problem)));
    }
    for (const result of results) {
      summary.passed += result.passed ? 1 : 0;
      summary.failed += result.passed ? 0 : 1;
      summary.updated += result.updated ? 1 : 0;
      print('case', { mapping: name, ...result }, caseLines(result));
    }
    if (!json && problems.length === 0) console.log(mappingLine(name, results));
  }
  print('summary', summary, summaryLine(summary));
  const untested = summary.passed + summary.failed === 0;
  process.exitCode = summary.failed + summary.problems > 0 || untested ? 1 : 0;
}

/** Nothing of a case that passes: there are hundreds. */
function caseLines({ folder, passed, updated, differences, problem }: CaseResult): string {
  if (updated) return `${colours.yellow('updated')} ${folder}`;
  if (passed) return '';
  const lines = [...(problem === undefined ? [] : [problem]), ...differences.map(differenceLine)];
  return [`${colours.red('failed')} ${folder}`, ...lines.map((line) => `  ${line}`)].join('\n');
}

function mappingLine(name: string, results: readonly CaseResult[]): string {
  if (results.length === 0) return `${name}: no cases yet: begin with tests/<case>/in.hl7 beside the mapping`;
  const passed = results.filter((result) => result.passed).length;
  return `${name}: ${passed} of ${results.length} cases pass`;
}

function summaryLine(summary: Readonly<Record<string, number>>): string {
  const counts = Object.entries(summary).filter(([name, count]) => count > 0 || name === 'passed');
  return counts.map(([name, count]) => `${count} ${name}`).join(', ');
}
