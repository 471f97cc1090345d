import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { builtInMapping, builtInMappingsDirectory, encodeFrame, Message } from '@integration-hub/hl7';
import { expect } from 'chai';
import { IhubProcess } from './ihub-process.js';

const SAMPLE = fileURLToPath(new URL('../../manifests/flows/samples/phw-to-mpi.hl7', import.meta.url));

function text(id: string, time = '2026-03-04 09:15:27', surname = 'Siân'): string {
  const msh = `MSH|^~\\&|252|252|100|100|${time}||ADT^A31^ADT_A05|${id}|P|2.5`;
  return [msh, 'EVN||20260304', `PID|||1^^^252^PI||${surname}`, ''].join('\r');
}
const mapped = (id: string): string => text(id, '20260304091527');

describe('ihub transform', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'ihub-transform-'))));
  afterEach(() => rm(folder, { recursive: true }));

  async function file(name: string, content: string | Buffer): Promise<string> {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  }

  async function transform(args: string[], input?: string): Promise<{ ihub: IhubProcess; code: unknown }> {
    const ihub = new IhubProcess(['transform', ...args]);
    ihub.child.stdin!.end(input);
    return { ihub, code: await ihub.ended() };
  }

  it('writes what the mapping makes of each message, in order', async () => {
    const files = [await file('1.hl7', text('P1') + text('P2')), await file('2.hl7', text('P3'))];
    const { ihub, code } = await transform(['--mapping', 'phw', ...files, SAMPLE]);
    expect(code).to.equal(0);
    const sample = builtInMapping('phw').map(Message.parse(await readFile(SAMPLE)));
    expect(ihub.stdout).to.equal(mapped('P1') + mapped('P2') + mapped('P3') + sample.toString());
    expect(ihub.stderr).to.equal('');
  });

  it('reads the standard input, and writes MLLP frames', async () => {
    const { ihub, code } = await transform(['--mapping', 'phw', '--mllp', '-'], text('P1') + text('P2'));
    expect(code).to.equal(0);
    const frames = ['P1', 'P2'].map((id) => encodeFrame(Buffer.from(mapped(id))));
    expect(ihub.stdout).to.equal(Buffer.concat(frames).toString());
  });

  it('writes bytes, whatever their character set', async () => {
    const path = await file('latin1.hl7', Buffer.from(text('P1'), 'latin1'));
    const launcher = fileURLToPath(new URL('../bin/ihub.js', import.meta.url));
    const args = [launcher, 'transform', '--mapping', 'phw', '--charset', '8859/1', path];
    const { stdout } = await promisify(execFile)(process.execPath, args, { encoding: 'buffer' });
    expect(stdout).to.deep.equal(Buffer.from(mapped('P1'), 'latin1'));
    expect((await transform(['--mapping', 'phw', path])).code).to.equal(1);
  });

  it('says in one line what it can not map, shows no value, and goes on', async () => {
    const path = await file('1.hl7', text('P1') + text('P2', 'yesterday') + text('P3'));
    const { ihub, code } = await transform(['--mapping', 'phw', path]);
    expect(code).to.equal(1);
    expect(ihub.stdout).to.equal(mapped('P1') + mapped('P3'));
    expect(ihub.stderr).to.match(/^[^\n]*1\.hl7, message 2: BAD_DATE_TIME: [^\n]*MSH-7[^\n]*\n$/);
    expect(ihub.stderr).not.to.contain('yesterday');
  });

  it('says in one line what is no message', async () => {
    const { ihub, code } = await transform(['--mapping', 'phw', '-'], 'PID|||1\r');
    expect([code, ihub.stdout]).to.deep.equal([1, '']);
    expect(ihub.stderr).to.match(/^standard input: NOT_HL7: .*\n$/);
  });

  it('takes the path of a mapping, or of its folder', async () => {
    await cp(join(builtInMappingsDirectory, 'phw'), join(folder, 'ours'), { recursive: true });
    for (const path of [join(folder, 'ours'), join(folder, 'ours/mapping.yaml')]) {
      const { ihub, code } = await transform(['--mapping', path, '-'], text('P1'));
      expect([code, ihub.stdout, ihub.stderr]).to.deep.equal([0, mapped('P1'), '']);
    }
  });

  it('says what is wrong with a mapping, by file and line', async () => {
    const path = await file(
      'mapping.yaml',
      'description: wrong\nother segments: drop\nsegments:\n  MSH:\n    - copi: MSH-3\n',
    );
    const { ihub, code } = await transform(['--mapping', path, '-'], text('P1'));
    expect(code).to.equal(2);
    expect(ihub.stderr).to.match(/^ihub: .*mapping\.yaml:5: .*"copi/);
  });

  const unknown: Record<string, [string, RegExp]> = {
    'a name that there is not': ['pwh', /^ihub: There is no mapping "pwh"\. Use one of: .*phw.*\.\/pwh\n$/],
    'a folder without a mapping': ['./src', /^ihub: There is no mapping at \.\/src: .*\n$/],
    'a file that is not there': [
      './no/mapping.yaml',
      /^ihub: There is no mapping at \.\/no\/mapping.yaml: .*\n$/,
    ],
  };
  for (const [name, [mapping, sentence]] of Object.entries(unknown)) {
    it(`answers ${name} with one sentence and exit code 2`, async () => {
      const { ihub, code } = await transform(['--mapping', mapping, '-'], text('P1'));
      expect(code).to.equal(2);
      expect(ihub.stderr).to.match(sentence);
    });
  }
});
