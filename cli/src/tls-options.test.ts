import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import { IhubProcess } from './ihub-process.js';

describe('ihub send and ihub receive with TLS', function () {
  this.timeout(240_000);
  const folder = mkdtempSync(join(tmpdir(), 'ihub-tls-'));
  const file = (name: string): string => join(folder, name);
  const runs: IhubProcess[] = [];

  before(() => {
    const authority = new TestAuthority();
    for (const name of ['mpi', 'pas']) {
      const { cert, key } = authority.issue(name, { names: 'DNS:mpi.example,IP:127.0.0.1' });
      writeFileSync(file(`${name}.crt`), cert);
      writeFileSync(file(`${name}.key`), key);
    }
    writeFileSync(file('ca.crt'), authority.ca);
    writeFileSync(file('message.hl7'), 'MSH|^~\\&|252|252|100|100|20260304||ADT^A31^ADT_A05|P1|P|2.5\r');
    mkdirSync(file('empty'));
  });
  after(() => {
    for (const { child } of runs) if (child.exitCode === null) child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  const pair = (name: string): string[] => [
    ...['--cert', file(`${name}.crt`)],
    ...['--key', file(`${name}.key`)],
  ];
  const ca = ['--ca', file('ca.crt')];
  function ihub(...args: string[]): IhubProcess {
    const run = new IhubProcess(args);
    runs.push(run);
    return run;
  }

  it('work together, each with its certificate, and say what is missing', async () => {
    const receiver = ihub('receive', '--port', '0', '--tls', ...pair('mpi'), ...ca);
    const port = (await receiver.prints(/127\.0\.0\.1:(\d+)/))[1]!;
    const send = (...args: string[]): IhubProcess =>
      ihub('send', '--port', port, file('message.hl7'), '--timeout', '10s', ...args);

    const right = send('--tls', ...ca, ...pair('pas'), '--server-name', 'mpi.example');
    expect(await right.ended(), right.stderr).to.equal(0);
    expect(right.stdout).to.contain('1 AA');

    const otherName = send('--tls', ...ca, ...pair('pas'), '--server-name', 'mpi2.example');
    expect(await otherName.ended()).to.equal(1);
    expect(otherName.stderr).to.match(/^ihub: No TLS with .*: its certificate is for another name\n$/);

    const without = send('--tls', ...ca, '--verbose');
    expect(await without.ended()).to.equal(1);
    expect(without.stdout + without.stderr).to.match(/it may want another certificate, or one at all/);

    const publicOnes = send('--tls', ...pair('pas'));
    expect(await publicOnes.ended()).to.equal(1);
    expect(publicOnes.stderr).to.match(/not issued by an authority that is trusted here/);
  });

  const wrong: [name: string, args: string[], sentence: RegExp][] = [
    ['a certificate without TLS', ['send', 'x', ...pair('pas')], /are for TLS: give --tls too/],
    ['a name without TLS', ['send', 'x', '--server-name', 'a'], /--server-name is for TLS/],
    [
      'a certificate without its key',
      ['send', 'x', '--tls', '--cert', 'a'],
      /--cert and --key belong together/,
    ],
    [
      'a file that is missing',
      ['send', 'x', '--tls', '--ca', file('no.crt')],
      /no\.crt can't be read \(ENOENT\)/,
    ],
    ['a receiver without a certificate', ['receive', '--tls', ...ca], /--tls needs --cert and --key/],
  ];
  for (const [name, args, sentence] of wrong) {
    it(`refuse ${name}`, async () => {
      const run = ihub(...args);
      expect(await run.ended()).to.equal(2);
      expect(run.stderr).to.match(sentence);
    });
  }
});
