/** The console that the operator has made for a Hub, run as its pod would, and used as its page does. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConsoleConfiguration } from '@integration-hub/api';
import { consoleProgram } from '@integration-hub/console';
import { type Alarms, alarms, type Problem } from '@integration-hub/console/api';
import { until } from './hub-under-test.js';
import type { ClusterUnderTest } from './operator-under-test.js';

export class OperatorConsole {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(url: string, child: ChildProcess, headers: Readonly<Record<string, string>>) {
    this.url = url;
    this.#child = child;
    this.#headers = headers;
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
    const kubeconfig = await cluster.accountKubeconfig(namespace, account);
    const child = spawn(process.execPath, [consoleProgram, '--config', file], {
      env: { ...process.env, KUBECONFIG: kubeconfig },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const url = `http://localhost:${port}`;
    try {
      let session: Record<string, string> | undefined;
      await until('the console answers', async () => (session = await sessionOf(url)) !== undefined, 60_000);
      return new OperatorConsole(url, child, session!);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  async alarms(): Promise<Alarms> {
    const response = await fetch(`${this.url}/api/alarms`, { headers: this.#headers });
    return alarms.parse(await response.json());
  }

  /** @returns what is silenced and tuned then, or what the console says against it */
  async post(path: string, body: object): Promise<Alarms | Problem> {
    const response = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { ...this.#headers, origin: this.url, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Alarms | Problem;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

async function sessionOf(url: string): Promise<Record<string, string> | undefined> {
  const response = await fetch(`${url}/api/session`).catch(() => undefined);
  if (response?.ok !== true) return undefined;
  const { csrf } = (await response.json()) as { csrf: string };
  return { cookie: response.headers.get('set-cookie')!.split(';')[0]!, 'x-csrf-token': csrf };
}
