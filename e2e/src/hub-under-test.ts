/**
 * A hub on a real Kafka with a mock receiver, for one suite: started in a folder of its own, on ports of its own, so
 * that a test can break any part of it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readResources, problemText } from '@integration-hub/api';
import { LocalHub, MockReceiver, type WorkerProcess } from '@integration-hub/cli';
import { Message } from '@integration-hub/hl7';
import { EmbeddedBroker, TopicAdmin, type IncomingRecord } from '@integration-hub/kafka';
import { Journal } from './journal.js';

export interface HubUnderTestOptions {
  /** YAML of the flows and destinations; `PORT_1`, `PORT_2` … and `MPI_PORT` are replaced by free ports. */
  readonly manifests: string;
}

export class HubUnderTest {
  readonly journal = new Journal();
  /** Ports of PORT_1, PORT_2 … in turn. */
  readonly ports: readonly number[];
  readonly broker: EmbeddedBroker;
  readonly receiver: MockReceiver;
  readonly hub: LocalHub;
  readonly directory: string;

  private constructor(
    directory: string,
    ports: readonly number[],
    broker: EmbeddedBroker,
    receiver: MockReceiver,
    hub: LocalHub,
  ) {
    this.directory = directory;
    this.ports = ports;
    this.broker = broker;
    this.receiver = receiver;
    this.hub = hub;
  }

  static async start(options: HubUnderTestOptions): Promise<HubUnderTest> {
    const directory = await mkdtemp(join(tmpdir(), 'ihub-test-'));
    const broker = await EmbeddedBroker.start({
      dataDirectory: join(directory, 'kafka'),
      logFile: join(directory, 'kafka.log'),
    });
    const [mpiPort, ...ports] = await freePorts(4);
    const text = options.manifests
      .replaceAll('MPI_PORT', String(mpiPort))
      .replace(/PORT_(\d)/g, (_, number: string) => String(ports[Number(number) - 1]));
    const read = readResources(text, 'test');
    if (read.problems.length > 0) throw new Error(read.problems.map(problemText).join('\n'));
    // Arrivals are written to the journal as they come; nothing can arrive before the hub runs.
    let journal: Journal | undefined;
    const receiver = new MockReceiver(
      { host: '127.0.0.1', port: mpiPort!, reply: 'AA', delayMs: 0 },
      {
        message: ({ bytes, connection }) => {
          journal?.arrived(Message.parse(bytes).controlId, connection, Buffer.from(bytes));
        },
      },
    );
    await receiver.start();
    const hub = await LocalHub.start(
      { hub: undefined, ...read },
      {
        directory: join(directory, 'hub'),
        kafka: broker.bootstrapServers[0]!,
        addresses: new Map(),
        onProgress: () => undefined,
      },
    );
    const under = new HubUnderTest(directory, ports, broker, receiver, hub);
    journal = under.journal;
    await under.running();
    return under;
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
    await this.receiver.stop();
    await this.broker.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Waits for something to become true; fails with its name when it doesn't in time. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(50);
  }
}

/** Ports that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
