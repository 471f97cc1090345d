import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const LAUNCHER = fileURLToPath(new URL('../bin/ihub.js', import.meta.url));

/** A run of the real `ihub`, for tests. */
export class IhubProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';

  /** @param settings options of Node itself, and variables beside those of this process */
  constructor(args: string[], settings: { node?: string[]; env?: NodeJS.ProcessEnv } = {}) {
    // As in a CI job, which is no terminal and is given no colours for all that.
    const env = { ...process.env, CI: 'true', ...settings.env };
    // The time-out ends what a failed test has left behind.
    this.child = spawn(process.execPath, [...(settings.node ?? []), LAUNCHER, ...args], {
      env,
      timeout: 60_000,
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
  }

  /** Resolves with the exit code, or with the signal that ended it, when all output has been read. */
  async ended(): Promise<number | string> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.child.exitCode ?? this.child.signalCode!;
  }

  /** Resolves with the match when the standard output matches. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout);
      if (match !== null) return match;
      if (this.child.exitCode !== null) throw new Error(`ihub ended: ${this.stdout}${this.stderr}`);
      await Promise.race([once(this.child.stdout!, 'data'), once(this.child, 'close')]);
    }
  }

  /** The lines of standard output as JSON. */
  get events(): Record<string, unknown>[] {
    const lines = this.stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}
