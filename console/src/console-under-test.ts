/** A console on a real Kafka, for a suite: its server on a port of its own, and browsers that use it. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import {
  type ConsoleConfiguration,
  destination as destinationSchema,
  hub as hubSchema,
  integrationFlow as flowSchema,
  plan,
  type Topic,
} from '@integration-hub/api';
import { EmbeddedBroker, freePort, TopicAdmin } from '@integration-hub/kafka';
import { createLog } from '@integration-hub/workers';
import type { FastifyInstance } from 'fastify';
import winston from 'winston';
import { ArchiveReader } from './archive-reader.js';
import { Audit } from './audit.js';
import { OverrideFile } from './override-file.js';
import { createServer } from './server.js';
import { Watch } from './watch.js';

const apiVersion = 'integrationhub.dev/v1alpha1';
export const namespace = 'hospital';

export interface ConsoleUnderTestOptions {
  readonly broker: EmbeddedBroker;
  /** Default: a free one. */
  readonly port?: number;
  /** Default: one of its own. */
  readonly overridesFile?: string;
  readonly change?: (configuration: ConsoleConfiguration) => ConsoleConfiguration;
}

/** The plan of a Hub with a console, a flow phw-to-mpi with a transformer, and its destination mpi. */
export function planned(bootstrapServers: readonly string[]): {
  configuration: ConsoleConfiguration;
  topics: readonly Topic[];
} {
  const metadata = (name: string): object => ({ name, namespace });
  const hub = hubSchema.parse({
    apiVersion,
    kind: 'Hub',
    metadata: metadata('hub'),
    spec: { kafka: { bootstrapServers, replicationFactor: 1, minInsyncReplicas: 1 }, console: {} },
  });
  const flow = flowSchema.parse({
    apiVersion,
    kind: 'IntegrationFlow',
    metadata: metadata('phw-to-mpi'),
    spec: {
      listener: { mllp: { port: 2575 }, accept: { versions: ['2.5'] } },
      ordering: { by: 'Field', path: 'PID-3.1' },
      transformer: { mapping: { name: 'phw' } },
      destinations: [{ name: 'mpi' }],
    },
  });
  const destination = destinationSchema.parse({
    apiVersion,
    kind: 'Destination',
    metadata: metadata('mpi'),
    spec: { mllp: { host: '127.0.0.1', port: 2576 }, partitions: 1 },
  });
  const { topics, stages } = plan(hub, [flow], [destination]);
  const configuration = stages.find(({ role }) => role === 'console')!.configuration as ConsoleConfiguration;
  return { topics, configuration };
}

export class ConsoleUnderTest {
  readonly url: string;
  readonly port: number;
  readonly watch: Watch;
  /** All that it has logged. */
  readonly logged: string[];
  readonly #directory: string;
  readonly #server: FastifyInstance;
  readonly #close: () => Promise<void>;

  private constructor(
    port: number,
    watch: Watch,
    logged: string[],
    directory: string,
    server: FastifyInstance,
    close: () => Promise<void>,
  ) {
    this.url = `http://localhost:${port}`;
    this.port = port;
    this.watch = watch;
    this.logged = logged;
    this.#directory = directory;
    this.#server = server;
    this.#close = close;
  }

