import { expect } from 'chai';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtInMappingsDirectory } from './built-in.js';
import { BadMappingError, lintMapping, loadMapping, problemLine } from './mappings.js';

/** What is wrong in a mapping, as people read it, with the mapping's file called `m`. */
type Wrong = readonly [what: string, yaml: string, ...says: string[]];

const rules = (...lines: string[]): string =>
  ['other segments: copy', 'segments:', '  PID:', ...lines.map((line) => `    ${line}`)].join('\n');

const wrongs: readonly Wrong[] = [
  // What may stand where.
  [
    'an unknown key',
    'other segments: copy\nsegmnets: {}',
    'm:2: segmnets: "segmnets:" means nothing here: did you mean segments?',
    'm:1: segments: is missing',
  ],
  [
    'an unknown key of a rule',
    rules('- copy: PID-1', '- cpoy: PID-2'),
    'm:5: PID rule 2: "cpoy:" means nothing here: did you mean copy? What may stand here is copy, set, add',
  ],
  [
    'an unknown key of a block',
    'other segments: copy\nsegments:\n  PV1:\n    alway: yes\n    rules: copy',
    'm:4: PV1: "alway:" means nothing here: did you mean always?',
  ],
  [
    'an unknown key of a conversion',
    rules('- copy: PID-7', '  convert:', '    date:', '      form: YYYYMMDD'),
    'm:7: PID rule 1: "form:" means nothing here: did you mean from?',
    'm:6: PID rule 1: from: is missing: expected date formats',
  ],
  [
    'an unknown key of a value',
    rules('- set: PID-7', '  join:', '    - form: PID-8', '    - value: x'),
    'm:6: PID rule 1: "form:" means nothing here: did you mean from?',
  ],
  [
    'an unknown conversion',
    rules('- copy: PID-7', '  convert: tirm'),
    'm:5: PID rule 1: expected trim, upper, lower, lookup:, date: or default:',
  ],
  [
    'two steps in one',
    rules('- copy: PID-7', '  convert: {lookup: x, default: y}'),
    'm:5: PID rule 1: expected one step: give each an item of its own',
  ],
  ['no word on other segments', 'segments: {}', 'm:1: other segments: is missing: expected copy or drop'],
  ['a wrong word', 'other segments: keep\nsegments: {}', 'm:1: other segments: expected copy or drop'],
  [
    'a wrong order',
    'order: sorted\nother segments: copy\nsegments: {}',
    'm:1: order: expected source or listed',
  ],
  [
    'a name that is none',
    'other segments: copy\nsegments:\n  Pid: copy',
    'm:3: Pid: expected names of segments',
  ],
  ['a list in place of a text', rules('- copy: [PID-1, PID-2]'), 'm:4: PID rule 1: expected a path'],
  [
    'a bad code',
    'other segments: copy\nsegments: {}\nrefuse:\n  - {when: "true", code: no-merge, message: x}',
    'm:4: refuse 1: expected a code in capital letters',
  ],
  [
    'a refusal without a sentence',
    'other segments: copy\nsegments: {}\nrefuse:\n  - {when: "true", code: NO}',
    'm:4: refuse 1: message: is missing',
  ],
  [
    'something other than a mapping',
    'copy',
    'm:1: expected a mapping: segments:, with what becomes of each, and other segments:',
  ],
  ['nothing', '', 'm:1: expected a mapping'],
  ['no rules', 'other segments: copy\nsegments: {PID: []}', 'm:2: PID: expected one rule or more'],
  [
    'no formats',
    rules('- copy: PID-7', '  convert: {date: {from: []}}'),
    'm:5: PID rule 1: expected one format or more',
  ],
  ['no path', rules('- copy: ""'), 'm:4: PID rule 1: expected a path'],
  ['no components', rules('- set: PID-3', '  components: {}'), 'm:4: PID rule 1: components: has none'],
  [
    'a component that is no number',
    rules('- set: PID-3', '  components: {x: y}'),
    'm:5: PID rule 1: expected the number of a component',
  ],
  [
    'aliases that grow',
    `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]`,
    'm:1: not YAML that can be read',
  ],
  // YAML.
  [
    'a condition that needs quotes',
    rules('- copy: PID-1', '  when: !message.has("PID-2")'),
    'm:5: not YAML',
    'needs quotes',
  ],
  ['a tabulator', 'other segments: copy\nsegments:\n\tPID: copy', 'm:3: not YAML'],
  [
    'a key twice',
    'other segments: copy\nsegments:\n  PID: copy\n  PID: drop',
    'm:4: this key is there twice',
  ],
  ['an alias of nothing', rules('- copy: *nothing'), 'm:', 'not YAML'],
  // Rules.
  [
    'no verb',
    rules('- from: PID-1'),
    'm:4: PID rule 1: a rule has exactly one of copy, set, add, null, delete, rules, and this one has none',
  ],
  [
    'two verbs',
    rules('- copy: PID-1', '  set: PID-2'),
    'm:4: PID rule 1: a rule has exactly one of',
    'has copy and set',
  ],
  [
    'what does not go together',
    rules('- copy: PID-1', '  from: PID-2'),
    'm:4: PID rule 1: from: can not stand beside copy:, which takes convert, when, else',
  ],
  ['else without when', rules('- copy: PID-1', '  else: x'), 'm:4: PID rule 1: else: needs when:'],
  [
    'two values',
    rules('- set: PID-1', '  value: x', '  from: PID-2'),
    'm:4: PID rule 1: expected one of value:, from:, join: and components:, and there are 2',
  ],
  ['no value', rules('- set: PID-1'), 'm:4: PID rule 1: expected one of value:', 'there are 0'],
  [
    'a rule within rules',
    rules(
      '- copy: PID-1',
      '- when: message.has("PID-2")',
      '  rules:',
      '    - copy: PID-2',
      '    - copy: PID.1',
    ),
    'm:8: PID rule 2.2: The path "PID.1" is wrong',
  ],
  // Paths.
  [
    'a bad path',
    rules('- copy: PID.3'),
    'm:4: PID rule 1: The path "PID.3" is wrong at character 4: expected a hyphen and a field number from 1',
  ],
  [
    'a field number beyond what paths allow',
    rules('- copy: PID-1000'),
    'm:4: PID rule 1: The path "PID-1000" is wrong at character 8',
  ],
  ['a field 0', rules('- copy: PID-0'), 'm:4: PID rule 1: The path "PID-0" is wrong at character 4'],
  [
    'a field that no MSH has',
    'other segments: copy\nsegments:\n  MSH:\n    - copy: MSH-3..30',
    'm:4: MSH rule 1: The path "MSH-3..30" goes beyond the 28 fields that an MSH has',
  ],
  [
    'a separator written',
    'other segments: copy\nsegments:\n  MSH:\n    - copy: MSH-1..9',
    'm:4: MSH rule 1: MSH-1..9 is a separator, which is written as it is: leave it out',
  ],
  ['a separator read', rules('- set: PID-1', '  from: MSH-2'), 'm:4: PID rule 1: MSH-2 is a separator'],
  [
    'another segment written',
    rules('- set: PV1-2', '  value: x'),
    'm:4: PID rule 1: PV1-2 can not be written by a rule of PID',
  ],
  ['a numbered segment written', rules('- copy: PID[2]-1'), 'm:4: PID rule 1: PID[2]-1 can not be written'],
  ['all segments', rules('- copy: PID[*]-1'), 'm:4: PID rule 1:', 'names all segments of that name'],
  ['a range that runs backwards', rules('- copy: PID-9..3'), 'm:4: PID rule 1:', 'runs backwards'],
  [
    'a range to be set',
    rules('- set: PID-3..9', '  value: x'),
    'm:4: PID rule 1: PID-3..9 is a range, and one place is wanted',
  ],
  [
    'a range to be read',
    rules('- set: PID-3', '  from: PID-3..9'),
    'm:4: PID rule 1:',
    'is a range: name one place',
  ],
  [
    'a whole segment read',
    rules('- set: PID-3', '  from: PV1'),
    'm:4: PID rule 1: The path "PV1" names a whole segment',
  ],
  [
    'components of a component',
    rules('- set: PID-3.1', '  components: {1: x}'),
    'm:4: PID rule 1: PID-3.1 is itself a component',
  ],
  [
    'a component to be added',
    rules('- add: PID-3.1', '  value: x'),
    'm:4: PID rule 1: add: puts a repetition behind those of a field',
  ],
  // Repetitions.
  [
    '[*] read only',
    rules('- set: PID-3', '  from: PID-2[*].1'),
    'm:4: PID rule 1: PID-2[*].1 has [*] and PID-3 has none',
  ],
  [
    '[*] of two fields',
    rules('- set: PID-3[*]', '  join: [{from: "PID-2[*].1"}, {from: "PID-4[*].1"}]'),
    'm:4: PID rule 1: [*] stands for the repetitions of PID-2 and of PID-4 at once',
  ],
  [
    '[*] and a number',
    rules('- copy: PID-3[*].1', '- copy: PID-3[2].4'),
    'm:5: PID rule 2: PID-3[2].4 meets another rule for this field',
  ],
  [
    '[*] of nothing',
    rules('- set: PID-3[*].4', '  value: x'),
    'm:4: PID rule 1: PID-3[*].4 is about each repetition, and no rule says how many PID-3 gets: put copy: PID-3',
  ],
  // Several rules, one place.
  [
    'the same place twice',
    rules('- copy: PID-1..9', '- copy: PID-5'),
    'm:5: PID rule 2: PID-5 is written by rule 1 as well (PID-1..9): leave it out of one of them',
  ],
  [
    'the same place twice in one rule',
    rules('- copy: PID-1, PID-1'),
    'm:4: PID rule 1: PID-1 is written by rule 1 as well',
  ],
  [
    'a whole over its part',
    rules('- set: PID-3.1', '  value: x', '- copy: PID-3'),
    'm:6: PID rule 2: PID-3 is written over PID-3.1 of rule 1: put this rule in front',
  ],
  [
    'a condition that makes no difference',
    rules('- set: PID-1', '  value: x', '  when: message.has("PID-2")', '- copy: PID-1'),
    'm:7: PID rule 2: PID-1 is always written, so that rule 1 never has an effect',
  ],
  [
    'a set over a set',
    rules('- set: PID-1', '  value: x', '- set: PID-1', '  value: y'),
    'm:6: PID rule 2: PID-1 is written by rule 1 as well',
  ],
  [
    'overlapping ranges',
    rules('- copy: PID-1..5', '- copy: PID-4..9'),
    'm:5: PID rule 2: PID-4..9 is written by rule 1 as well (PID-1..5)',
  ],
  [
    'a copy over what is added',
    rules('- add: PID-3', '  from: PID-2', '- copy: PID-1..9'),
    'm:6: PID rule 2: PID-1..9 is written behind rule 1, which adds to PID-3: put this rule in front of it',
  ],
  // Tables.
  [
    'an unknown table',
    'other segments: copy\ntables: {boards: {1: a}}\nsegments:\n  PID:\n    - copy: PID-1\n      convert: {lookup: bords}',
    'm:5: PID rule 1: there is no table "bords" (did you mean boards?)',
    'm:2: tables boards: no lookup uses this table',
  ],
  [
    'an unused table',
    'other segments: copy\ntables:\n  a: {1: x}\nsegments: {}',
    'm:3: tables a: no lookup uses this table: take it out, or use it',
  ],
  [
    'an empty table',
    rules('- copy: PID-1', '  convert: {lookup: {table: {}}}'),
    'm:4: PID rule 1: the table has no entries',
  ],
  [
    'entries that are one without case',
    rules('- copy: PID-1', '  convert: {lookup: {table: {a: 1, A: 2}, ignore case: yes}}'),
    'm:4: PID rule 1: the table has "A" twice when case is ignored',
  ],
  [
    'a file in another folder',
    'other segments: copy\ntables:\n  a: ../secrets.yaml\nsegments: {}',
    'm:3: tables a: expected a table, or the name of a file in the same folder',
  ],
  [
    'a file that is not there',
    'other segments: copy\ntables:\n  a: none.yaml\nsegments: {PID: [{copy: PID-1, convert: {lookup: a}}]}',
    'm:3: tables a: the file can not be read (ENOENT)',
  ],
  // Dates.
  [
    'a date format with an unknown letter',
    rules('- copy: PID-7', '  convert: {date: {from: YYYYMMDDHHmm}}'),
    'm:4: PID rule 1: the date format "YYYYMMDDHHmm" has "HH", which means nothing',
  ],
  [
    'a date format without a day',
    rules('- copy: PID-7', '  convert: {date: {from: YYYYMM}}'),
    'm:4: PID rule 1: the date format "YYYYMM" must have each of YYYY, MM and DD once',
  ],
  [
    'a date format with minutes but no hour',
    rules('- copy: PID-7', '  convert: {date: {from: YYYYMMDDmm}}'),
    'm:4: PID rule 1: the date format "YYYYMMDDmm" must have',
  ],
  // Conditions.
  [
    'a condition that is no CEL',
    rules('- copy: PID-1', '  when: message.text("PID-1" == "x"'),
    'm:5: PID rule 1: The condition is wrong at character 28',
  ],
  [
    'a condition that gives no truth',
    'other segments: copy\nsegments:\n  PID:\n    when: message.text("PID-1")\n    rules: copy',
    'm:4: PID: The condition gives string where true or false is wanted',
  ],
  [
    'a condition with a bad path',
    'other segments: copy\nsegments: {}\nrefuse:\n  - when: message.has("PID.1")\n    code: X\n    message: x',
    'm:4: refuse 1: The condition is wrong (The path "PID.1" is wrong at character 4',
  ],
  [
    'a condition on a name that is none',
    rules('- when: mesage.has("PID-1")', '  rules:', '    - copy: PID-1'),
    'm:4: PID rule 1: The condition is wrong at character 1',
  ],
  [
    'a condition that never holds',
    rules('- copy: PID-1', '  when: "false"'),
    'm:5: PID rule 1: The condition is always false',
  ],
  [
    'a condition that always holds',
    rules('- copy: PID-1', '  when: "true"'),
    'm:5: PID rule 1: The condition is always true',
  ],
  // Segments.
  [
    'a segment listed twice',
    'other segments: copy\nsegments:\n  PV1 PV2: copy\n  PV1: drop',
    'm:4: PV1: PV1 is listed twice, and only one can be followed',
  ],
  [
    'rules of a dropped segment',
    'other segments: copy\nsegments:\n  PID PV1: drop\n  PID:\n    - copy: PID-1',
    'm:4: PID: PID is dropped by the line "PID PV1", so that this never has an effect',
  ],
  [
    'an MSH without MSH-18',
    'other segments: copy\nsegments:\n  MSH:\n    - copy: MSH-3..12',
    'm:3: MSH: MSH-18 names the character set of the message',
  ],
  [
    'an MSH-18 that is only copied sometimes',
    'other segments: copy\nsegments:\n  MSH:\n    - copy: MSH-18\n      when: message.has("PID")',
    'm:3: MSH: MSH-18 names',
  ],
  [
    'another MSH-18',
    'other segments: copy\nsegments:\n  MSH:\n    - copy: MSH\n    - set: MSH-18\n      value: 8859/1',
    'm:3: MSH: MSH-18 names',
  ],
  [
    'a dropped MSH',
    'other segments: copy\nsegments:\n  MSH: drop',
    'm:3: MSH: every message begins with an MSH',
  ],
  [
    'no MSH',
    'other segments: drop\nsegments:\n  PID: copy',
    'm:2: segments: every message begins with an MSH: list it',
  ],
  [
    'a segment dropped twice',
    'other segments: drop\nsegments:\n  MSH: copy\n  PID: drop',
    'm:4: PID: PID is dropped as all segments are that are not listed',
  ],
  [
    'a dropped segment with a condition',
    'other segments: copy\nsegments:\n  PID: {when: message.has("PV1"), rules: drop}',
    'm:3: PID: PID is dropped whether the condition holds or not',
  ],
  [
    'always without rules',
    'other segments: copy\nsegments:\n  PID: {always: yes, rules: copy}',
    'm:3: PID: always: can not make a PID without rules',
  ],
  [
    'rules for several segments',
    'other segments: copy\nsegments:\n  PID PV1:\n    - copy: PID-1',
    'm:3: PID PV1: PID PV1 are several segments, and rules are for one',
  ],
];

