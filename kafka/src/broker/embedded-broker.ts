import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { kafkajs } from '../repaired-kafkajs.js';
import { BrokerError } from './broker-error.js';
import { fetchKafka } from './fetch-kafka.js';
import { freePort } from './free-port.js';
import { findJava, type Java } from './java.js';
import { type SecuredListeners, serverProperties } from './server-properties.js';

const LOG4J_CONFIGURATION = fileURLToPath(new URL('../../broker/log4j2.xml', import.meta.url));

/** How long a broker may take until it answers, and until it has stopped, in milliseconds. */
const START_DEADLINE = 60_000;
const STOP_DEADLINE = 20_000;

export interface EmbeddedBrokerOptions {
  /** Holds everything the broker keeps, its port too: the same directory is the same broker. */
  dataDirectory: string;
  /** Default, or 0: the port it had the last time, else a free one. */
  port?: number;
  /** As `port`, for the controller's listener. */
  controllerPort?: number;
  /** Where the broker's warnings and errors are appended. */
  logFile: string;
  /** The most heap it may take, in MiB; default 256. */
  heapMb?: number;
  /** Collects garbage as Kafka's own start script has it (G1); default: the plain collector, which starts faster. */
  isLongLived?: boolean;
  /** Absent: the plain listener only. */
  secured?: SecuredListeners;
  /** Is told in a sentence what takes time. */
  onProgress?: (sentence: string) => void;
}

/** Options of Java for garbage collection; those of `kafka-run-class.sh`, and those that cost the least at the start. */
const LONG_LIVED = [
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
];
const SHORT_LIVED = ['-XX:+UseSerialGC'];

/** How a broker process ended. */
export interface BrokerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

interface Settings {
  directory: string;
  logFile: string;
  heapMb: number;
  isLongLived: boolean;
  ports: Ports;
  secured: SecuredListeners | undefined;
  java: Java;
  jars: string;
}

interface Ports {
  port: number;
  controllerPort: number;
  sslPort: number;
  saslPort: number;
}

/**
 * A real Apache Kafka of one node, for a laptop and for tests; it listens on the loopback address only. It runs in
 * a process group of its own, so that Ctrl-C in a terminal does not reach it before its users have stopped.
 */
export class EmbeddedBroker {
  #child: ChildProcess;
  #exited: Promise<BrokerExit>;
  #settings: Settings;

  private constructor(settings: Settings, child: ChildProcess, exited: Promise<BrokerExit>) {
    this.#settings = settings;
    this.#child = child;
    this.#exited = exited;
  }

  /**
   * Starts the broker of a data directory, after stopping one that a former process has left running there, and
   * resolves once it answers. What the directory holds from before is served again.
   *
   * @throws BrokerError also those of {@link fetchKafka}; BROKER_NOT_STARTED quotes the end of the broker's log
   */
  static async start(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
    const java = await findJava();
    const jars = await fetchKafka(options.onProgress === undefined ? {} : { onProgress: options.onProgress });
    const directory = resolve(options.dataDirectory);
    const logFile = resolve(options.logFile);
    await mkdir(directory, { recursive: true });
    await mkdir(dirname(logFile), { recursive: true });
    await stopFormerBroker(directory);
    const ports = await choosePorts(directory, options.port ?? 0, options.controllerPort ?? 0);
    const { heapMb = 256, isLongLived = false, secured } = options;
    const settings: Settings = { directory, logFile, heapMb, isLongLived, ports, secured, java, jars };
    const { child, exited } = await launch(settings);
    return new EmbeddedBroker(settings, child, exited);
  }

  /** Where clients connect. */
  get bootstrapServers(): string[] {
    return [`127.0.0.1:${this.port}`];
  }

  /** Where clients connect with a certificate, if the broker is secured. */
  get sslServers(): string[] {
    return [`127.0.0.1:${this.#settings.ports.sslPort}`];
  }

  /** Where clients connect with TLS and a login, if the broker is secured. */
  get saslServers(): string[] {
    return [`127.0.0.1:${this.#settings.ports.saslPort}`];
  }

  get port(): number {
    return this.#settings.ports.port;
  }

