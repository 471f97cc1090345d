/** A whole hub on this machine: an embedded Kafka (or a given one), its topics, and a process for every stage. */
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import type { KafkaAccess, Stage } from '@integration-hub/api';
import { EmbeddedBroker, TopicAdmin } from '@integration-hub/kafka';
import { askForReplay, ReplayRecords } from '@integration-hub/replay';
import { kafkaConnection } from '@integration-hub/workers';
import { noteKafka } from './kafka-address.js';
import { LocalArchive } from './local-archive.js';
import { planLocally, type LocalSettings } from './local-plan.js';
import type { Manifests } from './manifests.js';
import { UsageError } from './usage-error.js';
import { StageCounts, type Counts } from './worker-counts.js';
import { WorkerProcess } from './worker-process.js';

export interface LocalHubOptions {
  /** Where all that must outlive a restart is kept. */
  readonly directory: string;
  /** A Kafka that runs already; absent: an embedded one is started. */
  readonly kafka?: KafkaAccess;
  readonly addresses: LocalSettings['addresses'];
  readonly secrets?: LocalSettings['secrets'];
  /** Whether to keep messages in an embedded PostgreSQL. */
  readonly archive?: boolean | undefined;
  /** Whether to have the web console, and on which port of this machine. */
  readonly consolePort?: number | undefined;
  /** URL of OTLP/HTTP to which traces and metrics go. */
  readonly telemetry?: string | undefined;
  /** Share of messages that are traced; absent: all. */
  readonly sampleRatio?: number | undefined;
  /** Is told in a sentence what goes on. */
  readonly onProgress: (sentence: string) => void;
}

/** Stages in the order in which they are stopped: first what takes messages in, last what delivers them. */
const stopOrder = ['listener', 'transformer', 'sender', 'archivist'] as const;

export class LocalHub {
  readonly kafka: KafkaAccess;
  /** Those on the road of messages, and the archivist. */
  readonly workers: readonly WorkerProcess[];
  /** The web console's process, where there is one. */
  readonly console: WorkerProcess | undefined;
  readonly #counts: ReadonlyMap<WorkerProcess, StageCounts>;
  readonly #broker: EmbeddedBroker | undefined;
  readonly #archive: LocalArchive | undefined;
  readonly #lock: string;
  /** Done once the console has been told of all workers so far. */
  #told: Promise<void> = Promise.resolve();
  readonly #onProgress: (sentence: string) => void;

  private constructor(
    kafka: KafkaAccess,
    processes: readonly WorkerProcess[],
    broker: EmbeddedBroker | undefined,
    archive: LocalArchive | undefined,
    lock: string,
    onProgress: (sentence: string) => void,
  ) {
    this.kafka = kafka;
    this.workers = processes.filter(({ stage }) => stage.role !== 'console');
    this.console = processes.find(({ stage }) => stage.role === 'console');
    this.#counts = new Map(this.workers.map((worker) => [worker, new StageCounts()]));
    this.#broker = broker;
    this.#archive = archive;
    this.#lock = lock;
    this.#onProgress = onProgress;
  }

