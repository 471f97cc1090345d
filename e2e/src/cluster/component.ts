import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ClusterError } from './cluster-error.js';

const START_DEADLINE = 180_000;
const STOP_DEADLINE = 20_000;

export interface ComponentOptions {
  /** What it is called in errors. */
  name: string;
  /** The program and its arguments. */
  command: readonly string[];
  /** Where its output is appended. */
  logFile: string;
  environment?: NodeJS.ProcessEnv;
  /** Resolves to true once the process answers; asked again and again. Default: it is ready when it runs. */
  isReady?: (pid: number) => boolean | Promise<boolean>;
  /** It outlives this process; otherwise it is killed when this process ends, however that ends. */
  outlives?: boolean;
}

/** One process of a test cluster, which can be stopped, killed and started again. */
export class Component {
  #child: ChildProcess | undefined;

  private constructor(readonly options: ComponentOptions) {}

  /** @throws ClusterError COMPONENT_NOT_STARTED, which quotes the end of the log */
  static async start(options: ComponentOptions): Promise<Component> {
    const component = new Component(options);
    await component.start();
    return component;
  }

  /** The process id, of the last process where none runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  isRunning(): boolean {
    return this.#child?.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it unless it runs, and resolves when it is ready. @throws ClusterError COMPONENT_NOT_STARTED */
  async start(): Promise<void> {
    if (this.isRunning()) return;
    const { name, command, logFile, environment, isReady, outlives = false } = this.options;
    const log = await open(logFile, 'a');
    const [program, ...args] = outlives ? command : ['setpriv', '--pdeathsig', 'KILL', ...command];
    this.#child = spawn(program!, args, {
      // Ctrl-C in a terminal reaches a whole process group: this one is stopped in its turn instead.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, ...environment, NO_PROXY: '*', no_proxy: '*' },
    });
    this.#child.on('error', () => undefined);
    if (outlives) this.#child.unref();
    await log.close();
    const deadline = Date.now() + START_DEADLINE;
    while (this.isRunning() && Date.now() < deadline) {
      if (isReady === undefined || (await isReady(this.pid!))) return;
      await delay(50);
    }
    await this.kill();
    throw new ClusterError(
      'COMPONENT_NOT_STARTED',
      `${name} did not start. Its log, ${logFile}, ends: ${await lastLines(logFile)}`,
    );
  }

  /** Stops it in good order, or kills it when that takes longer than 20 s. @throws ClusterError COMPONENT_NOT_STOPPED */
  async stop(): Promise<void> {
    if (!(await this.#end('SIGTERM'))) await this.kill();
  }

  /** Kills it where it stands. @throws ClusterError COMPONENT_NOT_STOPPED */
  async kill(): Promise<void> {
    if (await this.#end('SIGKILL')) return;
    throw new ClusterError(
      'COMPONENT_NOT_STOPPED',
      `${this.options.name}, process ${this.pid ?? 0}, cannot be killed; see what it waits for in /proc.`,
    );
  }

  /** Holds it still, as a machine that hangs; `SIGCONT` lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  async #end(signal: NodeJS.Signals): Promise<boolean> {
    if (!this.isRunning()) return true;
    const ended = once(this.#child!, 'exit');
    this.#child!.kill(signal);
    const timer = new AbortController();
    await Promise.race([ended, delay(STOP_DEADLINE, undefined, { signal: timer.signal })]);
    timer.abort();
    return !this.isRunning();
  }
}

async function lastLines(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trim().split('\n').slice(-4).join(' | ');
}
