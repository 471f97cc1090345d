import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  apiVersion,
  eventsTopic,
  messageReplay,
  type MessageReplay,
  readDescription,
  readReplayRequest,
  replayIdOf,
  receivedTopic,
  outboundTopic,
  recordHeaders,
  replayRequestValue,
  replaysTopic,
} from '@integration-hub/api';
import { EmbeddedBroker, GatheringProducer, type IncomingRecord, TopicAdmin } from '@integration-hub/kafka';
import {
  Archive,
  EmbeddedPostgres,
  type NewReplay,
  type Replay,
  type ReplaySelection,
  type StepToWrite,
} from '@integration-hub/store';
import { expect } from 'chai';
import { applyRequest } from './replay-requests.js';
import {
  cancelReplay,
  pauseReplay,
  previewReplay,
  reportReplay,
  resumeReplay,
  startReplay,
  type ReplaySources,
} from './replays.js';
import type { RunnerSettings } from './runner-under-test.js';

const namespace = 'test';
/** Of `redacted`, which only Kafka has in full, by a key each; and of `full`, which Kafka has no more. */
const [redactedCount, fullCount] = [1_200, 800];
const start = Date.parse('2026-11-20T10:00:00Z');
const decision = { who: 'siân', why: 'INC-4711' };

describe('A replay', function () {
  this.timeout(600_000);
  const password = randomBytes(12).toString('hex');
  const key = randomBytes(32);
  let directory: string;
  let broker: EmbeddedBroker;
  let postgres: EmbeddedPostgres;
  let archive: Archive;
  let admin: TopicAdmin;
  let sources: ReplaySources;
  const runners = new Set<ChildProcess>();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-replay-'));
    [broker, postgres] = await Promise.all([
      EmbeddedBroker.start({
        dataDirectory: join(directory, 'kafka'),
        logFile: join(directory, 'kafka.log'),
      }),
      EmbeddedPostgres.start({
        directory: join(directory, 'postgres'),
        logFile: join(directory, 'postgres.log'),
        password,
      }),
    ]);
    archive = new Archive({
      database: database(),
      contentKeys: [key],
      identifierKeys: [key],
      identifierPolicy: 'Hashed',
    });
    await archive.prepare();
    const connection = { bootstrapServers: broker.bootstrapServers, clientId: 'test' };
    sources = { archive, connection };
    admin = await TopicAdmin.connect({ connection });
    const topics: [string, number][] = [
      [receivedTopic(namespace, 'redacted'), 3],
      [receivedTopic(namespace, 'full'), 1],
      [outboundTopic(namespace, 'other'), 2],
      [eventsTopic(namespace), 1],
      [replaysTopic(namespace), 1],
    ];
    await admin.ensureTopics(
      topics.map(([name, partitions]) => ({ name, partitions, replicationFactor: 1, config: {} })),
    );
    await fill();
  });
  after(async () => {
    for (const runner of runners) runner.kill('SIGKILL');
    await admin.close();
    await archive.close();
    await Promise.all([broker.stop(), postgres.stop()]);
    await rm(directory, { recursive: true });
  });

  function database(): RunnerSettings['database'] {
    const { port, user, database } = postgres;
    return { host: '127.0.0.1', port, user, password, database, applicationName: 'test' };
  }

  function run(): ChildProcess {
    const settings: RunnerSettings = {
      servers: broker.bootstrapServers,
      namespace,
      database: database(),
      key: key.toString('base64'),
    };
    const program = fileURLToPath(new URL('runner-under-test.js', import.meta.url));
    const runner = spawn(process.execPath, [program], {
      env: { ...process.env, SETTINGS: JSON.stringify(settings) },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    runners.add(runner);
    return runner;
  }

  async function end(runner: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    runners.delete(runner);
    const ended = once(runner, 'exit');
    runner.kill(signal);
    await ended;
  }

  /** Puts messages into topics, and their steps into the archive. */
  async function fill(): Promise<void> {
    const producer = new GatheringProducer({ connection: sources.connection });
    const describe = (flow: string, index: number) => ({
      correlationId: randomUUID(),
      namespace,
      flow,
      receivedTime: new Date(start + index * 10).toISOString(),
      controlId: `${flow}-${index}`,
      contentType: 'x-application/hl7-v2+er7; charset=utf-8',
      traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
      healthBoard: 'cardiff',
      peer: '',
    });
    await Promise.all(
      Array.from({ length: redactedCount }, (_, index) => {
        const description = describe('redacted', index);
        return producer.produce({
          topic: receivedTopic(namespace, 'redacted'),
          key: Buffer.from(`key-${index % 17}`),
          value: Buffer.from(`message ${description.controlId}`),
          headers: recordHeaders(description, 'received'),
        });
      }),
    );
    await producer.close();
    const common = { attempts: 1, replayed: false, replay: '', code: '', reason: '', destination: '' };
    const stepFor = (
      description: ReturnType<typeof readDescription>,
      origin: string,
      rest: Partial<StepToWrite> = {},
    ): StepToWrite => {
      const { correlationId, receivedTime, flow, controlId } = description;
      const receivedAt = new Date(receivedTime);
      return {
        ...common,
        ...{ correlationId, receivedAt, origin, at: receivedAt, kind: 'received', stage: `${flow}-listener` },
        header: { flow, controlId, messageType: 'ADT^A31', sendingApplication: 'T' },
        patientIdentifiers: [],
        ...rest,
      };
    };
    const steps = (await admin.readAll(receivedTopic(namespace, 'redacted'))).map((record) =>
      stepFor(readDescription(record.headers), `${record.topic}/${record.partition}/${record.offset}`),
    );
    for (let index = 0; index < fullCount; index += 1) {
      const description = describe('full', index);
      const { contentType, traceparent, healthBoard, peer, controlId } = description;
      steps.push(
        stepFor(description, `${receivedTopic(namespace, 'full')}/0/${index}`, {
          content: { bytes: Buffer.from(`message ${controlId}`), policy: 'Full' },
          envelope: { key: null, contentType, traceparent, healthBoard, peer },
        }),
      );
    }
    // Of these nothing is left in Kafka, one was never accepted, and one is of a topic made anew.
    steps.push(
      stepFor(describe('lost', 0), `${receivedTopic(namespace, 'lost')}/0/0`),
      stepFor(describe('refused', 0), 'ihub.test.refused.dead-letter/0/0', {
        kind: 'dead-letter',
        code: 'BAD',
      }),
      stepFor(describe('anew', 0), `${receivedTopic(namespace, 'redacted')}/0/3`),
    );
    await archive.write(steps);
  }

  const wish = (selection: Omit<ReplaySelection, 'stage'>, rest: Partial<NewReplay> = {}): NewReplay => ({
    id: randomUUID(),
    name: '',
    namespace,
    selection: { stage: 'received', ...selection },
    who: decision.who,
    reason: decision.why,
    ...rest,
  });

  async function reaches(id: string, holds: (replay: Replay) => boolean): Promise<Replay> {
    const deadline = performance.now() + 240_000;
    while (performance.now() < deadline) {
      const replay = await archive.replays.get(id);
      if (holds(replay)) return replay;
      await sleep(20);
    }
    throw new Error(`not reached: ${JSON.stringify(await archive.replays.get(id))}`);
  }

  /** What a replay has written into a topic. */
  async function written(topic: string, id: string): Promise<IncomingRecord[]> {
    return (await admin.readAll(topic)).filter(({ headers }) => headers['ce_replayid']?.toString() === id);
  }
  const numbersOf = (records: readonly IncomingRecord[]): number[] =>
    records.map(({ value }) => Number(/\d+$/.exec(value.toString())![0]));

  it('is seen before it is made: how many, of which flows, where to, and what can’t be sent', async () => {
    const preview = await previewReplay(sources, wish({ from: new Date(start) }));
    expect(preview).to.deep.include({
      total: redactedCount + fullCount + 1,
      flows: { redacted: redactedCount, full: fullCount, anew: 1 },
      targets: {
        [receivedTopic(namespace, 'redacted')]: redactedCount + 1,
        [receivedTopic(namespace, 'full')]: fullCount,
      },
      inArchive: fullCount,
      inKafka: redactedCount + 1,
      leftOut: 2,
    });
    expect(preview.firstAt!.getTime()).to.equal(start);
    expect(preview.examples.map(({ controlId, obstacle }) => [controlId, obstacle]).sort()).to.deep.equal([
      ['lost-0', 'GONE'],
      ['refused-0', 'NOT_WRITTEN'],
    ]);
    const id = randomUUID();
    const unknown = await previewReplay(sources, wish({ correlationIds: [id] }));
    expect(unknown).to.deep.include({ total: 0, unknown: [id] });
    expect(await archive.replays.list(10)).to.deep.equal([]);
  });

  it('is refused where it can’t be meant', async () => {
    const codes: unknown[] = [];
    for (const bad of [
      wish({}),
      wish({ flow: 'full' }, { reason: ' ' }),
      wish({ flow: 'full' }, { toDestination: 'nowhere' }),
      wish({ flow: 'none' }),
      wish({ flow: 'full', destination: 'other' }),
    ]) {
      const refusal = await startReplay(sources, bad).catch((error: unknown) => error);
      codes.push((refusal as { code?: string }).code);
    }
    expect(codes).to.deep.equal([
      'BAD_SELECTION',
      'NO_REASON',
      'NO_TARGET',
      'NOTHING_TO_REPLAY',
      'BAD_SELECTION',
    ]);
    expect(await archive.replays.list(10)).to.deep.equal([]);
  });

  it('sends each message once and in order, though whoever runs it is killed twice', async () => {
    const made = await startReplay(sources, wish({ from: new Date(start) }, { perSecond: 700 }));
    // The same wish again is the same replay.
    const again = await startReplay(sources, wish({ flow: 'full' }, { id: made.id }));
    expect(again.total).to.equal(made.total);
    let runner = run();
    for (const share of [0.2, 0.6]) {
      await reaches(made.id, ({ done }) => done > share * made.total);
      await end(runner, 'SIGKILL');
      runner = run();
    }
    const done = await reaches(made.id, ({ state }) => state !== 'running');
    expect(done).to.include({ state: 'completed', done: made.total, leftOut: 3, error: '' });
    await end(runner, 'SIGTERM');

    const redacted = await written(receivedTopic(namespace, 'redacted'), made.id);
    expect(numbersOf(redacted).sort((a, b) => a - b)).to.deep.equal([...Array(redactedCount).keys()]);
    for (const [, records] of Map.groupBy(redacted, (record) => record.key!.toString())) {
      expect(new Set(records.map(({ partition }) => partition)).size).to.equal(1);
      expect(numbersOf(records)).to.deep.equal(numbersOf(records).sort((a, b) => a - b));
    }
    const full = await written(receivedTopic(namespace, 'full'), made.id);
    expect(numbersOf(full)).to.deep.equal([...Array(fullCount).keys()]);
    expect(full[0]!.key).to.equal(null);
    const { examples, audit } = await reportReplay(archive, made.id);
    expect(examples.map(({ controlId }) => controlId)).to.have.members(['lost-0', 'refused-0', 'anew-0']);
    expect(audit.map(({ action, who, why }) => [action, who, why])).to.deep.equal([
      ['started', decision.who, decision.why],
      ['completed', 'integration-hub', ''],
    ]);
  });

  it('keeps what a message had, and marks it', async () => {
    const [original] = (await admin.readAll(receivedTopic(namespace, 'redacted'))).filter(
      ({ headers }) => headers['ce_replayid'] === undefined,
    );
    const description = readDescription(original!.headers);
    const runner = run();
    const { id } = await startReplay(
      sources,
      wish({ correlationIds: [description.correlationId] }, { toDestination: 'other' }),
    );
    await reaches(id, ({ state }) => state === 'completed');
    await end(runner, 'SIGTERM');
    const [record] = await written(outboundTopic(namespace, 'other'), id);
    expect(record!.value).to.deep.equal(original!.value);
    expect(record!.key).to.deep.equal(original!.key);
    expect(readDescription(record!.headers)).to.deep.equal({
      ...description,
      replay: { of: description.correlationId, id },
    });
    expect(record!.headers['ce_type']!.toString()).to.include('transformed');
  });

  it('waits, goes on and ends as it is told, and all of that is told', async () => {
    const runner = run();
    const { id } = await startReplay(sources, wish({ flow: 'full' }, { perSecond: 100 }));
    await reaches(id, ({ done }) => done > 20);
    await pauseReplay(archive, id, decision);
    await sleep(1_000);
    const paused = (await written(receivedTopic(namespace, 'full'), id)).length;
    await sleep(1_000);
    expect((await written(receivedTopic(namespace, 'full'), id)).length).to.equal(paused);
    expect(paused).to.be.lessThan(fullCount);
    await resumeReplay(archive, id, decision);
    await reaches(id, ({ done }) => done > paused + 20);
    await cancelReplay(archive, id, decision);
    await resumeReplay(archive, id, decision).then(
      () => expect.fail('it is over'),
      (error: unknown) => expect(error).to.include({ code: 'REPLAY_OVER' }),
    );
    await sleep(1_500);
    const sent = numbersOf(await written(receivedTopic(namespace, 'full'), id));
    expect(sent).to.deep.equal([...Array(sent.length).keys()]);
    const told = (): Promise<unknown[]> =>
      admin.readAll(eventsTopic(namespace)).then((records) =>
        records
          .map(({ value }) => JSON.parse(value.toString()) as { replay: string; action: string })
          .filter(({ replay }) => replay === id)
          .map(({ action }) => action),
      );
    const all = ['started', 'paused', 'resumed', 'cancelled'];
    for (let tries = 0; (await told()).length < all.length && tries < 200; tries += 1) await sleep(100);
    expect(await told()).to.deep.equal(all);
    await end(runner, 'SIGTERM');
  });

  it('is made, paused and ended as a MessageReplay asks, and fails where it can’t be made', async () => {
    const replay = (name: string, spec: object): MessageReplay =>
      messageReplay.parse({
        apiVersion,
        kind: 'MessageReplay',
        metadata: { name, namespace },
        spec: { selection: { flow: 'full' }, reason: decision.why, requestedBy: decision.who, ...spec },
      });
    const ask = async (name: string, spec: object): Promise<Replay> => {
      const wanted = replay(name, spec);
      const id = replayIdOf(wanted);
      await applyRequest(sources, readReplayRequest(replayRequestValue(wanted))!);
      return archive.replays.get(id);
    };
    expect(await ask('one', {})).to.include({
      state: 'running',
      total: fullCount,
      name: 'one',
      stage: 'received',
    });
    // Nobody runs it here. Asked once more, it is the same.
    expect(await ask('one', {})).to.include({ state: 'running', total: fullCount });
    expect(await ask('one', { paused: true })).to.include({ state: 'paused' });
    expect(await ask('one', { cancelled: true })).to.include({ state: 'cancelled', done: 0 });
    const untold = async (): Promise<string[]> =>
      (await archive.replays.untold(100)).flatMap((entry) => {
        return entry.replay === replayIdOf(replay('one', {})) ? [entry.id] : [];
      });
    const entries = await untold();
    expect(entries).to.have.length(3);
    await archive.replays.toldOf(entries);
    expect(await ask('one', {})).to.include({ state: 'cancelled' });
    expect(await untold(), 'its end is told again').to.deep.equal(entries.slice(-1));
    const none = await ask('none', { selection: { flow: 'none', until: '2026-11-20T09:00:00Z' } });
    expect(none).to.include({ state: 'failed', total: 0 });
    expect(none.error).to.include('nothing to replay');
    await resumeReplay(archive, none.id, decision).then(
      () => expect.fail('resumed'),
      (error: unknown) => expect(error).to.include({ code: 'REPLAY_OVER' }),
    );
    expect((await ask('nowhere', { to: 'nowhere' })).error).to.include('no topic ihub.test.nowhere.outbound');
  });
});
