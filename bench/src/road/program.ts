/** A program of this folder in a process of its own, which answers what it is sent, one order at a time. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

type Answer<Result> = { readonly result: Result } | { readonly error: string };

export class Program {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * Starts it.
   *
   * @param file beside this one, such as `receiver.js`
   */
  static async start(file: string): Promise<Program> {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), { serialization: 'advanced' });
    const program = new Program(child);
    await program.#answer();
    return program;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async ask<Result>(order: object): Promise<Result> {
    const answer = this.#answer<Result>();
    this.#child.send(order);
    return answer;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }

  #answer<Result>(): Promise<Result> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void =>
        reject(new Error(`a program of the benchmark ended with ${code}`));
      this.#child.once('exit', ended);
      this.#child.once('message', (answer: Answer<Result>) => {
        this.#child.off('exit', ended);
        if ('error' in answer) reject(new Error(answer.error));
        else resolve(answer.result);
      });
    });
  }
}
