import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiVersion, destination, hub, integrationFlow, plan } from '@integration-hub/api';
import { expect } from 'chai';
import { createColors } from 'picocolors';
import { IhubProcess } from './ihub-process.js';
import { readableLine } from './logs-line.js';

const resource = (kind: string, name: string, spec: object): object => ({
  apiVersion,
  kind,
  metadata: { name },
  spec,
});
const DESTINATIONS = ['mpi', 'wis'].map((name) =>
  destination.parse(resource('Destination', name, { mllp: { host: 'localhost', port: 2576 } })),
);
const FLOWS = [
  { name: 'phw', port: 2575, transformer: { mapping: { name: 'phw' } }, to: 'mpi' },
  { name: 'paris', port: 2577, transformer: undefined, to: 'wis' },
].map(({ name, port, transformer, to }) =>
  integrationFlow.parse(
    resource('IntegrationFlow', name, {
      listener: { mllp: { port } },
      transformer,
      destinations: [{ name: to }],
    }),
  ),
);
const HUB = hub.parse(resource('Hub', 'hub', { kafka: { bootstrapServers: ['localhost:9092'] } }));

/** A line as a worker writes it, so many seconds after eight. */
function line(stage: string, role: string, second: number, fields: object): string {
  const timestamp = new Date(Date.UTC(2026, 0, 2, 8, 0, second)).toISOString();
  const entry = { level: 'info', message: 'x', stage, role, namespace: 'default', timestamp, ...fields };
  return `${JSON.stringify(entry)}\n`;
}

