import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stage } from '@integration-hub/api';
import { workerProgram } from '@integration-hub/workers';
import type { ZoneName, ZoneNetwork } from './zone-network.js';

/** How long after its end a worker is started again: about what a kubelet takes for the first time. */
const RESTART_AFTER = 500;

/** One replica of a stage, as a process in the network of its zone; started again whenever it ends by itself. */
export class ZoneWorker {
  readonly stage: Stage;
  readonly zone: ZoneName;
  readonly logFile: string;
  running = false;
  restarts = 0;
  readonly #command: readonly [string, ...string[]];
  readonly #configurationFile: string;
  #child: ChildProcess | undefined;
  #ended = Promise.resolve();
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param program another program than ours, which takes the same `--config FILE` */
  constructor(
    stage: Stage,
    zone: ZoneName,
    network: ZoneNetwork,
    directory: string,
    program = workerProgram,
  ) {
    this.stage = stage;
    this.zone = zone;
    this.logFile = join(directory, `${this.name}.log`);
    this.#configurationFile = join(directory, `${this.name}.json`);
    const [command, ...words] = network.within(zone);
    this.#command = [command, ...words, process.execPath, program, '--config', this.#configurationFile];
  }

  get name(): string {
    return `${this.stage.name} in ${this.zone}`;
  }

  async start(): Promise<void> {
    await mkdir(join(this.logFile, '..'), { recursive: true });
    const health = { host: '127.0.0.1', tcpPort: 0, httpPort: 0 };
    await writeFile(this.#configurationFile, JSON.stringify({ ...this.stage.configuration, health }));
    await this.#spawn();
  }

  /** SIGKILL, SIGTERM, SIGSTOP or SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Resolves when the present process has ended; the next one follows by itself. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Ends it for good. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.signal('SIGCONT');
    this.signal(signal);
    await this.#ended;
  }

  async #spawn(): Promise<void> {
    const log = await open(this.logFile, 'a');
    const [command, ...words] = this.#command;
    const child = spawn(command, words, { stdio: ['ignore', log.fd, log.fd, 'ipc'] });
    await log.close();
    this.#child = child;
    child.once('message', () => (this.running = true));
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        this.running = false;
        resolve();
        if (this.#stopped) return;
        this.restarts += 1;
        this.#timer = setTimeout(() => void this.#spawn(), RESTART_AFTER);
      });
    });
  }
}
