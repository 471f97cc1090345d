import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { IhubProcess } from '@integration-hub/cli';
import { MllpConnection, readAcknowledgement } from '@integration-hub/hl7';
import { workerProgram } from '@integration-hub/workers';
import { flows, samples } from './flows.js';
import { numbered } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';

/** Two flows that drop what comes again: Paris in two partitions within an hour, PHW in one within some seconds. */
describe('a flow that drops what comes again', function () {
  this.timeout(900_000);
  const windowMs = 4_000;
  let hub: HubUnderTest;
  before(async () => {
    const manifests = flows({ orderBy: 'PID-3.1' })
      .replace('path: PID-3.1\n', 'path: PID-3.1\n    partitions: 2\n  deduplication:\n    window: 1h\n')
      .replace(
        'name: phw-to-mpi\nspec:\n',
        `name: phw-to-mpi\nspec:\n  deduplication: {window: ${windowMs}ms}\n`,
      );
    hub = await HubUnderTest.start({ manifests, archive: true });
  });
  after(() => hub.stop());

  /** A hospital that sends whatever it is told to, again and again until it is acknowledged. */
  class Resender {
    readonly #template: Buffer;
    readonly #port: number;
    #connection: MllpConnection | undefined;

    constructor(patient: string, template = samples.paris, port = 2577) {
      this.#template = Buffer.from(template.toString('latin1').replace('|550123^', `|${patient}^`), 'latin1');
      this.#port = port;
    }

    async send(controlId: string, change: (text: string) => string = (text) => text): Promise<void> {
      const { journal } = hub;
      const bytes = Buffer.from(change(numbered(this.#template, controlId).toString('latin1')), 'latin1');
      this.#connection ??= await MllpConnection.open({
        host: '127.0.0.1',
        port: hub.port(this.#port),
        connectTimeoutMs: 5_000,
      });
      journal.sending(controlId);
      const reply = readAcknowledgement(await this.#connection.exchange(bytes, 60_000));
      expect([reply.code, reply.controlId]).to.deep.equal(['AA', controlId]);
      journal.acknowledged(controlId);
    }

    close(): void {
      void this.#connection?.close();
    }
  }

  const times = (controlId: string): number => hub.journal.arrivals(controlId).length;
  const arrived = (controlId: string, count: number): Promise<void> =>
    until(`${controlId} has arrived ${count} times`, () => times(controlId) === count, 30_000);

  it('passes each message on once, whoever is killed, comes and goes, and is acknowledged for it', async () => {
    const { journal } = hub;
    const [patients, each] = [['p1', 'p2', 'p3', 'p4', 'p5', 'p6'], 60];
    const total = patients.length * each;
    let sent = 0;
    const sending = patients.map(async (patient) => {
      const hospital = new Resender(patient);
      for (let number = 1; number <= each; number += 1) {
        await hospital.send(`${patient}-${number}`);
        // The last one again, as a sender that got no answer; and one of long ago, as a spool that is sent anew.
        await hospital.send(`${patient}-${number}`);
        await hospital.send(`${patient}-${Math.ceil(number / 2)}`);
        sent += 1;
      }
      hospital.close();
    });
    const sentOf = (share: number): Promise<void> =>
      until(`${share} of the messages are sent`, () => sent >= share * total, 60_000);

    let other: ChildProcess | undefined;
    const start = (): ChildProcess => {
      const file = join(hub.directory, 'hub', 'configuration', 'paris-to-mpi-transformer.json');
      return spawn(process.execPath, [workerProgram, '--config', file], { stdio: 'ignore' });
    };
    try {
      await sentOf(0.1);
      hub.kill('paris-to-mpi-transformer');
      await sentOf(0.3);
      other = start();
      await sentOf(0.5);
      hub.kill('paris-to-mpi-transformer');
      await sentOf(0.65);
      other.kill('SIGKILL');
      await sentOf(0.8);
      await hub.broker.kill();
      await hub.broker.restart();
      await Promise.all(sending);
      // Whatever comes again has been taken once the last of its order has arrived.
      for (const patient of patients) {
        const last = new Resender(patient);
        await last.send(`${patient}-${each + 1}`);
        last.close();
      }
      await until('everything acknowledged has arrived', () => journal.complete, 120_000);
    } finally {
      if (other?.exitCode === null && other.signalCode === null) {
        other.kill('SIGKILL');
        await once(other, 'exit');
      }
    }
    const verdict = journal.verdict();
    expect(verdict).to.deep.include({ lost: [], outOfOrder: [], altered: [], doubled: [] });
    // Kafka was killed under the sender, which may have had one message of each key in flight.
    expect(verdict.doubledInFlight.length).to.be.at.most(8);
  });

  it('still knows what was passed on before, when all its transformers have been away', async () => {
    const hospital = new Resender('p1');
    hub.kill('paris-to-mpi-transformer');
    for (const number of [1, 30, 60, 61]) await hospital.send(`p1-${number}`);
    const before = [1, 30, 60, 61].map((number) => times(`p1-${number}`));
    await hospital.send('p1-62');
    await arrived('p1-62', 1);
    expect([1, 30, 60, 61].map((number) => times(`p1-${number}`))).to.deep.equal(before);
    hospital.close();
  });

  it('sets aside a message with other bytes under the same control id, and passes it on when a person says so', async () => {
    const hospital = new Resender('p2');
    await hospital.send('reused-1');
    await hospital.send('reused-1', (text) => text.replace('MORGAN', 'MORGANS'));
    const kafka = hub.broker.bootstrapServers[0]!;
    const letters = async (): Promise<Record<string, unknown>[]> => {
      const run = new IhubProcess([
        'dead-letters',
        'list',
        '--json',
        '--owner',
        'paris-to-mpi',
        '--kafka',
        kafka,
      ]);
      await run.ended();
      return run.stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    };
    await until('it is set aside', async () => (await letters()).length === 1, 30_000);
    expect((await letters())[0]).to.include({ controlId: 'reused-1', code: 'CONTROL_ID_REUSED' });
    expect(times('reused-1')).to.equal(1);

    const why = ['--code', 'CONTROL_ID_REUSED', '--why', 'another message', '--who', 'Nia'];
    const replay = new IhubProcess([
      'dead-letters',
      'replay',
      '--owner',
      'paris-to-mpi',
      ...why,
      '--kafka',
      kafka,
    ]);
    expect(await replay.ended(), replay.stderr).to.equal(0);
    await arrived('reused-1', 2);
    hospital.close();
  });

  it('passes a message on again once the window is over, and no sooner', async () => {
    const hospital = new Resender('', samples.phw, 2575);
    let [name, tries] = ['', 0];
    // Within the window only where nothing stood still between the two.
    for (let tookMs = windowMs; tookMs > windowMs / 2; tries += 1) {
      name = `window${tries}-1`;
      const since = performance.now();
      await hospital.send(name);
      await hospital.send(name);
      tookMs = performance.now() - since;
    }
    await hospital.send('after-1');
    await arrived('after-1', 1);
    expect(times(name)).to.equal(1);
    await sleep(windowMs + 1_000);
    await hospital.send(name);
    await arrived(name, 2);
    hospital.close();
  });

  it('shows on the message’s road that it was dropped, and why', async () => {
    const hospital = new Resender('p3');
    await hospital.send('trace-1');
    await hospital.send('trace-1');
    const trace = async (): Promise<string> => {
      const run = new IhubProcess(['trace', 'trace-1', '--data', join(hub.directory, 'hub')]);
      await run.ended();
      return run.stdout;
    };
    await until('both are archived', async () => (await trace()).includes('duplicate'), 30_000);
    expect(await trace()).to.match(
      /duplicate +paris-to-mpi-transformer +DUPLICATE: the same message was received at 20/,
    );
    hospital.close();
  });
});
