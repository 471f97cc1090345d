import { expect } from 'chai';
import { IhubProcess } from './ihub-process.js';

/** Makes a Node believe that it is an old one. */
const OLD_NODE = [
  '--import',
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.9.0"}})',
];

describe('ihub', () => {
  const wrong: Record<string, [string[], string]> = {
    'an unknown command': [['sned'], "unknown command 'sned' (Did you mean send?)"],
    'an unknown option': [['send', '--prot', '1', 'x.hl7'], "unknown option '--prot'"],
    'no file': [['send'], "missing required argument 'file'"],
    'a file that is not there': [['send', 'nowhere.hl7'], 'There is no file nowhere.hl7'],
    'a folder': [['send', '.'], '. is a folder'],
    'a file that is not HL7': [['send', 'package.json'], 'package.json is not HL7 v2'],
    'a port that is not a number': [['send', '--port', 'mpi', 'x.hl7'], '--port must be a whole number'],
    'a port that can not be': [
      ['receive', '--port', '65536'],
      '--port must be a whole number from 0 to 65535',
    ],
    'a bad rate': [['send', '--rate', '0', 'x.hl7'], '--rate must be a number of messages a second'],
    'a bad duration': [['send', '--timeout', '30', 'x.hl7'], '--timeout must be a duration'],
    'a bad count': [['send', '--count', '0', 'x.hl7'], '--count must be a whole number from 1'],
    'an unknown reply': [['receive', '--reply', 'OK'], 'Allowed choices are AA, AE, AR, none, close'],
    'a file for a folder': [['receive', '--out', 'package.json'], 'package.json can not hold messages'],
  };
  for (const [name, [args, sentence]] of Object.entries(wrong)) {
    it(`answers ${name} with one sentence and exit code 2`, async () => {
      const ihub = new IhubProcess(args);
      expect(await ihub.ended()).to.equal(2);
      expect(ihub.stderr)
        .to.contain(sentence)
        .and.match(/^ihub: .*\n$/);
      expect(ihub.stdout).to.equal('');
    });
  }

  it('shows its help, and that of each command with an example', async () => {
    const runs = [['--help'], ['help', 'send'], ['receive', '--help']].map((args) => new IhubProcess(args));
    for (const run of runs) expect(await run.ended()).to.equal(0);
    expect(runs[0]!.stdout).to.contain('receive [options]');
    expect(runs[1]!.stdout).to.contain('$ ihub send');
    expect(runs[2]!.stdout).to.contain('$ ihub receive');
  });

  it('shows its help and fails when no command is given', async () => {
    const ihub = new IhubProcess([]);
    expect(await ihub.ended()).to.equal(2);
    expect(ihub.stderr).to.contain('Usage: ihub');
  });

  describe('started by a Node that is too old', () => {
    it('runs on the pinned Node and passes on its output and exit code', async () => {
      const right = new IhubProcess(['--help'], { node: OLD_NODE });
      expect(await right.ended()).to.equal(0);
      expect(right.stdout).to.contain('Usage: ihub');
      const wrong = new IhubProcess(['send'], { node: OLD_NODE });
      expect(await wrong.ended()).to.equal(2);
    });

    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`passes on ${signal}`, async () => {
        const ihub = new IhubProcess(['receive', '--port', '0'], { node: OLD_NODE });
        await ihub.prints(/Listening/);
        ihub.child.kill(signal);
        expect(await ihub.ended()).to.equal(0);
        expect(ihub.stdout).to.contain('0 messages on 0 connections');
      });
    }

    it('says which Node it needs where there is none', async () => {
      const ihub = new IhubProcess(['--help'], { node: OLD_NODE, env: { IHUB_ON_PINNED_NODE: 'yes' } });
      expect(await ihub.ended()).to.equal(2);
      expect(ihub.stderr).to.match(/^ihub needs Node 24 or newer.*\n$/);
    });
  });
});
