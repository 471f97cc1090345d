/**
 * No patient in what a hub tells of itself. Patients with names, numbers, addresses and dates that occur nowhere else
 * are sent through every path, faults included; then everything that left the messages' own topics is searched for them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { openSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  auditTopic,
  eventsTopic,
  problemText,
  readResources,
  securityEvent,
  securityTopic,
} from '@integration-hub/api';
import { IhubProcess, LocalHub, MockReceiver } from '@integration-hub/cli';
import { encodeFrame } from '@integration-hub/hl7';
import { freePorts, TopicAdmin } from '@integration-hub/kafka';
import { expect } from 'chai';
import { Browser, type Answer } from '../../console/dist/console-under-test.js';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import { flows, samples } from './flows.js';
import { until } from './hub-under-test.js';
import { MarkedPatient, mentionsOf, type Mention } from './marked-patients.js';
import { OtlpReceiver } from './otlp-receiver.js';

const tlsFlow = (port: number): string => `
apiVersion: integrationhub.dev/v1alpha1
kind: IntegrationFlow
metadata: {name: secured}
spec:
  listener: {maxMessageSize: 1Mi, mllp: {port: ${port}, tls: {secretName: hub-tls}}}
  destinations: [{name: mpi}]
`;

describe('Patient data', function () {
  this.timeout(900_000);
  const patients: MarkedPatient[] = [];
  const outputs: string[] = [];
  let directory: string;
  let otlp: OtlpReceiver;
  let hub: LocalHub;
  let receiver: MockReceiver;
  let ports: { mpi: number; phw: number; paris: number; secured: number };
  let arrived = 0;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-patients-'));
    const [mpi, phw, paris, secured, consolePort] = await freePorts(5);
    ports = { mpi: mpi!, phw: phw!, paris: paris!, secured: secured! };
    receiver = new MockReceiver(
      { host: '127.0.0.1', port: ports.mpi, reply: 'AA', delayMs: 0 },
      {
        message: () => {
          arrived += 1;
        },
      },
    );
    await receiver.start();
    const authority = new TestAuthority();
    const { cert, key } = authority.issue('hub');
    await mkdir(join(directory, 'secrets', 'hub-tls'), { recursive: true });
    for (const [name, text] of Object.entries({ 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.ca })) {
      await writeFile(join(directory, 'secrets', 'hub-tls', name), text);
    }
    const named = { 2575: ports.phw, 2576: ports.mpi, 2577: ports.paris };
    const manifests = flows().replace(
      /port: (257[567])/g,
      (_, port: string) => `port: ${named[port as unknown as keyof typeof named]}`,
    );
    const read = readResources(`${manifests}\n---\n${tlsFlow(ports.secured)}`, 'test');
    expect(read.problems.map(problemText)).to.deep.equal([]);
    otlp = await OtlpReceiver.start();
    hub = await LocalHub.start(
      { hub: undefined, ...read },
      {
        directory: join(directory, 'hub'),
        addresses: new Map(),
        secrets: join(directory, 'secrets'),
        archive: true,
        consolePort: consolePort!,
        telemetry: otlp.url,
        onProgress: (sentence) => outputs.push(sentence),
      },
    );
    const all = [...hub.workers, hub.console!];
    await until('every worker runs', () => all.every(({ state }) => state === 'running'), 60_000);
  });
  after(async () => {
    await hub.stop();
    await otlp.away();
    await receiver.stop();
    await rm(directory, { recursive: true, force: true });
  });

  function patient(): MarkedPatient {
    const one = new MarkedPatient();
    patients.push(one);
    return one;
  }
  /** Writes bytes as they are, and waits until the listener has answered or closed. */
  async function write(port: number, bytes: Buffer, andEnds = false): Promise<void> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    const over = Promise.race([once(socket, 'data'), once(socket, 'close')]);
    if (andEnds) socket.end(bytes);
    else socket.write(bytes);
    await over;
    socket.destroy();
  }
  const send = (port: number, message: Buffer): Promise<void> => write(port, encodeFrame(message));
  async function ihub(...args: string[]): Promise<string> {
    const run = new IhubProcess([...args, '--data', join(directory, 'hub')]);
    await run.ended();
    outputs.push(run.stdout, run.stderr);
    return run.stdout;
  }
  /** A run that fails, for a reason that it tells. */
  async function ihubFails(...args: string[]): Promise<void> {
    const run = new IhubProcess([...args, '--data', join(directory, 'hub')]);
    expect(await run.ended(), args.join(' ')).to.be.within(1, 2);
    expect(run.stdout + run.stderr, args.join(' ')).not.to.equal('');
    outputs.push(run.stdout, run.stderr);
  }
  const outcomes = async (controlId: string): Promise<string> => ihub('search', '--control-id', controlId);
  const becomes = (controlId: string, outcome: RegExp): Promise<void> =>
    until(`${controlId}: ${outcome.source}`, async () => outcome.test(await outcomes(controlId)), 30_000);

  it('goes through: delivered, refused, replayed', async () => {
    await send(ports.phw, patient().message(samples.phw, 'good-1'));
    await send(ports.paris, patient().message(samples.paris, 'good-2'));
    await becomes('good-1', /delivered/);
    await becomes('good-2', /delivered/);
    receiver.options.reply = 'AR';
    await send(ports.phw, patient().message(samples.phw, 'refused-1'));
    await becomes('refused-1', /REFUSED_AR/);
    receiver.options.reply = 'AA';
    await ihub('dead-letters', 'list');
    await ihub('dead-letters', 'list', '--json');
    await ihub('dead-letters', 'replay', '--owner', 'mpi', '--why', 'mended', '--who', 'Nia');
    await becomes('refused-1', /delivered/);
  });

  it('is turned away: by the checks, the schema, the mapping, the framing, the size, TLS', async () => {
    const text = (message: Buffer): string => message.toString('latin1');
    const changed = (message: Buffer, what: string | RegExp, by: string): Buffer => {
      const made = text(message).replace(what, by);
      expect(made).not.to.equal(text(message));
      return Buffer.from(made, 'latin1');
    };
    const of = (controlId: string): Buffer => patient().message(samples.phw, controlId);
    await send(ports.phw, changed(of('sender-1'), '|252|252|', '|666|252|'));
    const unborn = patient();
    await send(ports.phw, changed(unborn.message(samples.phw, 'born-1'), unborn.born, `${unborn.born}x`));
    await send(ports.phw, changed(of('schema-1'), /\rPID\|/, `\rPID|${patient().family}`));
    await send(ports.phw, changed(of('schema-2'), '20260304091500', patient().born.padEnd(14, 'x')));
    await send(ports.phw, changed(of('segment-1'), /\rPID\|/, `\r${patient().family}|`));
    await send(ports.phw, changed(of('date-1'), '2026-03-04 09:15:27', patient().family));
    await send(ports.phw, changed(of('charset-1'), '|GBR||', `|GBR|${patient().family}|`));
    await send(ports.phw, Buffer.concat([of('long-1'), Buffer.from(patient().segment.repeat(20_000))]));
    await write(ports.phw, Buffer.from(`${patient().segment}\r`)); // Not framed at all.
    await write(ports.phw, Buffer.from(`\x0b${patient().segment}\r`), true); // And not to its end.
    await send(ports.phw, Buffer.from(patient().segment)); // No MSH.
    await send(ports.phw, Buffer.from(`MSH${patient().segment}`));
    await send(ports.secured, patient().message(samples.paris, 'plain-1')); // No TLS.
    await becomes('date-1', /dead letter/);
    await becomes('sender-1', /WRONG_SENDING_APPLICATION/);
    await becomes('schema-1', /INVALID/);
    await becomes('schema-2', /INVALID/);
    await ihub('dead-letters', 'list', '--json');
  });

  it('waits: for a receiver that is away, an archive that is killed, telemetry that nobody takes in', async () => {
    await receiver.stop();
    await otlp.away();
    const archivist = hub.workers.find(({ stage }) => stage.role === 'archivist')!;
    await until(
      'the archivist knows',
      async () => {
        try {
          process.kill(hub.archivePid!, 'SIGKILL');
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
        }
        await send(ports.phw, patient().message(samples.phw, `away-${patients.length}`));
        await sleep(200);
        return (await readFile(archivist.logFile, 'utf8')).includes('DATABASE_AWAY');
      },
      30_000,
    );
    const sender = hub.workers.find(({ stage }) => stage.role === 'sender')!;
    await until(
      'the sender tries again',
      async () => (await readFile(sender.logFile, 'utf8')).includes('it will be tried again'),
      30_000,
    );
    for (const stage of ['phw-to-mpi-listener', 'mpi-sender']) {
      const spans = join(directory, 'hub', 'spans', `${stage}.jsonl`);
      await until(`${stage} keeps its spans`, () => readFile(spans).then(Boolean, () => false), 30_000);
    }
    const before = arrived;
    await receiver.start();
    await otlp.back();
    await until('what waited arrives', () => arrived > before, 60_000);
    await becomes(`away-${patients.length}`, /delivered/);
  });

  it('is asked for: by the command line, also wrongly, and through the console', async () => {
    await ihub('search', '--since', '1h');
    await ihub('search', '--since', '1h', '--json');
    for (const controlId of ['good-1', 'refused-1', 'date-1', 'sender-1']) {
      expect(await ihub('trace', controlId)).to.match(/trace [0-9a-f]{32}/);
      await ihub('trace', controlId, '--json');
    }
    const { nhsNumber, number } = patients[0]!;
    await ihub('search', '--patient', nhsNumber);
    await ihub('replay', '--patient', nhsNumber);
    await ihub('replay', '--flow', 'phw-to-mpi', '--since', '1h', '--stage', 'outbound', '--json');
    await ihub('logs', 'phw-to-mpi', '--destinations');
    await ihubFails('search', '--patient', nhsNumber, '--since', 'yesterday');
    await ihubFails('trace', 'nobody-1');
    await ihubFails('dead-letters', 'show', 'phw-to-mpi/0/99999');
    await ihubFails('dead-letters', 'replay', '--why', 'none is named');
    await ihub('dead-letters', 'replay', 'mpi/0/99999', '--why', 'there is none');
    await ihubFails('replay', '--patient', number, '--run');
    const status = new IhubProcess(['status'], { env: { KUBECONFIG: join(directory, 'none') } });
    expect(await status.ended()).to.be.within(1, 2);
    outputs.push(status.stdout, status.stderr);

    const browser = new Browser(hub.consoleUrl!);
    await until('the console answers', async () => (await browser.session()).status === 200, 60_000);
    const send = async (path: string, body: unknown): Promise<Answer> => {
      const answer = body === undefined ? await browser.get(path) : await browser.post(path, body);
      outputs.push(answer.text, JSON.stringify(answer.headers));
      return answer;
    };
    const ask = async (path: string, body?: unknown): Promise<unknown> => {
      let answer = await send(path, body);
      // It may not have found the archive again yet.
      await until(
        `${path} is answered`,
        async () => answer.status !== 503 || (answer = await send(path, body)).status !== 503,
        60_000,
      );
      expect(answer.status, `${path}: ${answer.text}`).to.equal(200);
      return answer.json;
    };
    const askWrongly = async (path: string, body?: unknown): Promise<void> => {
      const { status, text } = await send(path, body);
      expect(status, `${path}: ${text}`).to.be.within(400, 499);
    };
    for (const path of ['overview', 'alarms', 'replays', 'flows/phw-to-mpi', 'flows/phw-to-mpi/history']) {
      await ask(`/api/${path}`);
    }
    interface Found {
      messages: { correlationId: string; flow: string }[];
    }
    const { messages } = (await ask('/api/messages/search', { patient: nhsNumber })) as Found;
    expect(messages).not.to.be.empty;
    await ask('/api/messages/search', { flow: 'phw-to-mpi' });
    await ask('/api/dead-letters?of=phw-to-mpi');
    await ask('/api/replays/preview', { messages: { patient: nhsNumber }, stage: 'received' });
    // Of this flow only what is redacted is kept.
    await ask(`/api/messages/${messages[0]!.correlationId}`);
    await askWrongly('/api/messages/search', { patient: nhsNumber, surname: patients[0]!.family });
    await askWrongly('/api/messages/search', { patient: [nhsNumber] });
    await askWrongly('/api/replays/preview', { messages: { patient: number }, stage: patients[0]!.given });
    await askWrongly('/api/dead-letters/drop', { ids: [patients[0]!.family], reason: 'none' });
    await askWrongly('/api/messages/00000000-0000-4000-8000-000000000000');
    await askWrongly('/api/dead-letters/phw-to-mpi/0/99999');
  });

  it('is in nothing that the hub tells of itself', async () => {
    for (const { httpPort, stage } of [...hub.workers, hub.console!]) {
      const response = await fetch(`http://127.0.0.1:${httpPort!}/metrics`);
      const text = await response.text();
      expect(text, stage.name).to.include('process_cpu_user_seconds_total');
      outputs.push(text);
    }
    const told = new Map<string, string>([['what was printed and answered', outputs.join('\n')]]);
    const events = await readTopics((topic, text) => told.set(topic, text));
    await readFiles(told);
    await until('metrics have come', () => otlp.points.length > 0, 60_000);
    told.set('traces and metrics', otlp.texts.join('\n'));
    expect([...told.keys()]).to.include.members([
      'logs/kafka.log',
      'logs/postgres.log',
      'logs/phw-to-mpi-listener.log',
      'logs/console.log',
      'spans/mpi-sender.jsonl',
      securityTopic('default'),
      auditTopic('default'),
    ]);
    // The search would find them: they went where they were to go.
    expect(patients).to.have.length.above(18);
    expect(events.map(({ type }) => type)).to.include.members([
      'MESSAGE_TOO_LARGE',
      'SENDER_REFUSED',
      'TLS_FAILED',
    ]);
    expect(mentionsOf(patients, told)).to.deep.equal([]);
  });

  it('would be found: in the log of a listener that was made wrong', async () => {
    const worker = hub.workers.find(({ stage }) => stage.name === 'paris-to-mpi-listener')!;
    await worker.stop();
    const program = fileURLToPath(new URL('faults/talkative-listener.js', import.meta.url));
    const configuration = join(directory, 'hub', 'configuration', 'paris-to-mpi-listener.json');
    const log = openSync(join(directory, 'hub', 'logs', 'talkative.log'), 'a');
    const wrong = spawn(process.execPath, [program, '--config', configuration], {
      stdio: ['ignore', log, log],
    });
    try {
      const spoken = patient();
      const found = async (): Promise<Mention[]> => {
        // It may not listen yet.
        await send(ports.paris, spoken.message(samples.paris, 'spoken-1')).catch(() => undefined);
        const told = new Map<string, string>();
        await readFiles(told);
        return mentionsOf(patients, told);
      };
      let mentions: Mention[] = [];
      await until('it is found', async () => (mentions = await found()).length > 0, 60_000);
      expect(new Set(mentions.map(({ where }) => where))).to.deep.equal(new Set(['logs/talkative.log']));
      expect(mentions.map(({ mark }) => mark)).to.have.members([spoken.family, spoken.given]);
    } finally {
      const ended = once(wrong, 'exit');
      wrong.kill('SIGKILL');
      await ended;
    }
  });

  async function readFiles(told: Map<string, string>): Promise<void> {
    for (const folder of ['logs', 'spans', 'configuration']) {
      for (const name of await readdir(join(directory, 'hub', folder))) {
        told.set(`${folder}/${name}`, await readFile(join(directory, 'hub', folder, name), 'utf8'));
      }
    }
  }

  /** Headers of all topics, and keys and values of those that hold no messages; the security events among them. */
  async function readTopics(tell: (topic: string, text: string) => void): Promise<{ type: string }[]> {
    const connection = { bootstrapServers: hub.bootstrapServers, clientId: 'test' };
    const admin = await TopicAdmin.connect({ connection });
    const events: { type: string }[] = [];
    let found = 0;
    try {
      const carried = hub.workers.flatMap(({ stage }) => topicsOf(stage.configuration));
      const own = [eventsTopic('default'), securityTopic('default'), auditTopic('default')];
      for (const topic of new Set([...carried, ...own])) {
        const records = await admin.readAll(topic);
        const isEvents = own.includes(topic);
        const texts = records.flatMap(({ headers, key, value }) => [
          ...Object.values(headers).map(String),
          ...(isEvents ? [String(key), String(value)] : []),
        ]);
        if (texts.length > 0) tell(topic, texts.join('\n'));
        if (!isEvents) found += records.filter(({ value }) => value.includes(patients[0]!.family)).length;
        for (const { value } of isEvents ? records : []) {
          const event = securityEvent.safeParse(JSON.parse(String(value))).data;
          if (event !== undefined) events.push(event);
        }
      }
    } finally {
      await admin.close();
    }
    expect(found).to.be.above(0);
    return events;
  }
});

function topicsOf(configuration: object): string[] {
  const { topics = [] } = configuration as { topics?: string[] };
  return topics;
}
