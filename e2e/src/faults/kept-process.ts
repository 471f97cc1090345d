import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';

/** How long after its end a process is started again: about what a kubelet takes for the first time. */
const RESTART_AFTER = 500;

/** A process that is started again whenever it ends by itself. It says by a message that it runs. */
export class KeptProcess {
  readonly name: string;
  readonly logFile: string;
  running = false;
  restarts = 0;
  readonly #command: readonly [string, ...string[]];
  readonly #environment: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #ended = Promise.resolve();
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param environment what it has beside this process's own */
  constructor(
    name: string,
    command: readonly [string, ...string[]],
    logFile: string,
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.name = name;
    this.#command = command;
    this.logFile = logFile;
    this.#environment = environment;
  }

  async start(): Promise<void> {
    const log = await open(this.logFile, 'a');
    const [command, ...words] = this.#command;
    const child = spawn(command, words, {
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
      env: { ...process.env, ...this.#environment },
    });
    await log.close();
    this.#child = child;
    child.on('message', (message) => {
      this.running = true;
      this.onMessage(message);
    });
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        this.running = false;
        resolve();
        if (this.#stopped) return;
        this.restarts += 1;
        this.#timer = setTimeout(() => void this.start(), RESTART_AFTER);
      });
    });
  }

  /** Is given what the process says. */
  onMessage: (message: unknown) => void = () => undefined;

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
}
