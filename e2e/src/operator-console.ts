/** The console that the operator has made for a Hub, run as its pod would. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConsoleConfiguration } from '@integration-hub/api';
import { consoleProgram } from '@integration-hub/console';
import { ConsoleSession } from './console-session.js';
import { until } from './hub-under-test.js';
import type { ClusterUnderTest } from './operator-under-test.js';

export class OperatorConsole {
  readonly session: ConsoleSession;
  readonly #child: ChildProcess;

  private constructor(session: ConsoleSession, child: ChildProcess) {
    this.session = session;
    this.#child = child;
  }

  /**
   * With what the operator has written for it.
   *
   * @param port a free one of this machine
   * @param account the ServiceAccount as which it asks the API server
   */
  static async start(
    cluster: ClusterUnderTest,
    namespace: string,
    port: number,
    account = 'console',
  ): Promise<OperatorConsole> {
    const { data } = (await cluster.get('ConfigMap', namespace, 'console'))!;
    const read = JSON.parse(data!['worker.json']!) as ConsoleConfiguration;
    const health = { host: '127.0.0.1', tcpPort: 0, httpPort: 0 };
    const file = join(cluster.directory, `${namespace}-${account}.json`);
    await writeFile(file, JSON.stringify({ ...read, health, listen: { ...read.listen, port } }));
    const environment = await cluster.accountEnvironment(namespace, account);
    const child = spawn(process.execPath, [consoleProgram, '--config', file], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    try {
      let session: ConsoleSession | undefined;
      const answers = async (): Promise<boolean> => (session = await ConsoleSession.open(port)) !== undefined;
      await until('the console answers', answers, 60_000);
      return new OperatorConsole(session!, child);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}
