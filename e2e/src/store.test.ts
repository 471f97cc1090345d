/**
 * The message store on a real road: real flows, a real Kafka, a real PostgreSQL that is killed in the middle, an
 * archivist that is killed in the middle.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readResources } from '@integration-hub/api';
import { IhubProcess, LocalHub, MockReceiver } from '@integration-hub/cli';
import { Message, MllpConnection } from '@integration-hub/hl7';
import { freePorts } from '@integration-hub/kafka';
import { expect } from 'chai';
import { flows, phwAsDelivered, samples } from './flows.js';
import { Hospital, numbered } from './hospital.js';
import { until } from './hub-under-test.js';
import { Journal } from './journal.js';

interface Found {
  readonly correlationId: string;
  readonly controlId: string;
  readonly flow: string;
  readonly outcome: string;
}
interface Step {
  readonly kind: string;
  readonly stage: string;
  readonly destination: string;
  readonly code: string;
  readonly contentPolicy: string;
  readonly content: string | null;
}

/** Stands for a patient's data, and must not be where that must not be. */
const marks = ['ZZ4711', 'ZZMÂRC', 'ZZM\\xc2RC'];
const marked = (message: Buffer): Buffer =>
  Buffer.from(
    message
      .toString()
      .replace(/^(PID\|[^|]*\|[^|]*\|)[^|]*\|([^|]*)\|[^|]*/m, '$1zz 4711^^^252^PI|$2|ZZMÂRC^Siân^Mair'),
  );

