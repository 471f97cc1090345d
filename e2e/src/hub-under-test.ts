/**
 * A hub on a real Kafka with a mock receiver, for one suite: started in a folder of its own, on ports of its own, so
 * that a test can break any part of it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readResources, problemText } from '@integration-hub/api';
import { LocalHub, plainKafka, MockReceiver, type WorkerProcess } from '@integration-hub/cli';
import { Message } from '@integration-hub/hl7';
import { EmbeddedBroker, freePorts, TopicAdmin, type IncomingRecord } from '@integration-hub/kafka';
import { Journal } from './journal.js';

export interface HubUnderTestOptions {
  /** YAML of the flows and destinations; every port in it is replaced by a free one, see `port`. */
  readonly manifests: string;
  /** Ports, as the manifests have them, on which a mock receiver listens; the first is the journal's. */
  readonly receivers?: readonly number[];
  /** URL of an OTLP receiver. */
  readonly telemetry?: string;
  /** Share of messages that are traced; absent: all. */
  readonly sampleRatio?: number;
  /** With a message store, on a PostgreSQL of its own. */
  readonly archive?: boolean;
}

export class HubUnderTest {
  /** What each receiver got, by its port in the manifests. */
  readonly journals: ReadonlyMap<number, Journal>;
  readonly broker: EmbeddedBroker;
  /** By the port in the manifests. */
  readonly receivers: ReadonlyMap<number, MockReceiver>;
  readonly #ports: ReadonlyMap<number, number>;
  readonly hub: LocalHub;
  readonly directory: string;

  private constructor(
    directory: string,
    ports: ReadonlyMap<number, number>,
    broker: EmbeddedBroker,
    receivers: ReadonlyMap<number, MockReceiver>,
    journals: ReadonlyMap<number, Journal>,
    hub: LocalHub,
  ) {
    this.directory = directory;
    this.#ports = ports;
    this.broker = broker;
    this.receivers = receivers;
    this.journals = journals;
    this.hub = hub;
  }

  static async start(options: HubUnderTestOptions): Promise<HubUnderTest> {
    const directory = await mkdtemp(join(tmpdir(), 'ihub-test-'));
    const broker = await EmbeddedBroker.start({
      dataDirectory: join(directory, 'kafka'),
      logFile: join(directory, 'kafka.log'),
    });
    const named = [
      ...new Set([...options.manifests.matchAll(/\bport: (\d+)/g)].map(([, port]) => Number(port))),
    ];
    const free = await freePorts(named.length);
    const ports = new Map(named.map((port, index) => [port, free[index]!]));
    const text = options.manifests.replace(
      /\bport: (\d+)/g,
      (_, port: string) => `port: ${ports.get(Number(port))!}`,
    );
    const read = readResources(text, 'test');
    if (read.problems.length > 0) throw new Error(read.problems.map(problemText).join('\n'));
    const journals = new Map<number, Journal>();
    const receivers = new Map<number, MockReceiver>();
    for (const port of options.receivers ?? [2576]) {
      const journal = new Journal();
      journals.set(port, journal);
      const receiver = new MockReceiver(
        { host: '127.0.0.1', port: ports.get(port)!, reply: 'AA', delayMs: 0 },
        {
          message: ({ bytes }) => {
            journal.arrived(Message.parse(bytes).controlId, Buffer.from(bytes));
          },
        },
      );
      await receiver.start();
      receivers.set(port, receiver);
    }
    const hub = await LocalHub.start(
      { hub: undefined, ...read },
      {
        directory: join(directory, 'hub'),
        kafka: plainKafka(broker.bootstrapServers),
        addresses: new Map(),
        telemetry: options.telemetry,
        sampleRatio: options.sampleRatio,
        ...(options.archive === true && { archive: true }),
        onProgress: () => undefined,
      },
    );
    const under = new HubUnderTest(directory, ports, broker, receivers, journals, hub);
    await under.running();
    return under;
  }

  /** The port that stands for one of the manifests. */
  port(inManifests: number): number {
    return this.#ports.get(inManifests)!;
  }

  /** The receiver at 2576, the index in the shipped manifests. */
  get receiver(): MockReceiver {
    return this.receivers.get(2576)!;
  }

  /** Its journal. */
  get journal(): Journal {
    return this.journals.get(2576)!;
  }

  /** The worker of a stage, such as `phw-to-mpi-listener`. */
  worker(stage: string): WorkerProcess {
    const worker = this.hub.workers.find((one) => one.stage.name === stage);
    if (!worker) throw new Error(`no stage ${stage}`);
    return worker;
  }

  /** Resolves when every worker runs. */
  async running(): Promise<void> {
    await until(
      'every worker runs',
      () => this.hub.workers.every((worker) => worker.state === 'running'),
      60_000,
    );
  }

  /** SIGKILL, as the kernel's out-of-memory killer would. The runner starts it again. */
  kill(stage: string): void {
    process.kill(this.worker(stage).pid!, 'SIGKILL');
  }

  /** Everything that a topic holds. */
  async topic(name: string): Promise<IncomingRecord[]> {
    const admin = await TopicAdmin.connect({
      connection: { bootstrapServers: this.broker.bootstrapServers, clientId: 'test' },
    });
    try {
      return await admin.readAll(name);
    } finally {
      await admin.close();
    }
  }

  async stop(): Promise<void> {
    await this.hub.stop();
    for (const receiver of this.receivers.values()) await receiver.stop();
    await this.broker.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A machine that is busy, or stands still for a while, is given so many times as long. */
const patience = 6;

/**
 * Waits for something to become true; fails with its name when it doesn't.
 *
 * @param withinMs how long it takes at most on a machine that has nothing else to do, in milliseconds; where it took
 *   longer, that is said
 */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<void> {
  const begunAt = performance.now();
  let tookMs = 0;
  while (!(await holds())) {
    tookMs = performance.now() - begunAt;
    if (tookMs > patience * withinMs) throw new Error(`not within ${patience * withinMs} ms: ${what}`);
    await sleep(50);
  }
  if (tookMs > withinMs)
    console.error(`      (after ${Math.round(tookMs)} ms, expected within ${withinMs}: ${what})`);
}
