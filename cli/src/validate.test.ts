import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUILT_IN_SCHEMAS, encodeFrame } from '@integration-hub/hl7';
import { expect } from 'chai';
import { IhubProcess } from './ihub-process.js';

const valid = [
  'MSH|^~\\&|252|252|100|100|20260304||ADT^A31^ADT_A05|P1|P|2.5',
  'EVN||20260304',
  'PID|||1^^^252^PI||Penri',
  'PV1||U',
];
/** Without PV1, and with a date of birth that no calendar has. */
const invalid = [...valid.slice(0, 2), 'PID|||1^^^252^PI||Penri||19840230'];
const text = (segments: string[], end = '\r'): string => segments.join(end) + end;

describe('ihub validate', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'ihub-validate-'))));
  afterEach(() => rm(folder, { recursive: true }));

  async function file(name: string, content: string | Buffer): Promise<string> {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  }

  async function validate(args: string[], input?: string): Promise<{ ihub: IhubProcess; code: unknown }> {
    const ihub = new IhubProcess(['validate', ...args]);
    ihub.child.stdin!.end(input);
    return { ihub, code: await ihub.ended() };
  }

  it('finds a valid message valid, whatever ends its lines', async () => {
    const files = await Promise.all(['\r', '\n', '\r\n'].map((end, i) => file(`${i}.hl7`, text(valid, end))));
    const { ihub, code } = await validate(['--schema', 'phw', ...files]);
    expect(code).to.equal(0);
    expect(ihub.stdout).to.equal(files.map((each) => `${each}: valid\n`).join(''));
    expect(ihub.stderr).to.equal('');
  });

  it('says what is wrong, where, in one line each, and shows no value', async () => {
    const path = await file('wrong.hl7', text(invalid));
    const { ihub, code } = await validate(['--schema', 'phw', path]);
    expect(code).to.equal(1);
    const [birth, visit, ...others] = ihub.stderr.split('\n');
    expect(birth)
      .to.match(/: error: PID-7: not a date .*: 8 digits/)
      .and.satisfy((line: string) => line.startsWith(path));
    expect(visit).to.equal(`${path}: error: ADT_A05: segment PV1 is missing after PID`);
    expect(others).to.deep.equal(['']);
    expect(ihub.stderr).not.to.contain('19840230');
    expect(ihub.stdout).to.equal(`${path}: invalid\n`);
  });

  it('goes on after a wrong message, and tells the messages of a file apart', async () => {
    const two = await file('two.hl7', text(valid, '\n') + text(invalid, '\n'));
    const frames = [valid, invalid, valid].map((each) => encodeFrame(Buffer.from(text(each))));
    const framed = await file('three.mllp', Buffer.concat(frames));
    const { ihub, code } = await validate(['--schema', 'phw', two, framed]);
    expect(code).to.equal(1);
    expect(ihub.stdout).to.equal(`${two}: 2 messages, 1 invalid\n${framed}: 3 messages, 1 invalid\n`);
    const places = ihub.stderr.split('\n').map((line) => line.split(': ')[0]);
    const [inTwo, inFramed] = [`${two}, message 2`, `${framed}, message 2`];
    expect(places).to.deep.equal([inTwo, inTwo, inFramed, inFramed, '']);
  });

  it('reads the standard input', async () => {
    const right = await validate(['--schema', 'phw', '-'], text(valid));
    expect([right.code, right.ihub.stdout]).to.deep.equal([0, '-: valid\n']);
    const wrong = await validate(['--schema', 'phw', '-'], text(invalid));
    expect(wrong.code).to.equal(1);
    expect(wrong.ihub.stderr).to.match(/^standard input: error: PID-7/);
  });

  it('finds what is no HL7 message invalid', async () => {
    const { ihub, code } = await validate(['--schema', 'phw', await file('no.hl7', 'PID|||1\r')]);
    expect(code).to.equal(1);
    expect(ihub.stderr).to.match(/no\.hl7: error: The message is not HL7 v2/);
  });

  it('prints a line of JSON for each message', async () => {
    const path = await file('two.hl7', text(valid) + text(invalid));
    const { ihub, code } = await validate(['--schema', 'phw', '--json', path]);
    expect(code).to.equal(1);
    expect(ihub.stderr).to.equal('');
    const [first, second, ...others] = ihub.events;
    expect(others).to.deep.equal([]);
    expect(first).to.deep.equal({ file: path, message: 1, controlId: 'P1', valid: true, findings: [] });
    expect(second).to.include({ message: 2, valid: false });
    const findings = second!['findings'] as object[];
    expect(findings[0]).to.include({ severity: 'error', code: 'VALUE_INVALID', segment: 'PID', field: 7 });
  });

  it('heeds lengths and tables as strictly as it is told to', async () => {
    const long = [...valid.slice(0, 2), 'PID|||1^^^252^PI||Penri|||FEMALE', 'PV1||U'];
    const path = await file('long.hl7', text(long));
    const run = async (...options: string[]): Promise<[unknown, string]> => {
      const { ihub, code } = await validate(['--schema', 'phw', ...options, path]);
      return [code, ihub.stderr.replaceAll(`${path}: `, '')];
    };
    const length = 'PID-8: 6 characters: expected at most 1 character\n';
    const table = 'PID-8: not in table HL70001: expected A, F, M, N, O or U\n';
    expect(await run()).to.deep.equal([0, '']);
    expect(await run('--lengths', 'warning')).to.deep.equal([0, `warning: ${length}`]);
    expect(await run('--tables', 'error')).to.deep.equal([1, `error: ${table}`]);
    expect(await run('--strict')).to.deep.equal([1, `error: ${length}error: ${table}`]);
    expect(await run('--strict', '--tables', 'ignore')).to.deep.equal([1, `error: ${length}`]);
  });

  it('asks libxml2 when told to', async () => {
    const files = [await file('right.hl7', text(valid)), await file('wrong.hl7', text(invalid))];
    const { ihub, code } = await validate(['--schema', 'phw', '--reference', ...files]);
    expect(code).to.equal(1);
    expect(ihub.stdout).to.equal(`${files[0]}: valid\n${files[1]}: invalid\n`);
    expect(ihub.stderr).to.contain('error: PID-7.1: not a date');
  });

  it('reads a message without MSH-18 in the character set it is told', async () => {
    const latin1 = Buffer.from(text(valid.map((segment) => segment.replace('Penri', 'Siân'))), 'latin1');
    const path = await file('latin1.hl7', latin1);
    expect((await validate(['--schema', 'phw', path])).code).to.equal(1);
    expect((await validate(['--schema', 'phw', '--charset', '8859/1', path])).code).to.equal(0);
  });

  it('takes another folder of schema sets', async () => {
    const path = await file('right.hl7', text(valid));
    expect((await validate(['--schema', 'phw', '--schemas', BUILT_IN_SCHEMAS, path])).code).to.equal(0);
    const { ihub, code } = await validate(['--schema', 'phw', '--schemas', folder, path]);
    expect(code).to.equal(2);
    expect(ihub.stderr).to.match(/^ihub: No schema set phw.*\n$/);
  });

  const wrong: Record<string, [string[], RegExp]> = {
    'no schema': [['x.hl7'], /required option '--schema <set>' not specified/],
    'an unknown schema': [['--schema', 'pwh', '-'], /No schema set pwh: there are .*chemo, .*paris, .*phw/],
    'an unknown strictness': [['--schema', 'phw', '--lengths', 'no', '-'], /Allowed choices are ignore/],
    'an unknown character set': [['--schema', 'phw', '--charset', 'EBCDIC', '-'], /--charset must be/],
    'lengths by libxml2': [['--schema', 'phw', '--reference', '--strict', '-'], /cannot be used with option/],
    'no messages': [['--schema', 'phw', '-'], /standard input is empty/],
  };
  for (const [name, [args, sentence]] of Object.entries(wrong)) {
    it(`answers ${name} with one sentence and exit code 2`, async () => {
      const { ihub, code } = await validate(args);
      expect(code).to.equal(2);
      expect(ihub.stderr)
        .to.match(sentence)
        .and.match(/^ihub: .*\n$/);
    });
  }
});
