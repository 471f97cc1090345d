/** One stage as a process on this machine: started, watched, started again when it ends by itself, stopped. */
import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stage, StageConfiguration } from '@integration-hub/api';
import { consoleProgram } from '@integration-hub/console';
import { workerEnvironment, workerNodeOptions, workerProgram } from '@integration-hub/workers';

export type WorkerState = 'starting' | 'running' | 'restarting' | 'stopping' | 'stopped';

/** First and longest wait before a worker is started again, and how long it must have run to begin anew. */
const [firstWaitMs, longestWaitMs, steadyMs] = [500, 30_000, 60_000];
/** Exit code of a worker whose configuration is wrong: another start would not help. */
const wrongConfiguration = 2;

interface Started {
  readonly started: true;
  readonly tcpPort: number;
  readonly httpPort: number;
}

/**
 * Emits `state` whenever the state changes. A worker that is killed or gives up is started again, sooner the first
 * time than later ones, as Kubernetes does.
 */
export class WorkerProcess extends EventEmitter<{ state: [] }> {
  readonly stage: Stage;
  state: WorkerState = 'stopped';
  /** How often it ended by itself. */
  restarts = 0;
  /** Port of /metrics and /readyz while it runs. */
  httpPort: number | undefined;
  /** Port that accepts while it lives. */
  tcpPort: number | undefined;
  readonly logFile: string;
  readonly #configurationFile: string;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #startedAt = 0;
  #waitMs = firstWaitMs;
  #restartTimer: NodeJS.Timeout | undefined;

  /** @param directory where its configuration and its log are kept */
  constructor(stage: Stage, directory: string) {
    super();
    this.stage = stage;
    this.#configurationFile = join(directory, 'configuration', `${stage.name}.json`);
    this.logFile = join(directory, 'logs', `${stage.name}.log`);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    await mkdir(join(this.#configurationFile, '..'), { recursive: true });
    await mkdir(join(this.logFile, '..'), { recursive: true });
    await this.configure(this.stage.configuration);
    await this.#spawn();
  }

  /** Writes what it reads; a process that runs notices only what its role reads again. */
  async configure(configuration: StageConfiguration): Promise<void> {
    // In one step: it may be read at any time.
    await writeFile(`${this.#configurationFile}.new`, JSON.stringify(configuration, null, 2));
    await rename(`${this.#configurationFile}.new`, this.#configurationFile);
  }

  /** Asks the worker to stop and waits until it has. */
  async stop(): Promise<void> {
    clearTimeout(this.#restartTimer);
    if (this.state === 'stopped') return;
    this.#become('stopping');
    this.#child?.kill('SIGTERM');
    await this.#ended;
    this.#become('stopped');
  }

  async #spawn(): Promise<void> {
    const log = await open(this.logFile, 'a');
    // A group of its own: Ctrl-C in the terminal is for us, who stop the workers in their order.
    const program = this.stage.role === 'console' ? consoleProgram : workerProgram;
    const parameters = [...workerNodeOptions, program, '--config', this.#configurationFile];
    const child = spawn(process.execPath, parameters, {
      detached: true,
      env: { ...workerEnvironment, ...process.env },
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    });
    await log.close();
    this.#child = child;
    this.#startedAt = Date.now();
    this.#become(this.restarts === 0 ? 'starting' : 'restarting');
    child.on('message', (message: Started) => {
      this.httpPort = message.httpPort;
      this.tcpPort = message.tcpPort;
      this.#become('running');
    });
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code) => {
        this.httpPort = undefined;
        resolve();
        this.#exited(code);
      });
    });
  }

  #exited(code: number | null): void {
    if (this.state === 'stopping') return;
    if (code === wrongConfiguration) {
      this.#become('stopped');
      return;
    }
    this.restarts += 1;
    if (Date.now() - this.#startedAt > steadyMs) this.#waitMs = firstWaitMs;
    this.#restartTimer = setTimeout(() => void this.#spawn(), this.#waitMs);
    this.#waitMs = Math.min(longestWaitMs, this.#waitMs * 2);
    this.#become('restarting');
  }

  #become(state: WorkerState): void {
    this.state = state;
    this.emit('state');
  }
}