  /**
   * Starts Kafka, makes the topics, and starts every stage. What the directory holds from before goes on.
   *
   * @throws UsageError where the manifests are wrong, a port is taken, or another hub uses the directory
   * @throws BrokerError where Kafka can't be had
   */
  static async start(manifests: Manifests, options: LocalHubOptions): Promise<LocalHub> {
    const { directory, kafka, addresses, secrets, consolePort, onProgress } = options;
    const alertOverridesFile = resolve(directory, 'alert-overrides.json');
    const console = consolePort === undefined ? undefined : { port: consolePort, alertOverridesFile };
    const telemetry =
      options.telemetry === undefined
        ? undefined
        : {
            endpoint: options.telemetry,
            spansFolder: resolve(directory, 'spans'),
            sampleRatio: options.sampleRatio,
          };
    // Wrong manifests are told of before anything is fetched or started.
    planLocally(manifests, {
      kafka: kafka ?? plainKafka(['127.0.0.1:1']),
      embedded: kafka === undefined,
      addresses,
      secrets,
      telemetry,
      archive: options.archive ? { port: 1, database: 'archive', secrets: directory } : undefined,
      console,
    });
    const { replays = [] } = manifests;
    if (replays.length > 0 && !options.archive) {
      const named = replays.map(({ metadata }) => `MessageReplay/${metadata.name}`).join(', ');
      throw new UsageError(`${named} can’t be done without an archive: add --archive`);
    }
    const lock = await takeLock(directory);
    let broker: EmbeddedBroker | undefined;
    let archive: LocalArchive | undefined;
    try {
      if (kafka === undefined) {
        onProgress('starting Kafka');
        broker = await EmbeddedBroker.start({
          dataDirectory: join(directory, 'kafka'),
          logFile: join(directory, 'logs', 'kafka.log'),
          onProgress,
        });
      }
      const access = broker === undefined ? kafka! : plainKafka(broker.bootstrapServers);
      await noteKafka(directory, access);
      const embedded = broker !== undefined;
      if (options.archive) {
        onProgress('starting PostgreSQL');
        archive = await LocalArchive.start(directory, onProgress);
      }
      const reached = { kafka: access, embedded, addresses };
      const settings = { ...reached, secrets, archive, console, telemetry };
      const plan = planLocally(manifests, settings);
      await refuseTakenPorts(plan.stages);
      onProgress(`making ${plan.topics.length} topics at Kafka ${access.bootstrapServers.join(', ')}`);
      const connection = kafkaConnection(access, 'ihub-up');
      const admin = await TopicAdmin.connect({ connection });
      try {
        await admin.ensureTopics(plan.topics);
        for (const replay of replays) {
          const records = new ReplayRecords(replay.metadata.namespace);
          await records.update(admin);
          await askForReplay(records, connection, replay);
        }
      } finally {
        await admin.close();
      }
      const processes = plan.stages.map((stage) => new WorkerProcess(stage, directory));
      const hub = new LocalHub(access, processes, broker, archive, lock, onProgress);
      onProgress(`starting ${hub.workers.length} workers`);
      for (const worker of hub.workers) worker.on('state', () => hub.#tellConsole());
      await Promise.all(processes.map((one) => one.start()));
      return hub;
    } catch (error) {
      await archive?.stop();
      await broker?.stop();
      await rm(lock, { force: true });
      throw error;
    }
  }

  /** Resolves when Kafka ends without having been told to; never where Kafka is not ours. */
  get kafkaEnded(): Promise<unknown> {
    return this.#broker?.exited ?? new Promise(() => undefined);
  }

  /** Where the console is, for a browser on this machine. */
  get consoleUrl(): string | undefined {
    const configuration = this.console?.stage.configuration;
    return configuration?.role === 'console' ? `http://localhost:${configuration.listen.port}` : undefined;
  }

  get bootstrapServers(): readonly string[] {
    return this.kafka.bootstrapServers;
  }

  counts(worker: WorkerProcess): Counts {
    return this.#counts.get(worker)!.counts;
  }

  async refreshCounts(): Promise<void> {
    await Promise.all([...this.#counts].map(([worker, counts]) => counts.refresh(worker)));
  }

  /** Tells the console where workers are: each has another port whenever it starts. */
  #tellConsole(): void {
    const configuration = this.console?.stage.configuration;
    if (this.console === undefined || configuration?.role !== 'console') return;
    const workers = this.workers.flatMap(({ stage, httpPort: port }) =>
      port === undefined ? [] : [{ stage: stage.name, host: '127.0.0.1', port }],
    );
    const plan = { ...configuration.plan, workers };
    const { console } = this;
    this.#told = this.#told
      .then(() => console.configure({ ...configuration, plan }))
      .catch((error: unknown) =>
        this.#onProgress(`the console can't be told of workers: ${(error as Error).message}`),
      );
  }

  /** Process id of the archive's PostgreSQL, where there is one. */
  get archivePid(): number | undefined {
    return this.#archive?.pid;
  }

  /** Stops listeners, then transformers, senders, archivist, then what they use; each finishes what it has taken. */
  async stop(): Promise<void> {
    // Messages need no console.
    await this.console?.stop();
    for (const role of stopOrder) {
      const workers = this.workers.filter((worker) => worker.stage.role === role);
      if (workers.length === 0) continue;
      this.#onProgress(`stopping ${role}s`);
      await Promise.all(workers.map((worker) => worker.stop()));
    }
    if (this.#archive) {
      this.#onProgress('stopping PostgreSQL');
      await this.#archive.stop();
    }
    if (this.#broker) {
      this.#onProgress('stopping Kafka');
      await this.#broker.stop();
    }
    await rm(this.#lock, { force: true });
  }
}

/** A Kafka that is connected to without TLS and login, as the embedded one is. */
export function plainKafka(bootstrapServers: readonly string[]): KafkaAccess {
  return { bootstrapServers: [...bootstrapServers], tls: null, sasl: null };
}

/** Two hubs on one directory would write to each other's Kafka. */
async function takeLock(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const lock = join(directory, 'up.pid');
  for (;;) {
    try {
      const file = await open(lock, 'wx');
      await file.writeFile(`${process.pid}\n`);
      await file.close();
      return lock;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = parseInt(await readFile(lock, 'utf8').catch(() => ''), 10);
    if (holder > 0 && isRunning(holder)) {
      throw new UsageError(
        `another ihub up (process ${holder}) uses ${directory}: stop it, or give this one another --data folder`,
      );
    }
    await rm(lock, { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function refuseTakenPorts(stages: readonly Stage[]): Promise<void> {
  for (const { owner, configuration } of stages) {
    if (configuration.role !== 'listener' && configuration.role !== 'console') continue;
    const { host, port } = configuration.listen;
    if (await isFree(port, host)) continue;
    const [what, other] =
      configuration.role === 'listener'
        ? [owner, 'change spec.listener.mllp.port']
        : ['console', 'give another --console-port'];
    throw new UsageError(`${what}: port ${port} is in use on this machine: free it, or ${other}`);
  }
}

/** Whether something could listen on a port of this machine. */
export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
