/**
 * No patient in what a hub tells of itself. Patients with names, numbers, addresses and dates that occur nowhere else
 * are sent through every path, faults included; then everything that left the messages' own topics is searched for them.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventsTopic, problemText, readResources, securityEvent } from '@integration-hub/api';
import { IhubProcess, LocalHub, MockReceiver } from '@integration-hub/cli';
import { encodeFrame } from '@integration-hub/hl7';
import { freePorts, TopicAdmin } from '@integration-hub/kafka';
import { expect } from 'chai';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import { flows, samples } from './flows.js';
import { numbered } from './hospital.js';
import { until } from './hub-under-test.js';
import { OtlpReceiver } from './otlp-receiver.js';

/** A patient whom nothing else mentions. */
class Patient {
  readonly family = word();
  readonly given = word();
  readonly number = String(randomInt(1e9, 1e10));
  readonly nhsNumber = String(randomInt(9e9, 1e10));
  readonly born = `18${randomInt(10, 99)}0${randomInt(1, 9)}${randomInt(10, 28)}`;
  readonly street = `${randomInt(100, 999)} ${word()}`;
  readonly phone = `029${randomInt(1e8, 1e9)}`;

  get marks(): string[] {
    return [this.family, this.given, this.number, this.nhsNumber, this.born, this.street, this.phone];
  }
  get segment(): string {
    const { family, given, number, nhsNumber, born, street, phone } = this;
    const identifiers = `${number}^^^252^PI~${nhsNumber}^^^NHS^NH`;
    return `PID|||${identifiers}||${family}^${given}||${born}|F|||${street}^^Caerdydd^^CF10 1AA||${phone}`;
  }
  /** A message about this patient, made of a sample. */
  message(sample: Buffer, controlId: string): Buffer {
    const segments = sample.toString('latin1').split('\r');
    const about = segments.map((segment) => (segment.startsWith('PID|') ? this.segment : segment));
    return numbered(Buffer.from(about.join('\r'), 'latin1'), controlId);
  }
}

function word(): string {
  return `Q${Array.from({ length: 9 }, () => String.fromCharCode(97 + randomInt(26))).join('')}`;
}

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
  const patients: Patient[] = [];
  const outputs: string[] = [];
  let directory: string;
  let otlp: OtlpReceiver;
  let hub: LocalHub;
  let receiver: MockReceiver;
  let ports: { mpi: number; phw: number; paris: number; secured: number };
  let arrived = 0;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-patients-'));
    const [mpi, phw, paris, secured] = await freePorts(4);
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
        telemetry: otlp.url,
        onProgress: (sentence) => outputs.push(sentence),
      },
    );
    await until('every worker runs', () => hub.workers.every(({ state }) => state === 'running'), 60_000);
  });
  after(async () => {
    await hub.stop();
    await otlp.away();
    await receiver.stop();
    await rm(directory, { recursive: true, force: true });
  });

  function patient(): Patient {
    const one = new Patient();
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

  it('is in nothing that the hub tells of itself', async () => {
    for (const worker of hub.workers) {
      const response = await fetch(`http://127.0.0.1:${worker.httpPort!}/metrics`);
      outputs.push(await response.text());
    }
    await ihub('search', '--since', '1h');
    await ihub('search', '--since', '1h', '--json');
    for (const controlId of ['good-1', 'refused-1', 'date-1', 'sender-1']) {
      expect(await ihub('trace', controlId)).to.match(/trace [0-9a-f]{32}/);
      await ihub('trace', controlId, '--json');
    }
    await ihub('search', '--patient', patients[0]!.nhsNumber);
    await ihub('logs', 'phw-to-mpi', '--destinations');
    const told = new Map<string, string>([['what ihub printed', outputs.join('\n')]]);
    const events = await readTopics((topic, text) => told.set(topic, text));
    for (const folder of ['logs', 'spans', 'configuration']) {
      for (const name of await readdir(join(directory, 'hub', folder))) {
        told.set(`${folder}/${name}`, await readFile(join(directory, 'hub', folder, name), 'utf8'));
      }
    }
    await until('metrics have come', () => otlp.points.length > 0, 60_000);
    told.set('traces and metrics', otlp.texts.join('\n'));
    expect([...told.keys()]).to.include.members([
      'logs/kafka.log',
      'logs/postgres.log',
      'logs/phw-to-mpi-listener.log',
      'spans/mpi-sender.jsonl',
    ]);
    // The search would find them: they went where they were to go.
    expect(patients).to.have.length.above(18);
    expect(events.map(({ type }) => type)).to.include.members([
      'MESSAGE_TOO_LARGE',
      'SENDER_REFUSED',
      'TLS_FAILED',
    ]);
    const marks = patients.flatMap((one) => one.marks.flatMap((mark) => [mark, base64Of(mark)]));
    for (const [where, text] of told) {
      for (const mark of marks) if (isIn(text, mark)) expect.fail(`${mark} is in ${where}`);
    }
  });

  /** Headers of all topics, and keys and values of those that hold no messages; the security events among them. */
  async function readTopics(tell: (topic: string, text: string) => void): Promise<{ type: string }[]> {
    const connection = { bootstrapServers: hub.bootstrapServers, clientId: 'test' };
    const admin = await TopicAdmin.connect({ connection });
    const events: { type: string }[] = [];
    let found = 0;
    try {
      for (const topic of new Set(hub.workers.flatMap(({ stage }) => topicsOf(stage.configuration)))) {
        const records = await admin.readAll(topic);
        const isEvents = topic === eventsTopic('default');
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

/** Digits in the middle of more digits are part of a time or an id. */
function isIn(text: string, mark: string): boolean {
  if (!text.includes(mark)) return false;
  return !/^\d+$/.test(mark) || new RegExp(`(?<!\\d)${mark}(?!\\d)`).test(text);
}

/** What a text is in the middle of a base64, at the one of three places where it begins a group. */
function base64Of(mark: string): string {
  return Buffer.from(mark.slice(0, mark.length - (mark.length % 3))).toString('base64');
}
