import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Message } from '../message/message.js';
import { MappingError } from './mapping.js';
import { BadMappingError, lintMapping, loadMapping, openMappings, UnknownMappingError } from './mappings.js';

const MESSAGE = Message.parse(Buffer.from('MSH|^~\\&|252\rPID|1|JONES|F\r'));

describe('openMappings', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'mappings-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(name: string, text: string): string {
    const file = join(folder, name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  it('finds each folder with a mapping in it, and identity', () => {
    write('b/mapping.yaml', 'other segments: drop\nsegments: {MSH: copy}');
    write('a/mapping.mjs', '');
    write('notes/readme.md', '');
    write('..2026_03_04/mapping.yaml', '');
    write('c/mapping.js', 'export const mapping = { map: () => Buffer.from("MSH|^~") }');
    const mappings = openMappings(folder);
    expect(mappings.names).to.deep.equal(['identity', 'b', 'c']);
    expect(mappings.get('b').map(MESSAGE).toString()).to.equal('MSH|^~\\&|252\r');
    expect(mappings.get('b')).to.equal(mappings.get('b'));
    expect(mappings.get('identity').map(MESSAGE)).to.equal(MESSAGE.bytes);
    expect(() => mappings.get('a')).to.throw(UnknownMappingError, 'Use one of: identity, b, c');
    expect(() => mappings.get('__proto__')).to.throw(UnknownMappingError);
  });

  it('is content with no folder', () => {
    expect(openMappings(join(folder, 'none')).names).to.deep.equal(['identity']);
  });

  it('says what is wrong in one mapping, and gives the others', () => {
    write('good/mapping.yaml', 'other segments: copy\nsegments: {}');
    const file = write('bad/mapping.yaml', 'other segments: copy\nsegments: {PID: [copy: PID.1]}');
    const mappings = openMappings(folder);
    expect(mappings.get('good').name).to.equal('good');
    expect(() => mappings.get('bad')).to.throw(BadMappingError, `${file}:2: PID rule 1: The path "PID.1"`);
  });

  it('does not let identity be anything else', () => {
    write('identity/mapping.yaml', 'other segments: copy\nsegments: {}');
    expect(() => openMappings(folder).get('identity')).to.throw(
      BadMappingError,
      'give this one another name',
    );
  });

  describe('with a table in a file', () => {
    it('reads it from the folder of the mapping, every value as a text', () => {
      write('t/hospitals.yaml', "# A comment.\n224: VCC\n'0103': 0x1\nnull: yes\n'': never\n");
      write(
        't/mapping.yaml',
        'other segments: copy\ntables: {hospitals: hospitals.yaml}\nsegments: {PID: [{copy: PID-1..4, convert: {lookup: hospitals}}]}',
      );
      const message = Message.parse(Buffer.from('MSH|^~\\&|252\rPID|224|0103||null'));
      expect(openMappings(folder).get('t').map(message).toString()).to.equal(
        'MSH|^~\\&|252\rPID|VCC|0x1||yes\r',
      );
    });
  });

  describe('with a module in the stead of a mapping', () => {
    it('runs it, written in JavaScript or TypeScript', () => {
      write(
        'js/mapping.js',
        'export const mapping = { greeting: "MSH|^~", map() { return Buffer.from(this.greeting); } }',
      );
      const ts = write(
        'ts/mapping.ts',
        'export const mapping = { map: (message: { bytes: Buffer }): Buffer => message.bytes }',
      );
      const mappings = openMappings(folder);
      expect(mappings.get('js')).to.have.property('name', 'js');
      expect(mappings.get('js').map(MESSAGE).toString()).to.equal('MSH|^~');
      expect(mappings.get('ts').map(MESSAGE)).to.equal(MESSAGE.bytes);
      expect(lintMapping(ts)).to.deep.equal([]);
    });

    const unusable = {
      'exports nothing': ['export const other = 1;', 'must export a Mapping'],
      'exports no function': ['export const mapping = { map: "x" };', 'must export a Mapping'],
      'is no JavaScript': ['export const mapping = {', 'the module can not be loaded'],
      'fails as it is loaded': ['throw new Error("no such file");', 'can not be loaded: no such file'],
    };
    for (const [what, [source, says]] of Object.entries(unusable)) {
      it(`refuses one that ${what}`, () => {
        const file = write('m/mapping.js', source!);
        expect(() => loadMapping(file)).to.throw(BadMappingError, says);
        expect(lintMapping(file)).to.have.length(1);
      });
    }

    it('makes a MappingError of what it throws, which shows nothing of the message', () => {
      const thrown = (body: string): MappingError => {
        const name = `m${Math.random().toString(36).slice(2)}`;
        const mapping = loadMapping(
          write(`${name}/mapping.js`, `export const mapping = { map(message) { ${body} } }`),
        );
        try {
          mapping.map(MESSAGE);
        } catch (error) {
          expect(error).to.be.instanceOf(MappingError);
          return error as MappingError;
        }
        throw new Error('nothing was thrown');
      };
      expect(thrown('throw new RangeError(message.text("PID-2"))').message).to.match(
        /^The module of the mapping \w+ failed \(RangeError\): mend it$/,
      );
      expect(thrown('throw message.text("PID-2")').message).to.include('failed (string)');
      expect(thrown('return "MSH"').message).to.include('must give a Buffer');
      expect(thrown('return Promise.resolve()').code).to.equal('MAPPING_FAILED');
      const own =
        'throw Object.assign(new Error("Send it again"), { name: "MappingError", code: "NO_NAME", path: "PID-5" })';
      expect(thrown(own)).to.include({ code: 'NO_NAME', path: 'PID-5', message: 'Send it again' });
    });
  });
});
