import { freePorts } from '@integration-hub/kafka';
import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flows, samples } from './flows.js';
import { Hospital } from './hospital.js';
import { until } from './hub-under-test.js';
import { Journal } from './journal.js';

const ihubProgram = fileURLToPath(new URL('../../cli/bin/ihub.js', import.meta.url));

/** The `ihub` command as a user runs it, and what it has written so far. */
class Ihub {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  errors = '';
  readonly exited: Promise<unknown>;

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [ihubProgram, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.lines.push(line));
    this.child.stderr!.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.exited = once(this.child, 'exit');
  }

  async says(pattern: RegExp, withinMs = 60_000): Promise<void> {
    await until(
      `ihub says ${pattern}, having said ${this.lines.join('\n')}${this.errors}`,
      () => this.lines.some((line) => pattern.test(line)),
      withinMs,
    );
  }

  /** @returns the exit code */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    this.child.kill(signal);
    await this.exited;
    return this.child.exitCode;
  }
}

/** Command lines of running processes that name a folder. */
async function processesOf(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const commands = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return commands.filter((command) => command.includes(folder));
}

describe('ihub up', function () {
  this.timeout(900_000);
  let folder = '';
  let manifests = '';
  let [phwPort, parisPort, mpiPort] = [0, 0, 0];
  const started: Ihub[] = [];
  function ihub(...args: string[]): Ihub {
    const command = new Ihub(...args);
    started.push(command);
    return command;
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ihub-up-'));
    [phwPort, parisPort, mpiPort] = (await freePorts(3)) as [number, number, number];
    manifests = join(folder, 'flows.yaml');
    const text = flows()
      .replace('2575', String(phwPort))
      .replace('2577', String(parisPort))
      .replace('2576', String(mpiPort));
    await writeFile(manifests, text);
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map(async (command) => command.stop('SIGTERM')));
    await rm(folder, { recursive: true, force: true });
  });

  it('goes on after a restart where it was, and leaves nothing running', async () => {
    const data = join(folder, 'data');
    const journal = new Journal();
    const hospital = new Hospital({ name: 'up', port: parisPort, journal, template: samples.paris });
    const first = ihub('up', '-f', manifests, '--data', data);
    await first.says(/^ready: 4 workers run$/);
    await hospital.send(20); // Acknowledged, and nobody there to deliver them to.
    await first.says(/^paris-to-mpi-listener: running, .*received 20, acknowledged 20, rejected 0$/);
    // What the PHW transformer writes has markers of transactions behind it, which are no messages.
    await new Hospital({ name: 'phw', port: phwPort, journal, template: samples.phw }).send(3);
    await first.says(/^mpi-sender: running, .*waiting 23, sent 0, failed tries \d+ \(CONNECT_FAILED/);
    expect(await first.stop()).to.equal(0);
    expect(await processesOf(folder)).to.deep.equal([]);

    const out = join(folder, 'mpi');
    ihub('receive', '--port', String(mpiPort), '--out', out);
    const second = ihub('up', '-f', manifests, '--data', data, '--json');
    await second.says(/"stage":"mpi-sender".*"sent":23.*"waiting":\{"messages":0,"isExact":true\}/);
    expect(await readdir(out)).to.have.length(23);
    expect(await second.stop('SIGTERM')).to.equal(0);
    expect(JSON.parse(second.lines.at(-1)!)).to.deep.equal({ event: 'stopped' });
    expect(await processesOf(folder + '/data')).to.deep.equal([]);
  });

  it('leaves no worker running when it is killed itself, and starts again after that', async () => {
    const data = join(folder, 'data');
    const first = ihub('up', '-f', manifests, '--data', data);
    await first.says(/^ready/);
    await first.stop('SIGKILL');
    await until(
      'every worker has ended',
      async () => (await processesOf(join(data, 'configuration'))).length === 0,
      20_000,
    );
    const second = ihub('up', '-f', manifests, '--data', data);
    await second.says(/^ready/);
    expect(await second.stop()).to.equal(0);
    expect(await processesOf(folder)).to.deep.equal([]);
  });

  const wrong: [name: string, args: () => string[], expected: RegExp][] = [
    ['no file', () => ['up'], /^ihub: required option '-f, --file <path>'.*\n$/],
    [
      'a file that is not there',
      () => ['up', '-f', join(folder, 'nowhere')],
      /^ihub: \S+nowhere does not exist: .*\n$/,
    ],
    [
      'a Kafka without a port',
      () => ['up', '-f', manifests, '--kafka', 'localhost'],
      /^ihub: --kafka localhost: write HOST:PORT.*\n$/,
    ],
    [
      'an address without a port',
      () => ['up', '-f', manifests, '--destination', 'mpi'],
      /^ihub: --destination mpi: write NAME=HOST:PORT.*\n$/,
    ],
    [
      'an unknown option',
      () => ['up', '-f', manifests, '--port', '1'],
      /^ihub: unknown option '--port'.*\n$/,
    ],
  ];
  for (const [name, args, expected] of wrong) {
    it(`says what to do about ${name}, and exits with 2`, async () => {
      const command = ihub(...args());
      await command.exited;
      expect(command.child.exitCode).to.equal(2);
      expect(command.errors).to.match(expected);
    });
  }

  it('says all that is wrong with the manifests, before it starts anything', async () => {
    await writeFile(manifests, flows().replace('2576', '0'));
    const command = ihub('up', '-f', manifests, '--data', join(folder, 'data'));
    await command.exited;
    expect(command.child.exitCode).to.equal(2);
    expect(command.errors).to.equal('ihub: Destination/mpi: spec.mllp.port must be from 1 to 65535\n');
    expect(await readdir(folder)).to.deep.equal(['flows.yaml']);
  });

  it('says that a port is in use', async () => {
    ihub('receive', '--port', String(parisPort));
    await until(
      'the port is taken',
      async () => {
        const { connect } = await import('node:net');
        const socket = connect(parisPort, '127.0.0.1');
        return once(socket, 'connect').then(
          () => (socket.destroy(), true),
          () => false,
        );
      },
      10_000,
    );
    const command = ihub('up', '-f', manifests, '--data', join(folder, 'data'));
    await command.exited;
    expect(command.child.exitCode).to.equal(2);
    expect(command.errors).to.match(
      /^ihub: IntegrationFlow\/paris-to-mpi: port \d+ is in use on this machine: free it, or change spec.listener.mllp.port\n$/,
    );
    expect(await processesOf(folder)).to.deep.equal([]);
  });
});
