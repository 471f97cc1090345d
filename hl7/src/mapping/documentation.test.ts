import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConditionError } from '../condition.js';
import { Message } from '../message/message.js';
import { MessageError } from '../message/message-error.js';
import { MappingError } from './mapping.js';
import { lintMapping, loadMapping, problemLine } from './mappings.js';

const TEXT = readFileSync(join(import.meta.dirname, '../../../docs/mappings.md'), 'utf8');

/** A fenced block of the page that is part of an example: what it is called and what is in it. */
interface Block {
  readonly heading: string;
  readonly line: number;
  readonly kind: string;
  readonly text: string;
}

const KINDS = ['mapping', 'mapping.js', 'hospitals.yaml', 'in', 'out', 'error', 'lint'];

function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let open: { line: number; kind: string; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```\w*\s*(\S*)/.exec(line);
    if (fence !== null && open !== undefined) {
      if (KINDS.includes(open.kind)) blocks.push({ heading, ...open, text: open.lines.join('\n') });
      open = undefined;
    } else if (fence !== null) {
      open = { line: index + 1, kind: fence[1]!, lines: [] };
    } else if (open !== undefined) {
      open.lines.push(line);
    } else if (line.startsWith('#')) {
      heading = line.replace(/^#+ /, '');
    }
  }
  return blocks;
}

const blocks = blocksOf(TEXT);

describe('docs/mappings.md', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'documentation-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Writes the files of the example that a block belongs to: those behind the last mapping in front of it. */
  function mappingFor(block: Block): string {
    const before = blocks.slice(0, blocks.indexOf(block));
    const at = before.findLastIndex(({ kind }) => kind.startsWith('mapping'));
    for (const { kind, text } of before.slice(at + 1))
      if (kind.endsWith('.yaml')) writeFileSync(join(folder, kind), text);
    const { kind, text } = before[at]!;
    const file = join(folder, kind === 'mapping' ? 'mapping.yaml' : kind);
    writeFileSync(file, text);
    return file;
  }

  function mapped(block: Block): string {
    const source = blocks.slice(0, blocks.indexOf(block)).findLast(({ kind }) => kind === 'in')!;
    const message = Message.parse(Buffer.from(source.text));
    const made = loadMapping(mappingFor(block)).map(message).toString();
    expect(made.endsWith('\r')).to.equal(true);
    return made.slice(0, -1).replaceAll('\r', '\n');
  }

  for (const block of blocks) {
    const { heading, line, kind, text } = block;
    if (kind === 'out') it(`${heading}, line ${line}: maps`, () => expect(mapped(block)).to.equal(text));
    if (kind === 'error') {
      it(`${heading}, line ${line}: refuses`, () => {
        const [code, says] = text.split('\n');
        try {
          mapped(block);
        } catch (error) {
          expect(error).to.satisfy(
            (one: unknown) =>
              one instanceof MappingError || one instanceof MessageError || one instanceof ConditionError,
          );
          expect(error).to.have.property('code', code);
          expect((error as Error).message).to.include(says);
          return;
        }
        throw new Error('it was mapped');
      });
    }
    if (kind === 'lint') {
      it(`${heading}, line ${line}: finds the mistakes`, () => {
        const file = mappingFor(block);
        const found = lintMapping(file).map((problem) => problemLine('mapping.yaml', problem));
        expect(found.join('\n')).to.equal(text);
      });
    }
  }

  it('has an example of every word of the language', () => {
    const mappings = blocks.filter(({ kind }) => kind === 'mapping').map(({ text }) => text);
    const words =
      'description,other segments,order,refuse,tables,segments,when,code,message,always,rules,copy,set,add,null,delete,else,value,from,join,components,convert,lookup,date,default,table,ignore case,otherwise,to,zone,required';
    for (const word of [...words.split(','), 'listed', 'trim', 'upper', 'lower']) {
      const isUsed = mappings.some((text) => new RegExp(`(^|[ {[])${word}(:|[,\\]\n]|$)`, 'm').test(text));
      expect(isUsed, word).to.equal(true);
    }
    expect(blocks.filter(({ kind }) => kind === 'out')).to.have.length.greaterThan(25);
  });
});
