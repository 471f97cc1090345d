import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { IhubProcess } from './ihub-process.js';

const MAPPING = `other segments: drop
segments:
  MSH: copy
  PID:
    - copy: PID-3, PID-5
    - set: PID-8
      value: F
refuse:
  - when: message.text("MSH-9.2") == "A40"
    code: MERGE_NOT_MAPPED
    message: merge them by hand
`;
const IN = 'MSH|^~\\&|1||||||ADT^A31|7\rPID|1||4^^^X~5||A^B\rNK1|1\r';
const OUT = 'MSH|^~\\&|1||||||ADT^A31|7\rPID|||4^^^X~5||A^B|||F\r';

describe('ihub test', function () {
  this.timeout(240_000);

  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'ihub-test-'))));
  afterEach(() => rm(folder, { recursive: true }));

  async function files(contents: Record<string, string>): Promise<void> {
    for (const [name, content] of Object.entries(contents)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), content);
    }
  }

  async function run(...args: string[]): Promise<IhubProcess & { code: number | string }> {
    const ihub = new IhubProcess(['test', ...args]);
    return Object.assign(ihub, { code: await ihub.ended() });
  }

  it('passes', async () => {
    await files({
      'a/mapping.yaml': MAPPING,
      'a/tests/update/in.hl7': IN,
      'a/tests/update/out.hl7': OUT,
      'a/tests/merge/in.hl7': IN.replace('A31', 'A40'),
      'a/tests/merge/error': 'MERGE_NOT_MAPPED\nby hand\n',
      'a/tests/not-hl7/in.hl7': 'Hello',
      'a/tests/not-hl7/error': 'NOT_HL7\n',
    });
    const { code, stdout, stderr } = await run(folder);
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.equal('a: 3 of 3 cases pass\n3 passed\n');
  });

  it('shows where a message differs, and fails', async () => {
    await files({
      'a/mapping.yaml': MAPPING,
      'a/tests/update/in.hl7': IN,
      'a/tests/update/out.hl7': OUT.replace('X~5', 'Y~5') + 'NK1|1\r',
    });
    const { code, stdout } = await run(folder);
    expect(code).to.equal(1);
    expect(stdout).to.equal(
      [
        `failed ${folder}/a/tests/update`,
        '  NK1: missing: "NK1|1"',
        '  PID-3[1].4: expected "Y", got "X"',
        'a: 0 of 1 cases pass',
        '0 passed, 1 failed',
        '',
      ].join('\n'),
    );
  });

  it('fails on an output that its own MSH-18 can not read', async () => {
    const module = `export const mapping = { map: () => Buffer.from('MSH|^~\\\\&|A|||||||7||||||||UNICODE UTF-8\\rPID|||Si\u00e2n\\r', 'latin1') };`;
    await files({ 'a/mapping.js': module, 'a/package.json': '{"type":"module"}', 'a/tests/one/in.hl7': IN, 'a/tests/one/out.hl7': OUT }); // prettier-ignore
    const { code, stdout } = await run(folder);
    expect(code).to.equal(1);
    expect(stdout).to.contain('BAD_CHARSET_CONTENT').and.contain('0 passed, 1 failed');
  });

  const wrong: Record<string, [Record<string, string>, string]> = {
    'an error where a message is expected': [
      { 'in.hl7': IN.replace('A31', 'A40'), 'out.hl7': OUT },
      'a message is expected, and there is an error: MERGE_NOT_MAPPED: merge them by hand',
    ],
    'a message where an error is expected': [
      { 'in.hl7': IN, error: 'MERGE_NOT_MAPPED\n' },
      'the error MERGE_NOT_MAPPED is expected, and there is a message',
    ],
    'another error': [
      { 'in.hl7': IN.replace('A31', 'A40'), error: 'BAD_DATE_TIME\n' },
      'the error BAD_DATE_TIME is expected, and it is MERGE_NOT_MAPPED: merge them by hand',
    ],
    'another text of the error': [
      { 'in.hl7': IN.replace('A31', 'A40'), error: 'MERGE_NOT_MAPPED\nby mail\n' },
      'the error should have "by mail" in its text, which is: merge them by hand',
    ],
    'no input': [{ 'out.hl7': OUT }, 'in.hl7 is missing'],
    'no expectation': [{ 'in.hl7': IN }, 'neither out.hl7 nor error says what is expected'],
    'two expectations': [{ 'in.hl7': IN, 'out.hl7': OUT, error: 'X' }, 'there are both out.hl7 and error'],
    'an empty error': [{ 'in.hl7': IN.replace('A31', 'A40'), error: '' }, 'the error file is empty'],
  };
  for (const [name, [contents, line]] of Object.entries(wrong)) {
    it(`fails on ${name}`, async () => {
      await files({ 'a/mapping.yaml': MAPPING });
      await mkdir(join(folder, 'a/tests/one'), { recursive: true });
      for (const [file, content] of Object.entries(contents)) {
        await writeFile(join(folder, 'a/tests/one', file), content, 'latin1');
      }
      const { code, stdout } = await run(folder);
      expect(code).to.equal(1);
      expect(stdout).to.contain(line).and.contain('0 passed, 1 failed');
    });
  }

  it('reads messages without MSH-18 in the character set of the case', async () => {
    await files({ 'a/mapping.yaml': MAPPING, 'a/tests/one/charset': 'WINDOWS-1252\n' });
    const write = (name: string, content: string): Promise<void> =>
      writeFile(join(folder, 'a/tests/one', name), content, 'latin1');
    await write('in.hl7', IN.replace('A^B', 'Si\u00e2n'));
    await write('out.hl7', OUT.replace('A^B', 'Si\u00e2n'));
    expect((await run(folder)).code).to.equal(0);
    await write('out.hl7', OUT.replace('A^B', 'Sian'));
    expect((await run(folder)).stdout).to.contain('PID-5: expected "Sian", got "Siân"');
    await files({ 'a/tests/one/charset': 'EBCDIC' });
    expect((await run(folder)).stdout).to.contain('UNSUPPORTED_CHARSET');
  });

  it('takes one mapping, its file, its tests or a single case', async () => {
    await files({
      'a/mapping.yaml': MAPPING,
      'a/tests/one/in.hl7': IN,
      'a/tests/one/out.hl7': OUT,
      'a/tests/two/in.hl7': IN,
      'a/tests/two/out.hl7': OUT,
      'b/mapping.yaml': 'other segments: copy\nsegments: {}\n',
      'b/tests/three/in.hl7': IN,
      'b/tests/three/out.hl7': IN,
    });
    const passed: Record<string, number> = {
      '': 3,
      a: 2,
      'a/mapping.yaml': 2,
      'a/tests': 2,
      'a/tests/one': 1,
      'a/tests/one/': 1,
      b: 1,
    };
    for (const [path, count] of Object.entries(passed)) {
      const { code, stdout } = await run(join(folder, path));
      expect([path, code, stdout.trimEnd().split('\n').at(-1)]).to.deep.equal([path, 0, `${count} passed`]);
    }
  });

  it('writes with --update what differs and what is not there yet, and no error away', async () => {
    await files({
      'a/mapping.yaml': MAPPING,
      'a/tests/differs/in.hl7': IN,
      'a/tests/differs/out.hl7': OUT.replace('F', 'M'),
      'a/tests/new/in.hl7': IN,
      'a/tests/refused/in.hl7': IN,
      'a/tests/refused/error': 'MERGE_NOT_MAPPED\n',
      'a/tests/same/in.hl7': IN,
      'a/tests/same/out.hl7': OUT,
    });
    const first = await run(folder, '--update');
    expect(first.code).to.equal(1);
    expect(first.stdout)
      .to.contain('3 passed, 1 failed, 2 updated')
      .and.contain(`updated ${folder}/a/tests/new`);
    for (const name of ['differs', 'new']) {
      expect(await readFile(join(folder, 'a/tests', name, 'out.hl7'), 'utf8')).to.equal(OUT);
    }
    expect(existsSync(join(folder, 'a/tests/refused/out.hl7'))).to.equal(false);
    await rm(join(folder, 'a/tests/refused'), { recursive: true });
    const second = await run(folder);
    expect([second.code, second.stdout]).to.deep.equal([0, 'a: 3 of 3 cases pass\n3 passed\n']);
  });

  it('prints JSON', async () => {
    await files({
      'a/mapping.yaml': MAPPING,
      'a/tests/one/in.hl7': IN,
      'a/tests/one/out.hl7': OUT.replace('F', 'M'),
      'b/mapping.yaml': 'other segments: keep\nsegments: {}\n',
    });
    const { code, events } = await run(folder, '--json');
    expect(code).to.equal(1);
    expect(events[0]).to.deep.equal({
      event: 'case',
      mapping: 'a',
      folder: join(folder, 'a/tests/one'),
      passed: false,
      updated: false,
      differences: [{ path: 'PID-8', expected: 'M', got: 'F' }],
    });
    expect(events[1]).to.include({ event: 'problem', mapping: 'b', line: 1 });
    expect(events[2]).to.deep.equal({ event: 'summary', passed: 0, failed: 1, updated: 0, problems: 1 });
    expect(events).to.have.length(3);
  });

  it('shows the mistakes of a mapping with file and line, and fails', async () => {
    await files({ 'a/mapping.yaml': MAPPING.replace('PID-5', 'PID-x'), 'a/tests/one/in.hl7': IN });
    const { code, stdout } = await run(folder);
    expect(code).to.equal(1);
    expect(stdout).to.contain(`${folder}/a/mapping.yaml:5: PID rule 1:`).and.contain('0 passed, 1 problems');
  });

  it('runs a module in the stead of a mapping.yaml, and shows what it throws', async () => {
    const module = 'export const mapping = { name: "m", map: (message) => message.bytes };\n';
    await files({
      'good/mapping.js': module,
      'good/tests/one/in.hl7': IN,
      'good/tests/one/out.hl7': IN,
      'bad/mapping.js': module.replace('message.bytes', '{ throw new Error("broken"); }'),
      'bad/tests/one/in.hl7': IN,
      'bad/tests/one/out.hl7': IN,
      'package.json': '{"type": "module"}',
    });
    const { code, stdout } = await run(folder);
    expect(code).to.equal(1);
    expect(stdout).to.contain('good: 1 of 1 cases pass').and.contain('MAPPING_FAILED');
  });

  it('fails on a mapping without cases', async () => {
    await files({ 'a/mapping.yaml': MAPPING });
    const { code, stdout } = await run(folder);
    expect(code).to.equal(1);
    expect(stdout).to.contain('a: no cases yet').and.contain('0 passed');
  });

  it('says so when there is nothing to test', async () => {
    for (const path of [folder, join(folder, 'nowhere')]) {
      const { code, stdout, stderr } = await run(path);
      expect([code, stdout]).to.deep.equal([2, '']);
      expect(stderr).to.equal(
        `ihub: There is no mapping at ${path}: name a folder of mappings, a folder with a mapping.yaml in it, ` +
          'or one case of its tests\n',
      );
    }
  });
});