describe('lintMapping', () => {
  let folder: string;
  let file: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'mapping-'));
    file = join(folder, 'mapping.yaml');
  });
  after(() => rmSync(folder, { recursive: true }));

  function lint(yaml: string): string[] {
    writeFileSync(file, yaml);
    return lintMapping(file).map((problem) =>
      problemLine(file, problem).replaceAll(file, 'm').replaceAll(folder, 'f'),
    );
  }

  for (const [what, yaml, ...says] of wrongs) {
    it(`finds ${what}`, () => {
      const found = lint(yaml);
      for (const text of says) expect(found.join('\n')).to.include(text);
      expect(found).to.have.length(says.filter((text) => /^m:\d/.test(text)).length || 1);
    });
  }

  it('finds several mistakes at once, in the order of the file', () => {
    const yaml = rules('- copy: PID.1', '- set: PID-2', '- copy: PID-3', '  when: "("', '- copy: PID-4');
    expect(lint(yaml).map((line) => line.split(': ').slice(0, 2).join(': '))).to.deep.equal([
      'm:4: PID rule 1',
      'm:5: PID rule 2',
      'm:7: PID rule 3',
    ]);
  });

  it('finds what is wrong in the file of a table', () => {
    const yaml =
      'other segments: copy\ntables:\n  a: a.yaml\nsegments: {PID: [{copy: PID-1, convert: {lookup: a}}]}';
    const table = join(folder, 'a.yaml');
    writeFileSync(table, 'M: male\nF: female\n');
    expect(lint(yaml)).to.deep.equal([]);
    writeFileSync(table, 'M: male\nF: [female]\n');
    expect(lint(yaml)).to.deep.equal(['f/a.yaml:2: a: expected a text']);
    writeFileSync(table, 'M: male\nM: female\n');
    expect(lint(yaml).join()).to.include('f/a.yaml:2: a: this key is there twice');
    writeFileSync(table, '- M\n');
    expect(lint(yaml).join()).to.include('f/a.yaml:1: a: expected a table');
    writeFileSync(table, '');
    expect(lint(yaml).join()).to.include('f/a.yaml:1: a: expected a table');
  });

  it('finds nothing in the mappings that come with the hub', () => {
    for (const name of readdirSync(builtInMappingsDirectory)) {
      expect(lintMapping(join(builtInMappingsDirectory, name, 'mapping.yaml')), name).to.deep.equal([]);
    }
  });

  it('says that there is no such file', () => {
    expect(lintMapping(join(folder, 'none', 'mapping.yaml'))[0]).to.have.property(
      'message',
      'the file can not be read (ENOENT)',
    );
  });

  it('is what loadMapping throws', () => {
    lint('other segments: copy\nsegmnets: {}');
    expect(() => loadMapping(file))
      .to.throw(BadMappingError, `${file}:2: segmnets: "segmnets:" means nothing here`)
      .with.property('problems')
      .that.has.length(2);
  });
});
