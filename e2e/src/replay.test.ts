/**
 * Replays on a real road: real flows, a real Kafka, a real PostgreSQL, an archivist that is killed twice in the middle.
 * IHUB_REPLAY_MESSAGES says how many messages; 400 where it says nothing.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outboundTopic, readResources, receivedTopic, recordHeaders } from '@integration-hub/api';
import { IhubProcess, LocalHub, MockReceiver } from '@integration-hub/cli';
import { Message } from '@integration-hub/hl7';
import { freePorts, GatheringProducer } from '@integration-hub/kafka';
import type { Replay } from '@integration-hub/store';
import { expect } from 'chai';
import { flows, samples } from './flows.js';
import { Hospital, numbered } from './hospital.js';
import { until } from './hub-under-test.js';
import { Journal } from './journal.js';

const count = Number(process.env['IHUB_REPLAY_MESSAGES'] ?? 400);
/** What many messages may take longer, on a machine that is busy with other things, in milliseconds. */
const longer = count * 10;
/** In CI the replay is slowed, so that it can be killed in the middle. */
const rate = count > 10_000 ? [] : ['--rate', '40/s'];

describe('ihub replay', function () {
  this.timeout(1_200_000 + 6 * longer);
  let directory: string;
  let hub: LocalHub;
  let receiver: MockReceiver;
  let ports: number[];
  let manifests: string;
  /** MSH-10s, in the order in which they came. */
  const arrived: string[] = [];
  const begun = new Date(Date.now() - 60_000).toISOString().slice(0, 19);

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-replay-'));
    ports = await freePorts(3);
    receiver = new MockReceiver(
      { host: '127.0.0.1', port: ports[0]!, reply: 'AA', delayMs: 0 },
      {
        message: ({ bytes }) => {
          arrived.push(Message.parse(bytes).controlId);
        },
      },
    );
    await receiver.start();
    manifests = flows()
      .replace('name: paris-to-mpi\nspec:\n', 'name: paris-to-mpi\nspec:\n  contentPolicy: Full\n')
      .replace(/port: (257[567])/g, (_, port: string) => {
        return `port: ${{ 2576: ports[0]!, 2575: ports[1]!, 2577: ports[2]! }[port]!}`;
      });
    await up();
    await fill();
  });
  after(async () => {
    await hub.stop();
    await receiver.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** What `ihub up` does with the files' text. */
  async function up(): Promise<void> {
    const read = readResources(manifests, 'test');
    expect(read.problems).to.deep.equal([]);
    hub = await LocalHub.start(
      { hub: undefined, ...read },
      { directory, addresses: new Map(), archive: true, onProgress: () => undefined },
    );
    await until('every worker runs', () => hub.workers.every(({ state }) => state === 'running'), 60_000);
  }

  /** Messages of both flows, as their listeners would have stored them. */
  async function fill(): Promise<void> {
    const producer = new GatheringProducer({
      connection: { bootstrapServers: hub.bootstrapServers, clientId: 'test' },
    });
    const each = [
      ['phw', 'phw-to-mpi', receivedTopic('default', 'phw-to-mpi'), samples.phw],
      ['paris', 'paris-to-mpi', outboundTopic('default', 'mpi'), samples.paris],
    ] as const;
    for (let from = 1; from <= count / 2; from += 1_000) {
      const numbers = Array.from(
        { length: Math.min(1_000, count / 2 - from + 1) },
        (_, index) => from + index,
      );
      await Promise.all(
        each.flatMap(([name, flow, topic, template]) =>
          numbers.map((number) => {
            const description = {
              correlationId: randomUUID(),
              namespace: 'default',
              flow,
              receivedTime: new Date().toISOString(),
              controlId: `${name}-${number}`,
              contentType: 'x-application/hl7-v2+er7; charset=utf-8',
              traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
              healthBoard: '',
              peer: '',
            };
            const headers = recordHeaders(description, 'received');
            return producer.produce({
              ...{ topic, headers, key: Buffer.from(flow) },
              value: numbered(template, description.controlId),
            });
          }),
        ),
      );
    }
    await producer.close();
  }

  async function ihub(...args: string[]): Promise<{ code: number | string; out: string; err: string }> {
    const run = new IhubProcess([...args, '--data', directory]);
    const code = await run.ended();
    return { code, out: run.stdout, err: run.stderr };
  }
  async function json<T>(...args: string[]): Promise<T> {
    const { out, err } = await ihub(...args, '--json');
    expect(out, err).not.to.equal('');
    return JSON.parse(out) as T;
  }
  const show = (id: string): Promise<Replay> => json<Replay>('replay', 'show', id);
  const numbersOf = (name: string, from: number): number[] =>
    arrived.slice(from).flatMap((id) => (id.startsWith(`${name}-`) ? [Number(id.split('-')[1])] : []));
  const all = Array.from({ length: count / 2 }, (_, index) => index + 1);
  const kill = async (): Promise<void> => {
    const archivist = hub.workers.find(({ stage }) => stage.role === 'archivist')!;
    await until('the archivist runs', () => archivist.state === 'running', 60_000);
    process.kill(archivist.pid!, 'SIGKILL');
  };

  it('sends what a search finds once more and in order, though the archivist is killed twice', async () => {
    await until('all is delivered', () => arrived.length === count, 60_000 + longer);
    await until(
      'all is archived',
      async () => {
        const { out } = await ihub('replay', '--from', begun, '--json');
        return out !== '' && (JSON.parse(out) as { total: number }).total === count;
      },
      30_000 + longer,
    );
    const preview = await ihub('replay', '--from', begun);
    expect(preview.code, preview.err).to.equal(0);
    expect(preview.err)
      .to.include(`would send  ${count} messages`)
      .and.include(`content     ${count / 2} from the archive, ${count / 2} from Kafka`);
    expect(arrived).to.have.length(count);

    const began = performance.now();
    const options = ['--from', begun, ...rate, '--reason', 'INC-4711', '--who', 'siân', '--run', '--detach'];
    const { id } = await json<Replay>('replay', ...options);
    for (const share of [0.2, 0.6]) {
      await until('it has come so far', async () => (await show(id)).done >= share * count, 60_000 + longer);
      await kill();
    }
    await until('it is over', async () => (await show(id)).state !== 'running', 60_000 + longer);
    const written = performance.now();
    const done = await show(id);
    expect(done).to.include({ state: 'completed', total: count, done: count, leftOut: 0, error: '' });
    await until('all is delivered again', () => arrived.length >= 2 * count, 60_000 + longer);
    if (count > 10_000) {
      const seconds = (ms: number): string => (ms / 1_000).toFixed(0);
      console.log(
        `      ${count} written in ${seconds(written - began)} s, delivered in ${seconds(performance.now() - began)} s`,
      );
    }
    expect(arrived).to.have.length(2 * count);
    for (const name of ['phw', 'paris']) expect(numbersOf(name, count), name).to.deep.equal(all);
  });

  it('is seen in the road of the message, with who did it and why', async () => {
    await until(
      'its delivery is archived',
      async () => (await ihub('trace', 'phw-1')).out.split('delivered, again').length > 1,
      30_000,
    );
    const { out } = await ihub('trace', 'phw-1');
    expect(out)
      .to.match(/received, again .*\n.*transformed, again .*\n.*delivered, again/)
      .and.match(/again by the replay [0-9a-f-]{36}: siân, .*: INC-4711/);
  });

  it('sends from a later stage, and a file of ids, as they were written', async () => {
    const before = arrived.length;
    const found = await ihub('search', '--control-id', 'phw-2', '--json');
    const { correlationId } = JSON.parse(found.out) as { correlationId: string };
    const options = ['--ids', '-', '--stage', 'outbound', '--reason', 'INC-4712', '--run'];
    const run = new IhubProcess(['replay', ...options, '--data', directory]);
    run.child.stdin!.end(`${correlationId}\n`);
    expect(await run.ended(), run.stderr).to.equal(0);
    expect(run.stdout).to.include('completed  1 of 1');
    await until('it has arrived', () => arrived.length > before, 30_000);
    expect(arrived.slice(before)).to.deep.equal(['phw-2']);
  });

  it('says what is wrong with what it is given', async () => {
    const wrong: [string[], RegExp][] = [
      [[], /say which/],
      [['--flow', 'phw-to-mpi', '--run'], /--reason is needed/],
      [['--flow', 'phw-to-mpi', '--to', 'nowhere'], /no topic .*nowhere/],
      [['pause', randomUUID(), '--reason', 'x'], /There is no replay/],
    ];
    for (const [args, sentence] of wrong) {
      const { code, err } = await ihub('replay', ...args);
      expect([code, err], args.join(' ')).to.satisfy(
        ([exit, text]: [number, string]) => exit === 2 && sentence.test(text),
      );
    }
  });

  it('has in a message’s road what people did with its dead letter', async () => {
    const unmappable = Buffer.from(samples.phw.toString().replace('|2026-03-04 09:15:27|', '|no date|'));
    const hospital = new Hospital({
      ...{ name: 'unmappable', port: ports[1]!, template: unmappable },
      journal: new Journal(),
    });
    await hospital.send(1);
    hospital.close();
    const road = async (): Promise<string> => (await ihub('trace', 'unmappable-1')).out;
    await until('it is a dead letter', async () => (await road()).includes('dead-letter'), 30_000);
    for (const [action, why] of [
      ['replay', 'mended?'],
      ['drop', 'a test'],
    ] as const) {
      const { code, err } = await ihub(
        'dead-letters',
        action,
        '--owner',
        'phw-to-mpi',
        '--who',
        'siân',
        '--why',
        why,
      );
      expect(code, err).to.equal(0);
      await until(`it was ${action}ed`, async () => (await road()).includes(`by siân: ${why}`), 30_000);
      if (action === 'replay') {
        await until('it fails again', async () => (await road()).includes('dead-letter, again'), 30_000);
      }
    }
    expect(await road())
      .to.match(/letter-replayed .*\n.*received, again/)
      .and.include('letter-dropped');
    const { out } = await ihub('search', '--control-id', 'unmappable-1');
    expect(out).to.include('dead letter, dropped');
  });

  it('sends what a MessageReplay in the files of the hub asks for, once', async () => {
    await hub.stop();
    const before = arrived.length;
    manifests += `
---
apiVersion: integrationhub.dev/v1alpha1
kind: MessageReplay
metadata:
  name: mpi-lost-one
spec:
  selection:
    controlId: paris-3
  stage: Outbound
  reason: INC-4713
  requestedBy: siân
`;
    const ofName = async (): Promise<Replay[]> => {
      const { out } = await ihub('replay', 'list', '--json');
      const replays = out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Replay]));
      return replays.filter(({ name }) => name === 'mpi-lost-one');
    };
    await up();
    await until('it is over', async () => (await ofName())[0]?.state === 'completed', 60_000);
    await hub.stop();
    await up();
    const [replay, ...others] = await ofName();
    expect(others).to.deep.equal([]);
    expect(replay).to.include({ who: 'siân', reason: 'INC-4713', leftOut: 0 });
    const { total } = replay!;
    await until('it has arrived', () => arrived.length >= before + total, 30_000);
    expect(arrived.slice(before)).to.deep.equal(Array.from({ length: total }, () => 'paris-3'));
  });
});