describe('ihub logs of ihub up', function () {
  this.timeout(240_000);
  let data: string;
  const running: IhubProcess[] = [];
  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'ihub-logs-'));
    await mkdir(join(data, 'configuration'));
    await mkdir(join(data, 'logs'));
    for (const { name, configuration } of plan(HUB, FLOWS, DESTINATIONS).stages) {
      await writeFile(join(data, 'configuration', `${name}.json`), JSON.stringify(configuration));
    }
    const [listener, sender] = ['phw-listener', 'mpi-sender'];
    const message = { controlId: '4711', correlationId: 'c-1' };
    await write(
      listener,
      line(listener, 'listener', 1, { flow: 'phw', message: 'listening', address: { port: 2575 } }) +
        line(listener, 'listener', 4, {
          flow: 'phw',
          level: 'warn',
          message: 'message rejected',
          reasonCode: 'BAD_VERSION',
          reason: 'MSH-12 must be 2.5',
          controlId: '4712',
        }),
    );
    await write(
      'phw-transformer',
      line('phw-transformer', 'transformer', 3, {
        flow: 'phw',
        message: 'message not transformed',
        ...message,
      }),
    );
    await write(
      sender,
      line(sender, 'sender', 2, { destination: 'mpi', message: 'started' }) +
        line(sender, 'sender', 5, {
          destination: 'mpi',
          flow: 'phw',
          message: 'message set aside',
          ...message,
        }) +
        'SyntaxError: Unexpected token\n    at no.js:1\n' +
        line(sender, 'sender', 9, { destination: 'mpi', level: 'debug', message: 'delivered', ...message }),
    );
    await write('paris-listener', line('paris-listener', 'listener', 1, { flow: 'paris' }));
  });
  afterEach(async () => {
    for (const { child } of running.splice(0)) child.kill('SIGKILL');
    await rm(data, { recursive: true });
  });

  const write = (stage: string, text: string): Promise<void> =>
    appendFile(join(data, 'logs', `${stage}.log`), text);

  function logs(...args: string[]): IhubProcess {
    const ihub = new IhubProcess(['logs', '--data', data, ...args]);
    running.push(ihub);
    return ihub;
  }

  /** The messages of the lines, which must go well. */
  async function messages(...args: string[]): Promise<unknown[]> {
    const ihub = logs('phw', '--json', ...args);
    expect([await ihub.ended(), ihub.stderr]).to.deep.equal([0, '']);
    return ihub.stdout
      .trimEnd()
      .split('\n')
      .map((text) => (text.startsWith('{') ? (JSON.parse(text) as { message: string }).message : text));
  }

  it('puts the lines of all stages in order of their times, readably', async () => {
    const ihub = logs('phw', '--destinations');
    expect([await ihub.ended(), ihub.stderr]).to.deep.equal([0, '']);
    expect(ihub.stdout.split('\n')).to.deep.equal([
      '2026-01-02T08:00:01.000Z INFO  phw-listener     listening address={"port":2575}',
      '2026-01-02T08:00:02.000Z INFO  mpi-sender       started',
      '2026-01-02T08:00:03.000Z INFO  phw-transformer  message not transformed controlId=4711 correlationId=c-1',
      '2026-01-02T08:00:04.000Z WARN  phw-listener     message rejected reasonCode=BAD_VERSION reason="MSH-12 must be 2.5" controlId=4712',
      '2026-01-02T08:00:05.000Z INFO  mpi-sender       message set aside flow=phw controlId=4711 correlationId=c-1',
      '2026-01-02T08:00:05.000Z       mpi-sender       SyntaxError: Unexpected token',
      '2026-01-02T08:00:05.000Z       mpi-sender           at no.js:1',
      '2026-01-02T08:00:09.000Z DEBUG mpi-sender       delivered controlId=4711 correlationId=c-1',
      '',
    ]);
  });

  it('is of the flow’s own stages where its destinations are not asked for, or of one', async () => {
    expect(await messages()).to.deep.equal(['listening', 'message not transformed', 'message rejected']);
    expect(await messages('--stage', 'transformer')).to.deep.equal(['message not transformed']);
    expect(await messages('--stage', 'sender', '--level', 'info'))
      .to.include('started')
      .and.not.include('x');
  });

  it('picks lines by level, time and message', async () => {
    expect(await messages('--destinations', '--level', 'warn')).to.deep.equal([
      'message rejected',
      'SyntaxError: Unexpected token',
      '    at no.js:1',
    ]);
    const one = ['message not transformed', 'message set aside', 'delivered'];
    expect(await messages('--destinations', '--control-id', '4711')).to.deep.equal(one);
    expect(await messages('--destinations', '--correlation', 'c-1')).to.deep.equal(one);
    const now = { message: 'now', timestamp: new Date().toISOString() };
    await write('phw-listener', line('phw-listener', 'listener', 0, now));
    expect(await messages('--since', '10m')).to.deep.equal(['now']);
  });

  it('follows, through a line that is written in parts and a file that is yet to come', async () => {
    await rm(join(data, 'logs', 'phw-transformer.log'));
    const ihub = logs('phw', '-f');
    await ihub.prints(/listening/);
    await write('phw-transformer', line('phw-transformer', 'transformer', 20, { message: 'first' }));
    await ihub.prints(/first/);
    const text = line('phw-listener', 'listener', 21, { message: 'zweite Ü' });
    const bytes = Buffer.from(text);
    const half = bytes.indexOf('Ü') + 1;
    await appendFile(join(data, 'logs', 'phw-listener.log'), bytes.subarray(0, half));
    await write('phw-transformer', line('phw-transformer', 'transformer', 22, { message: 'third' }));
    await ihub.prints(/third/);
    await appendFile(join(data, 'logs', 'phw-listener.log'), bytes.subarray(half));
    await ihub.prints(/zweite Ü\n/);
    ihub.child.kill('SIGINT');
    expect(await ihub.ended()).to.equal(0);
  });

  it('says which flows there are where there is not the one asked for', async () => {
    const ihub = logs('nowhere');
    expect(await ihub.ended()).to.equal(2);
    expect(ihub.stderr).to.match(/^ihub: .* has no flow "nowhere": it has paris, phw\n$/);
  });

  it('lets nothing through to the terminal that would steer it', () => {
    const text = line('s', 'listener', 1, { controlId: '\u001b[2J\u009b' });
    const shown = readableLine({ source: 's', time: 0, text }, 1, createColors(false));
    expect(shown).to.contain('controlId=\\u001b[2J\\u009b');
    expect(readableLine({ source: 's', time: 0, text: 'a\u001b[2J' }, 1, createColors(false))).to.match(
      /a\\u001b\[2J$/,
    );
  });
});
