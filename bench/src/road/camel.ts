/** Apache Camel as a road: bench/peers/camel, built with Maven once, in a JVM of its own. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, TopicAdmin } from '@integration-hub/kafka';
import { mappedSum } from './hub.js';
import { Template } from './numbered-message.js';
import type { Road } from './round.js';

const sources = fileURLToPath(new URL('../../peers/camel', import.meta.url));

/** The peer's jars, built where they are not yet there; the folder's name has the sum of the sources. */
async function buildCamel(): Promise<string> {
  const files = (await readdir(sources, { recursive: true })).sort();
  const sum = createHash('sha256');
  for (const file of files) {
    if ((await stat(join(sources, file))).isFile()) sum.update(await readFile(join(sources, file)));
  }
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'integration-hub');
  const directory = join(cache, `bench-camel-${sum.digest('hex').slice(0, 12)}`);
  if (await stat(directory).catch(() => undefined)) return directory;
  await mkdir(cache, { recursive: true });
  const made = await mkdtemp(join(cache, 'building-'));
  await cp(sources, made, { recursive: true });
  const goals = [
    'package',
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    '-DoutputDirectory=lib',
  ];
  await promisify(execFile)('mvn', ['-B', '-ntp', '-q', ...goals], { cwd: made });
  await rename(made, directory);
  return directory;
}

/**
 * @param connections the most that send to it
 * @throws Error where Maven or Java is missing, or it does not start
 */
export async function startCamel(
  kafka: string,
  receiverPort: number,
  connections: number,
  template: Buffer,
): Promise<Road> {
  const directory = await buildCamel();
  const admin = await TopicAdmin.connect({ connection: { bootstrapServers: [kafka], clientId: 'bench' } });
  const prefix = 'camel';
  const settings = { partitions: 12, replicationFactor: 1, config: {} };
  await admin.ensureTopics(
    ['received', 'outbound'].map((topic) => ({ name: `${prefix}-${topic}`, ...settings })),
  );
  await admin.close();
  const port = await freePort();
  const child = spawn(
    'java',
    [
      '-Xmx768m',
      '-cp',
      `${join(directory, 'target', 'camel-peer-0.1.0.jar')}:${join(directory, 'lib', '*')}`,
      'bench.Road',
      String(port),
      kafka,
      String(receiverPort),
      prefix,
      String(connections),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const deadline = performance.now() + 60_000;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error('Camel has not started');
    await sleep(200);
  }
  const messages = new Template(template);
  return {
    name: 'Apache Camel 4.14.0',
    port,
    sumOf: (source) => mappedSum(messages.message(source, 1)),
    pids: () => [child.pid!],
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(timer);
    },
  };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
