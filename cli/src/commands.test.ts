import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { IhubProcess } from './ihub-process.js';

/** Those that need neither Kafka nor a peer. */
const OFFLINE = ['plan', 'validate', 'transform', 'explain'];

async function help(...command: string[]): Promise<string> {
  const ihub = new IhubProcess([...command, '--help']);
  expect(await ihub.ended()).to.equal(0);
  return ihub.stdout;
}

/** The names under `Commands:`. */
function commandsIn(text: string): string[] {
  const list = /^Commands:\n((?: +.*\n)+)/m.exec(text)?.[1] ?? '';
  return [...list.matchAll(/^ {2}([a-z]\S*)/gm)].map(([, name]) => name!).filter((name) => name !== 'help');
}

describe('docs/cli.md', () => {
  let commands: string[];
  const sections = new Map<string, string>();
  before(async () => {
    commands = commandsIn(await help());
    const text = await readFile(new URL('../../docs/cli.md', import.meta.url), 'utf8');
    for (const section of text.split(/^(?=## )/m)) {
      const name = /^## ihub (\S+)/.exec(section)?.[1];
      if (name !== undefined) sections.set(name, section);
    }
  });

  it('has every command that ihub --help lists, with an example and its exit codes', () => {
    expect(commands).to.include.members(['up', 'send', 'receive', ...OFFLINE]);
    for (const command of commands) {
      const section = sections.get(command);
      expect(section, `docs/cli.md needs a section ## ihub ${command}`).to.match(
        new RegExp(`^\`\`\`\nihub ${command}\\b`, 'm'),
      );
      expect(section)
        .to.match(/^Exit code: 0/m)
        .and.contain('2 ');
    }
  });

  it('names no option that its command does not have', async () => {
    await Promise.all(
      commands.map(async (command) => {
        const own = await help(command);
        const below = await Promise.all(commandsIn(own).map((name) => help(command, name)));
        const section = (sections.get(command) ?? '').replaceAll(/\|.*/g, '');
        for (const [option] of section.matchAll(/(?<=[\s`])--[a-z-]+/g)) {
          expect([own, ...below].join(''), `ihub ${command}`).to.match(new RegExp(`^ .*${option}\\b`, 'm'));
        }
      }),
    );
  }).timeout(60_000);

  it('has examples that work', async () => {
    const lines = OFFLINE.flatMap((command) => [
      ...sections.get(command)!.matchAll(new RegExp(`^ihub (${command} [^|>\n]*)`, 'gm')),
    ]);
    expect(lines.length).to.be.at.least(8);
    await Promise.all(
      lines.map(async ([, line]) => {
        const ihub = new IhubProcess(line!.trim().split(/\s+/));
        expect(await ihub.ended(), `ihub ${line!}\n${ihub.stderr}`).to.equal(0);
      }),
    );
  }).timeout(60_000);
});