  /** The process id of the broker, or of the last one. */
  get pid(): number {
    return this.#child.pid!;
  }

  /** Resolves when the present broker process ends, for whatever reason. */
  get exited(): Promise<BrokerExit> {
    return this.#exited;
  }

  /**
   * Stops the broker in good order; a broker that does not stop in time is killed. Its data stays.
   *
   * @throws BrokerError BROKER_NOT_STOPPED
   */
  async stop(): Promise<void> {
    await endProcess(this.pid, this.#hasExited());
    await rm(pidFile(this.#settings.directory), { force: true });
    await keepClassArchive(this.#settings);
  }

  /** Kills the broker where it stands, as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /**
   * Stops the broker if it runs, and starts it again on the same ports.
   *
   * @param secured other certificates than before
   */
  async restart(secured: SecuredListeners | undefined = this.#settings.secured): Promise<void> {
    await this.stop();
    this.#settings = { ...this.#settings, secured };
    ({ child: this.#child, exited: this.#exited } = await launch(this.#settings));
  }

  #hasExited(): () => boolean {
    return () => this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}

async function launch(settings: Settings): Promise<{ child: ChildProcess; exited: Promise<BrokerExit> }> {
  const { directory, logFile, secured } = settings;
  const { port, controllerPort, ...ports } = settings.ports;
  const properties = join(directory, 'server.properties');
  const logDirectory = join(directory, 'log');
  const place = { port, controllerPort, logDirectory, secured: secured && { ...secured, ...ports } };
  // It has the passwords of a secured broker.
  await writeFile(properties, serverProperties(place), { mode: 0o600 });
  const logStart = existsSync(logFile) ? (await readFile(logFile)).length : 0;
  if (!existsSync(join(logDirectory, 'meta.properties'))) await format(settings, properties);

  const log = await open(logFile, 'a');
  const child = spawn(
    settings.java.command,
    [
      `-Xmx${settings.heapMb}m`,
      ...(settings.isLongLived ? LONG_LIVED : SHORT_LIVED),
      // With the second compiler it takes a core for the most part of its first minutes.
      '-XX:TieredStopAtLevel=1',
      '-XX:+ExitOnOutOfMemoryError',
      ...classArchiveFlags(settings),
      `-Dlog4j2.configurationFile=${LOG4J_CONFIGURATION}`,
      '-cp',
      join(settings.jars, '*'),
      'kafka.Kafka',
      properties,
    ],
    { detached: true, stdio: ['ignore', log.fd, log.fd], cwd: directory },
  );
  await log.close();
  const exited = new Promise<BrokerExit>((ended) => {
    child.once('exit', (code, signal) => {
      ended({ code, signal });
    });
    child.once('error', () => {
      ended({ code: null, signal: null });
    });
  });
  await writeFile(pidFile(directory), `${child.pid ?? ''}\n`);

  const hasEnded = (): boolean =>
    child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  if (!(await answersBeforeItEnds(port, hasEnded))) {
    child.kill('SIGKILL');
    await rm(pidFile(directory), { force: true });
    throw new BrokerError(
      'BROKER_NOT_STARTED',
      `The embedded Kafka on port ${port} did not start. Its log, ${logFile}, ends: ${await lastErrors(logFile, logStart)}`,
    );
  }
  return { child, exited };
}

async function format({ java, jars, logFile, secured }: Settings, properties: string): Promise<void> {
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const args = ['-XX:TieredStopAtLevel=1', '-cp', join(jars, '*'), 'kafka.tools.StorageTool', 'format'];
  const users = Object.entries(secured?.logins ?? {}).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );
  await promisify(execFile)(java.command, [...args, '-t', clusterId, '-c', properties, ...users]).catch(
    (error: unknown) => {
      const said = (error as { stderr?: string }).stderr ?? String(error);
      throw new BrokerError(
        'BROKER_NOT_STARTED',
        `The embedded Kafka's storage could not be formatted (its log will be ${logFile}): ${said.trim().split('\n').slice(-3).join(' ')}`,
        { cause: error },
      );
    },
  );
}

/** Resolves to true once the broker lists itself in its metadata, to false when it has ended or the deadline has. */
async function answersBeforeItEnds(port: number, hasEnded: () => boolean): Promise<boolean> {
  const client = new kafkajs.Kafka({
    clientId: 'embedded-broker',
    brokers: [`127.0.0.1:${port}`],
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 1000,
    requestTimeout: 2000,
    retry: { retries: 0 },
  });
  const deadline = Date.now() + START_DEADLINE;
  while (Date.now() < deadline && !hasEnded()) {
    const admin = client.admin();
    try {
      await admin.connect();
      if ((await admin.describeCluster()).brokers.length > 0) return true;
    } catch {
      // Not yet.
    } finally {
      await admin.disconnect();
    }
    await delay(50);
  }
  return false;
}

async function lastErrors(logFile: string, from: number): Promise<string> {
  const lines = (await readFile(logFile)).subarray(from).toString().trim().split('\n');
  const errors = new Set(lines.filter((line) => / ERROR |^Caused by: /.test(line)));
  return (errors.size > 0 ? [...errors] : lines).slice(-4).join(' | ');
}

function pidFile(directory: string): string {
  return join(directory, 'kafka.pid');
}

/** A process that died without stopping its broker leaves one that holds the directory's lock and the port. */
async function stopFormerBroker(directory: string): Promise<void> {
  const pid = parseInt(await readFile(pidFile(directory), 'utf8').catch(() => ''), 10);
  if (!(pid > 0)) return;
  const isOurs = async (): Promise<boolean> =>
    (await commandLine(pid)).includes(join(directory, 'server.properties'));
  if (await isOurs()) await endProcess(pid, async () => !(await isOurs()));
  await rm(pidFile(directory), { force: true });
}

/** The command line of a process, or nothing where there is no such process. */
async function commandLine(pid: number): Promise<string> {
  if (existsSync('/proc/self/cmdline')) return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', `${pid}`]).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

async function endProcess(pid: number, hasEnded: () => boolean | Promise<boolean>): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const deadline = Date.now() + STOP_DEADLINE;
    if (await hasEnded()) return;
    process.kill(pid, signal);
    while (Date.now() < deadline) {
      if (await hasEnded()) return;
      await delay(20);
    }
  }
  throw new BrokerError(
    'BROKER_NOT_STOPPED',
    `The embedded Kafka, process ${pid}, does not stop; end it yourself (kill -9 ${pid}) and try again.`,
  );
}

/** The ports asked for, else those of the last time, else free ones; they are noted for the next time. */
async function choosePorts(directory: string, port: number, controllerPort: number): Promise<Ports> {
  const file = join(directory, 'ports.json');
  const former = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Partial<
    Record<string, number>
  >;
  const ports = {
    port: port || former.port || (await freePort()),
    controllerPort: controllerPort || former.controllerPort || (await freePort()),
    sslPort: former.sslPort ?? (await freePort()),
    saslPort: former.saslPort ?? (await freePort()),
  };
  await writeFile(file, JSON.stringify(ports));
  return ports;
}

// The first broker that stops in good order leaves an archive of its loaded classes (Java's AppCDS) beside the
// jars, with which later ones start in half the time. Java itself refuses an archive that does not fit.

function classArchive({ jars, java }: Settings): string {
  return `${jars}-java-${java.version}.jsa`;
}

function classArchiveFlags(settings: Settings): string[] {
  return existsSync(classArchive(settings))
    ? [
        `-XX:SharedArchiveFile=${classArchive(settings)}`,
        '-Xshare:auto',
        '-Xlog:cds=off',
        '-Xlog:class+path=off',
      ]
    : [
        `-XX:ArchiveClassesAtExit=${join(settings.directory, 'classes.jsa')}`,
        '-Xlog:cds=off',
        '-Xlog:cds+dynamic=off',
      ];
}

async function keepClassArchive(settings: Settings): Promise<void> {
  const made = join(settings.directory, 'classes.jsa');
  if (!existsSync(made)) return;
  if (!existsSync(classArchive(settings))) {
    const copy = `${classArchive(settings)}.${process.pid}`;
    await copyFile(made, copy);
    await rename(copy, classArchive(settings));
  }
  await rm(made);
}
