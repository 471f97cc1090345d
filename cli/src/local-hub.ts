/** A whole hub on this machine: an embedded Kafka (or a given one), its topics, and a process for every stage. */
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Stage } from '@integration-hub/api';
import { EmbeddedBroker, TopicAdmin } from '@integration-hub/kafka';
import { KAFKA_ADDRESS_FILE } from './kafka-address.js';
import { LocalArchive } from './local-archive.js';
import { planLocally, type LocalSettings } from './local-plan.js';
import type { Manifests } from './manifests.js';
import { UsageError } from './usage-error.js';
import { StageCounts, type Counts } from './worker-counts.js';
import { WorkerProcess } from './worker-process.js';

export interface LocalHubOptions {
  /** Where all that must outlive a restart is kept. */
  readonly directory: string;
  /** A Kafka that runs already, as HOST:PORT; absent: an embedded one is started. */
  readonly kafka?: string;
  readonly addresses: LocalSettings['addresses'];
  readonly secrets?: LocalSettings['secrets'];
  /** Whether to keep messages in an embedded PostgreSQL. */
  readonly archive?: boolean | undefined;
  /** Is told in a sentence what goes on. */
  readonly onProgress: (sentence: string) => void;
}

/** Stages in the order in which they are stopped: first what takes messages in, last what delivers them. */
const stopOrder = ['listener', 'transformer', 'sender', 'archivist'] as const;

export class LocalHub {
  readonly bootstrapServers: readonly string[];
  readonly workers: readonly WorkerProcess[];
  readonly #counts: ReadonlyMap<WorkerProcess, StageCounts>;
  readonly #broker: EmbeddedBroker | undefined;
  readonly #archive: LocalArchive | undefined;
  readonly #lock: string;
  readonly #onProgress: (sentence: string) => void;

  private constructor(
    bootstrapServers: readonly string[],
    workers: readonly WorkerProcess[],
    broker: EmbeddedBroker | undefined,
    archive: LocalArchive | undefined,
    lock: string,
    onProgress: (sentence: string) => void,
  ) {
    this.bootstrapServers = bootstrapServers;
    this.workers = workers;
    this.#counts = new Map(workers.map((worker) => [worker, new StageCounts()]));
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
    const { directory, kafka, addresses, secrets, onProgress } = options;
    // Wrong manifests are told of before anything is fetched or started.
    planLocally(manifests, {
      bootstrapServers: [kafka ?? '127.0.0.1:1'],
      embedded: kafka === undefined,
      addresses,
      secrets,
      archive: options.archive ? { port: 1, database: 'archive', secrets: directory } : undefined,
    });
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
      const bootstrapServers = broker?.bootstrapServers ?? [kafka!];
      await writeFile(join(directory, KAFKA_ADDRESS_FILE), bootstrapServers.join(','));
      const embedded = broker !== undefined;
      if (options.archive) {
        onProgress('starting PostgreSQL');
        archive = await LocalArchive.start(directory, onProgress);
      }
      const plan = planLocally(manifests, { bootstrapServers, embedded, addresses, secrets, archive });
      await refuseTakenPorts(plan.stages);
      onProgress(`making ${plan.topics.length} topics at Kafka ${bootstrapServers.join(', ')}`);
      const admin = await TopicAdmin.connect({
        connection: { bootstrapServers: [...bootstrapServers], clientId: 'ihub-up' },
      });
      try {
        await admin.ensureTopics(plan.topics);
      } finally {
        await admin.close();
      }
      const workers = plan.stages.map((stage) => new WorkerProcess(stage, directory));
      const hub = new LocalHub(bootstrapServers, workers, broker, archive, lock, onProgress);
      onProgress(`starting ${workers.length} workers`);
      await Promise.all(workers.map((worker) => worker.start()));
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

  counts(worker: WorkerProcess): Counts {
    return this.#counts.get(worker)!.counts;
  }

  async refreshCounts(): Promise<void> {
    await Promise.all([...this.#counts].map(([worker, counts]) => counts.refresh(worker)));
  }

  /** Process id of the archive's PostgreSQL, where there is one. */
  get archivePid(): number | undefined {
    return this.#archive?.pid;
  }

  /** Stops listeners, then transformers, senders, archivist, then what they use; each finishes what it has taken. */
  async stop(): Promise<void> {
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
    if (configuration.role !== 'listener') continue;
    const { host, port } = configuration.listen;
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, host, () => server.close(() => resolve(true)));
    });
    if (!free) {
      throw new UsageError(
        `${owner}: port ${port} is in use on this machine: free it, or change spec.listener.mllp.port`,
      );
    }
  }
}
