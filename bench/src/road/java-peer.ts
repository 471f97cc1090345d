/** Peers written in Java, under bench/peers: built with Maven once, each run in a JVM of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const options = ['-Xmx768m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];

/**
 * A peer's class path, after its jars were built where they are not yet there; the folder's name has the sum of the sources.
 *
 * @param peer name of its folder
 * @throws Error where Maven or Java is missing
 */
async function classPath(peer: string): Promise<string> {
  const sources = fileURLToPath(new URL(`../../peers/${peer}`, import.meta.url));
  const files = (await readdir(sources, { recursive: true })).sort();
  const sum = createHash('sha256');
  for (const file of files) {
    if ((await stat(join(sources, file))).isFile()) sum.update(await readFile(join(sources, file)));
  }
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'integration-hub');
  const directory = join(cache, `bench-${peer}-${sum.digest('hex').slice(0, 12)}`);
  if (!(await stat(directory).catch(() => undefined))) {
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
  }
  return `${join(directory, 'target', `${peer}-peer-0.1.0.jar`)}:${join(directory, 'lib', '*')}`;
}

/**
 * Runs a program of a peer to its end.
 *
 * @returns what it has printed
 */
export async function runJava(peer: string, main: string, parameters: readonly string[]): Promise<string> {
  const words = [...options, '-cp', await classPath(peer), main, ...parameters];
  return (await promisify(execFile)('java', words)).stdout;
}

export interface JavaServer {
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/**
 * Starts a program of a peer, and waits until it accepts connections.
 *
 * @param port at which it will
 */
export async function startJava(
  peer: string,
  main: string,
  parameters: readonly string[],
  port: number,
): Promise<JavaServer> {
  const words = [...options, '-cp', await classPath(peer), main, ...parameters];
  const child = spawn('java', words, { stdio: ['ignore', 'inherit', 'inherit'] });
  const deadline = performance.now() + 60_000;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(`${main} has not started`);
    await sleep(200);
  }
  return { pid: child.pid!, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exited;
  clearTimeout(timer);
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
