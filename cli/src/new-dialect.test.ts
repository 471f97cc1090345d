import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const TUTORIAL = new URL('../../docs/new-dialect.md', import.meta.url);
const LAUNCHER = fileURLToPath(new URL('../bin/ihub.js', import.meta.url));

interface Block {
  readonly language: string;
  readonly content: string;
  /** The text between it and the block before. */
  readonly introduction: string;
}

async function blocks(): Promise<Block[]> {
  const text = await readFile(TUTORIAL, 'utf8');
  let end = 0;
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
    ({ 0: whole, 1: language, 2: content, index }) => {
      const introduction = text.slice(end, index);
      end = index + whole.length;
      return { language: language!, content: content!, introduction };
    },
  );
}

/** What a command writes to both outputs, line by line, in no order: which comes first is the shell's business. */
function outputOf(command: string, cwd: string): Promise<string[]> {
  return new Promise((resolve) => {
    execFile('sh', ['-c', command], { cwd, timeout: 60_000 }, (_error, stdout, stderr) => {
      resolve(lines(stdout + stderr));
    });
  });
}

function lines(text: string): string[] {
  return text.trimEnd().split('\n').sort();
}

describe('docs/new-dialect.md', function () {
  this.timeout(480_000);
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'ihub-tutorial-'))));
  afterEach(() => rm(folder, { recursive: true }));

  // Without the parts that change the repository, and those that run a hub.
  it('works as it is written: messages, mapping, test cases', async () => {
    let output: string[] = [];
    let compared = 0;
    for (const { language, content, introduction } of await blocks()) {
      const file = /save this as\s+`([^`]+)`:\s*$/i.exec(introduction)?.[1];
      if (file !== undefined) {
        await mkdir(dirname(join(folder, file)), { recursive: true });
        await writeFile(join(folder, file), content);
      } else if (/Now break the mapping/.test(introduction)) {
        const mapping = join(folder, 'mappings/brynteg/mapping.yaml');
        const right = await readFile(mapping, 'utf8');
        await writeFile(mapping, right.replace('4: 777', '4: 778'));
        expect(await outputOf(ihub('npx ihub test mappings/brynteg'), folder)).to.deep.equal(lines(content));
        await writeFile(mapping, right);
        compared += 1;
      } else if (language === 'sh') {
        if (/plan -f/.test(content)) break;
        output = content.includes('npm run') ? [] : await outputOf(ihub(content), folder);
      } else if (language === 'text' && output.length > 0) {
        expect(output, introduction).to.deep.equal(lines(content));
        compared += 1;
      }
    }
    expect(compared).to.equal(5);
  });

  function ihub(command: string): string {
    return command
      .replaceAll('npx ihub', `'${process.execPath}' '${LAUNCHER}'`)
      .replaceAll('--mapping brynteg', '--mapping ./mappings/brynteg');
  }
});