  static async start({
    broker,
    change = (one) => one,
    ...options
  }: ConsoleUnderTestOptions): Promise<ConsoleUnderTest> {
    const directory = await mkdtemp(join(tmpdir(), 'ihub-console-'));
    const port = options.port ?? (await freePort());
    const { topics, configuration: made } = planned(broker.bootstrapServers);
    const admin = await TopicAdmin.connect({
      connection: { bootstrapServers: broker.bootstrapServers, clientId: 'test' },
    });
    await admin.ensureTopics(topics);
    await admin.close();
    const alertOverridesFile = options.overridesFile ?? join(directory, 'alert-overrides.json');
    const own = { ...made, alertOverridesFile, workers: null, plan: { ...made.plan, workers: [] } };
    const configuration = change({ ...own, listen: { host: '127.0.0.1', port } });
    const file = join(directory, 'console.json');
    await writeFile(file, JSON.stringify(configuration));
    const page = join(directory, 'page');
    await mkdir(page);
    await writeFile(join(page, 'index.html'), '<!doctype html><title>Console</title>');
    const logged: string[] = [];
    const log = createLog('info', {});
    log.clear();
    log.add(
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- so winston types it
      new winston.transports.Stream({
        stream: new Writable({
          write(line: Buffer, _encoding, done) {
            logged.push(line.toString());
            done();
          },
        }),
      }),
    );
    const overrides = await OverrideFile.open(alertOverridesFile, log);
    const watch = new Watch({ configuration, file, overrides, log });
    const audit = new Audit(configuration, log);
    const archive = new ArchiveReader(configuration, log);
    const server = await createServer({ configuration, log, watch, audit, archive, localName: 'me', page });
    await server.listen({ host: '127.0.0.1', port });
    watch.start();
    return new ConsoleUnderTest(port, watch, logged, directory, server, async () => {
      await Promise.all([watch.stop(), audit.close(), archive.close()]);
    });
  }

  async stop(): Promise<void> {
    await this.#server.close();
    await this.#close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test looks at what it knows to be there
  readonly json: any;
}

/** A browser, as far as cookies and redirects go. */
export class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();
  csrf = '';

  constructor(private readonly base: string) {}

  cookies(origin = this.base): Map<string, string> {
    const host = new URL(origin).host;
    const known = this.#cookies.get(host) ?? new Map<string, string>();
    this.#cookies.set(host, known);
    return known;
  }

  /** One request; it does not follow redirects. */
  send(
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string | undefined> } = {},
  ): Promise<Answer> {
    const url = new URL(path, this.base);
    const cookies = this.cookies(url.href);
    const all: Record<string, string | undefined> = {
      cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') || undefined,
      ...(method !== 'GET' && { origin: new URL(this.base).origin, 'x-csrf-token': this.csrf }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    };
    const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, headers: given }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          for (const cookie of response.headers['set-cookie'] ?? []) {
            const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
            if (value === '') cookies.delete(name!);
            else cookies.set(name!, value!);
          }
          const text = Buffer.concat(parts).toString();
          const isJson = response.headers['content-type']?.includes('json') === true && text !== '';
          const json: unknown = isJson ? JSON.parse(text) : undefined;
          resolve({ status: response.statusCode!, headers: response.headers, text, json });
        });
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  get(path: string, headers?: Record<string, string | undefined>): Promise<Answer> {
    return this.send('GET', path, headers && { headers });
  }

  post(path: string, body: unknown = {}, headers?: Record<string, string | undefined>): Promise<Answer> {
    return this.send('POST', path, { body, ...(headers && { headers }) });
  }

  /** Asks who it is, and keeps the token for changes. */
  async session(): Promise<Answer> {
    const answer = await this.get('/api/session');
    if (answer.status === 200) this.csrf = (answer.json as { csrf: string }).csrf;
    return answer;
  }

  /** Follows redirects, wherever they lead, until there is an answer, or `until` says that the next is not asked for. */
  async follow(
    path: string,
    until: (url: string) => boolean = () => false,
  ): Promise<Answer & { url: string }> {
    let url = new URL(path, this.base).href;
    for (let hops = 0; hops < 20; hops++) {
      const answer = await this.get(url);
      const { location } = answer.headers;
      if (answer.status < 300 || answer.status > 399 || typeof location !== 'string')
        return { ...answer, url };
      url = new URL(location, url).href;
      if (until(url)) return { ...answer, url };
    }
    throw new Error('redirects without end');
  }
}

export const secret = (): string => randomBytes(24).toString('hex');