/** As a crash would; nothing where it is down already. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

describe('The message store', function () {
  this.timeout(600_000);
  const [phw, paris] = [marked(samples.phw), marked(samples.paris)];
  const journal = new Journal();
  let directory: string;
  let hub: LocalHub;
  let receiver: MockReceiver;
  let ports: number[];

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-store-'));
    ports = await freePorts(3);
    receiver = new MockReceiver(
      { host: '127.0.0.1', port: ports[0]!, reply: 'AA', delayMs: 0 },
      { message: ({ bytes }) => journal.arrived(Message.parse(bytes).controlId, Buffer.from(bytes)) },
    );
    await receiver.start();
    const manifests = flows()
      .replace('name: paris-to-mpi\nspec:\n', 'name: paris-to-mpi\nspec:\n  contentPolicy: Full\n')
      .replace(/port: (257[567])/g, (_, port: string) => {
        return `port: ${{ 2576: ports[0]!, 2575: ports[1]!, 2577: ports[2]! }[port]!}`;
      });
    const read = readResources(manifests, 'test');
    expect(read.problems).to.deep.equal([]);
    expect(read.flows.map(({ spec }) => spec.contentPolicy)).to.have.members(['Redacted', 'Full']);
    hub = await LocalHub.start(
      { hub: undefined, ...read },
      { directory, addresses: new Map(), archive: true, onProgress: () => undefined },
    );
    await until('every worker runs', () => hub.workers.every(({ state }) => state === 'running'), 60_000);
  });
  after(async () => {
    await hub.stop();
    await receiver.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** Runs a command on the archive. */
  async function ihub(...args: string[]): Promise<{ code: number | string; out: string; err: string }> {
    const run = new IhubProcess([...args, '--data', directory]);
    const code = await run.ended();
    return { code, out: run.stdout, err: run.stderr };
  }
  async function search(...args: string[]): Promise<Found[]> {
    const { out } = await ihub('search', '--json', '--limit', '1000', ...args);
    return lines<Found>(out);
  }
  /** The steps of the one message with a control id. */
  async function road(controlId: string): Promise<Step[]> {
    const messages = lines<{ steps: Step[] }>((await ihub('trace', controlId, '--json', '--content')).out);
    expect(messages, controlId).to.have.length(1);
    return messages[0]!.steps;
  }
  const lines = <T>(text: string): T[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T);
  const hospital = (name: string, port: number, template: Buffer): Hospital =>
    new Hospital({ name, port, template, journal: new Journal() });
  const ending = (outcome: RegExp, controlId: string): Promise<void> =>
    until(
      `${controlId} is archived: ${outcome.source}`,
      async () => (await search('--control-id', controlId)).some((found) => outcome.test(found.outcome)),
      30_000,
    );

  it('has each message once with its whole road, though database and archivist are killed', async () => {
    const senders = [
      new Hospital({ name: 'phw', port: ports[1]!, template: phw, journal, expected: phwAsDelivered }),
      new Hospital({ name: 'paris', port: ports[2]!, template: paris, journal }),
    ];
    let count = 0;
    const send = async (more: number): Promise<void> => {
      count += more;
      await Promise.all(senders.map((one) => one.send(more)));
    };
    const archivist = hub.workers.find(({ stage }) => stage.role === 'archivist')!;
    const told = (): Promise<string> => readFile(archivist.logFile, 'utf8');
    const { pid } = archivist;
    await send(30);
    await until(
      'the archivist has found that the database is away',
      async () => {
        kill(hub.archivePid!);
        await send(10);
        return (await told()).includes('DATABASE_AWAY');
      },
      30_000,
    );
    await until('it goes on', async () => (await told()).includes('archiving goes on'), 60_000);
    expect(archivist.pid, 'the archivist outlives its database').to.equal(pid);
    const sending = send(100);
    kill(archivist.pid!);
    await sleep(200);
    kill(hub.archivePid!);
    await sending;
    for (const sender of senders) sender.close();
    // Flows go on whatever becomes of the archive.
    await until('all is delivered', () => journal.complete, 60_000);
    expect(journal.verdict())
      .to.include({ acknowledged: 2 * count })
      .and.deep.include({ lost: [], altered: [] });

    await until(
      'all is archived',
      async () =>
        (await search()).filter(({ outcome }) => outcome === 'delivered to mpi').length === 2 * count,
      120_000,
    );
    const found = (await search()).map(({ controlId }) => controlId);
    expect(new Set(found).size).to.equal(found.length);
    expect(found).to.have.length(2 * count);
    const [one, other] = [await road('phw-77'), await road('paris-77')];
    expect(one.map(({ kind, stage, destination }) => [kind, stage, destination])).to.deep.equal([
      ['received', 'phw-to-mpi-listener', ''],
      ['transformed', 'phw-to-mpi-transformer', 'mpi'],
      ['delivered', 'mpi-sender', 'mpi'],
    ]);
    expect(other.map(({ kind }) => kind)).to.deep.equal(['received', 'delivered']);
  });

  it('keeps of the content what each flow’s policy lets be kept', async () => {
    const text = ({ content }: Step): string => Buffer.from(content ?? '', 'base64').toString();
    const redacted = await road('phw-5');
    for (const step of redacted.filter(({ kind }) => kind !== 'delivered')) {
      expect(step.contentPolicy).to.equal('Redacted');
      expect(text(step))
        .to.include('|phw-5|')
        .and.match(/^PID\|/m);
      for (const mark of [...marks, 'Si', 'Mair', 'zz']) expect(text(step)).not.to.include(mark);
    }
    const [received] = await road('paris-5');
    expect(received!.contentPolicy).to.equal('Full');
    expect(Buffer.from(received!.content!, 'base64')).to.deep.equal(numbered(paris, 'paris-5'));
  });

  it('has what failed, with the stage and the reason', async () => {
    const unmappable = Buffer.from(phw.toString().replace('|2026-03-04 09:15:27|', '|no date|'));
    await hospital('unmappable', ports[1]!, unmappable).send(1);
    await ending(/^dead letter: /, 'unmappable-1');
    expect((await road('unmappable-1')).map(({ kind, stage }) => [kind, stage])).to.deep.equal([
      ['received', 'phw-to-mpi-listener'],
      ['dead-letter', 'phw-to-mpi-transformer'],
    ]);

    receiver.options.reply = 'AR';
    await hospital('refused', ports[2]!, paris).send(1);
    await ending(/^dead letter of mpi: REFUSED_AR/, 'refused-1');
    receiver.options.reply = 'AA';

    const wrong = numbered(Buffer.from(phw.toString().replace('|252|', '|999|')), 'rejected-1');
    const connection = await MllpConnection.open({
      host: '127.0.0.1',
      port: ports[1]!,
      connectTimeoutMs: 5_000,
    });
    await connection.exchange(wrong, 30_000).catch(() => undefined);
    await connection.close();
    await ending(/^dead letter: WRONG_SENDING_APPLICATION/, 'rejected-1');
    expect((await road('rejected-1')).map(({ kind, stage }) => [kind, stage])).to.deep.equal([
      ['dead-letter', 'phw-to-mpi-listener'],
    ]);
  });

  it('finds a patient’s messages, however the identifier is written, and prints nothing of the patient', async () => {
    const own = await search('--patient', 'ZZ4711', '--flow', 'phw-to-mpi');
    const controlIds = own.map(({ controlId }) => controlId);
    expect(controlIds).to.include.members(['phw-1', 'phw-140', 'unmappable-1', 'rejected-1']);
    expect(own.every(({ flow }) => flow === 'phw-to-mpi')).to.equal(true);
    expect(await search('--patient', 'ZZ4712')).to.deep.equal([]);
    const table = await ihub('search', '--patient', 'zz 4711', '--limit', '3');
    expect(table.code).to.equal(0);
    expect(table.err).to.include('--after');
    const none = await ihub('search', '--patient', 'ZZ-other');
    expect(none.code).to.equal(1);
    const traced = await ihub('trace', 'paris-3');
    for (const { out, err } of [table, none, traced]) {
      for (const mark of [...marks, 'zz 4711', 'ZZ-other']) expect(out + err).not.to.include(mark);
    }
  });

  it('leaves nothing of a patient in any log', async () => {
    const logs = await readdir(join(directory, 'logs'));
    expect(logs).to.include.members([
      'archivist.log',
      'postgres.log',
      'phw-to-mpi-listener.log',
      'kafka.log',
    ]);
    for (const name of logs) {
      const log = await readFile(join(directory, 'logs', name), 'utf8');
      for (const mark of [...marks, 'zz 4711', 'Siân']) expect(log, name).not.to.include(mark);
    }
  });
});
