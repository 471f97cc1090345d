import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { ApiClient } from './api-client.js';
import { resourceTypes, type KubeObject } from './object.js';
import { Reflector, type ReflectorOptions } from './reflector.js';

function service(name: string, resourceVersion: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'ns', resourceVersion } };
}

/** Answers as an API server would at its worst; the real one is in e2e. */
class ScriptedServer {
  objects: KubeObject[] = [];
  version = '10';
  readonly requests: string[] = [];
  readonly watches: ServerResponse[] = [];
  /** Answers of lists and watches to come, by status; 200 is as usual. */
  readonly listStatuses: number[] = [];
  readonly watchStatuses: number[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  async start(): Promise<ApiClient> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const kubeConfig = new KubeConfig();
    const server = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    kubeConfig.loadFromClusterAndUser({ name: 'a', server, skipTLSVerify: true }, { name: 'a' });
    return new ApiClient({ kubeConfig });
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  get lists(): number {
    return this.requests.filter((url) => !url.includes('watch=true')).length;
  }

  send(type: string, object: object): void {
    this.watches.at(-1)!.write(`${JSON.stringify({ type, object })}\n`);
  }

  #serve({ url = '' }: IncomingMessage, response: ServerResponse): void {
    this.requests.push(url);
    const isWatch = url.includes('watch=true');
    const status = (isWatch ? this.watchStatuses : this.listStatuses).shift() ?? 200;
    if (status !== 200) {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ kind: 'Status', code: status, reason: 'Made', message: 'made up' }));
    } else if (isWatch) {
      response.writeHead(200);
      response.flushHeaders();
      this.watches.push(response);
    } else {
      // As the server pages, and with null for none.
      const from = Number(new URL(url, 'http://x').searchParams.get('continue') ?? 0);
      const page = this.objects.slice(from, from + 2);
      const next = from + 2 < this.objects.length ? String(from + 2) : undefined;
      const metadata = { resourceVersion: this.version, continue: next };
      response.end(JSON.stringify({ metadata, items: page.length > 0 ? page : null }));
    }
  }
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`it never became so: ${what}`);
    await sleep(5);
  }
}

describe('reflector', () => {
  let server: ScriptedServer;
  let reflector: Reflector;
  let changes: string[];
  let restarts: string[];

  const start = async (options: Partial<ReflectorOptions> = {}): Promise<void> => {
    const client = await server.start();
    reflector = new Reflector({
      client,
      type: resourceTypes.service,
      silenceMs: 60_000,
      relistMs: 60_000,
      onChange: (object, former) => {
        const { name, resourceVersion } = (object ?? former)!.metadata;
        changes.push(`${object ? (former ? 'changed' : 'new') : 'gone'} ${name} ${resourceVersion ?? ''}`);
      },
      onRestart: (reason) => restarts.push(reason),
      ...options,
    });
    reflector.start();
    await until('it watches', () => server.watches.length > 0);
  };

  beforeEach(() => {
    server = new ScriptedServer();
    [changes, restarts] = [[], []];
  });
  afterEach(async () => {
    await reflector.stop();
    server.stop();
  });

  it('lists in pages, then watches from there', async () => {
    server.objects = ['a', 'b', 'c', 'd', 'e'].map((name, index) => service(name, String(index + 1)));
    await start();
    expect(changes).to.have.lengthOf(5);
    expect(server.lists).to.equal(3);
    expect(server.requests.at(-1)).to.match(/resourceVersion=10(&|$)/);
    server.send('ADDED', service('f', '11'));
    server.send('MODIFIED', service('a', '12'));
    server.send('DELETED', service('b', '13'));
    await until('it has heard', () => changes.length === 8);
    expect(changes.slice(5)).to.deep.equal(['new f 11', 'changed a 12', 'gone b 2']);
    expect(reflector.get('ns', 'b')).to.equal(undefined);
    expect(reflector.get('ns', 'a')?.kind).to.equal('Service');
  });

  it('takes events that come in pieces', async () => {
    await start();
    const line = `${JSON.stringify({ type: 'ADDED', object: service('ä', '11') })}\n`;
    const bytes = Buffer.from(line);
    const middle = bytes.indexOf('ä') + 1;
    server.watches[0]!.write(bytes.subarray(0, middle));
    await sleep(30);
    server.watches[0]!.write(bytes.subarray(middle));
    await until('it has heard', () => changes.length === 1);
    expect(changes).to.deep.equal(['new ä 11']);
  });

  it('goes on from the last bookmark when the server ends a watch in its time', async () => {
    await start();
    server.send('BOOKMARK', { metadata: { resourceVersion: '77' } });
    await sleep(30);
    server.watches[0]!.end();
    await until('it watches again', () => server.watches.length === 2);
    expect(server.lists).to.equal(1);
    expect(server.requests.at(-1)).to.match(/resourceVersion=77(&|$)/);
    expect(restarts).to.deep.equal([]);
  });

  it('lists anew on 410 as an event, and tells what was missed', async () => {
    server.objects = [service('a', '1'), service('b', '2')];
    await start();
    server.objects = [service('a', '15'), service('c', '16')];
    server.version = '20';
    server.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
    await until('it watches again', () => server.watches.length === 2);
    expect(changes.slice(2)).to.deep.equal(['changed a 15', 'new c 16', 'gone b 2']);
    expect(server.requests.at(-1)).to.match(/resourceVersion=20(&|$)/);
  });

  it('lists anew on 410 as a status', async () => {
    server.watchStatuses.push(410);
    await start();
    expect(server.lists).to.equal(2);
  });

  it('lists anew after silence', async () => {
    await start({ silenceMs: 150 });
    server.objects = [service('a', '11')];
    server.version = '12';
    await until('it has heard', () => changes.length === 1);
    expect(restarts[0]).to.equal('Silent');
    expect(server.lists).to.be.at.least(2);
  });

  it('lists anew when the connection is lost, as often as it takes', async () => {
    await start();
    server.listStatuses.push(503, 500);
    server.watches[0]!.destroy();
    await until('it watches again', () => server.watches.length === 2);
    expect(server.lists).to.equal(4);
    expect(restarts).to.have.lengthOf(3);
  });

  it('lists anew on its timer', async () => {
    await start({ relistMs: 1_000 });
    // The server ends the watch when it was asked to.
    expect(server.requests.at(-1)).to.match(/timeoutSeconds=1(&|$)/);
    await sleep(1_050);
    server.watches[0]!.end();
    await until('it watches again', () => server.watches.length === 2);
    expect(server.lists).to.equal(2);
  });

  it('says that it is denied, and goes on asking', async () => {
    server.listStatuses.push(403);
    await start();
    expect(restarts).to.deep.equal(['Made']);
    expect([reflector.denied, reflector.synced]).to.deep.equal([false, true]);
  });

  it('remembers what a write came to, and is not set back by what the watch tells late', async () => {
    server.objects = [service('a', '1')];
    await start();
    reflector.remember(service('a', '14'));
    server.send('MODIFIED', service('a', '12'));
    server.send('MODIFIED', service('a', '14'));
    server.send('MODIFIED', service('a', '15'));
    await until('it has heard', () => changes.at(-1) === 'changed a 15');
    expect(changes).to.deep.equal(['new a 1', 'changed a 14', 'changed a 15']);
    // Answered before, heard of after: the watch has told of its end already.
    server.send('DELETED', service('a', '20'));
    await until('it is gone', () => changes.at(-1) === 'gone a 15');
    reflector.remember(service('a', '18'));
    expect(reflector.get('ns', 'a')).to.equal(undefined);
  });

  it('believes a server whose history was set back by a restore', async () => {
    server.objects = [service('a', '100')];
    server.version = '200';
    await start();
    server.objects = [service('a', '50')];
    server.version = '60';
    server.watches[0]!.destroy();
    await until('it watches again', () => server.watches.length === 2);
    expect(reflector.get('ns', 'a')?.metadata.resourceVersion).to.equal('50');
  });

  it('finds objects by their index, also when that changes', async () => {
    const labelled = (version: string, flow: string): KubeObject => {
      const object = service('a', version);
      return { ...object, metadata: { ...object.metadata, labels: { flow } } };
    };
    server.objects = [labelled('1', 'x')];
    await start({ indexBy: ({ metadata }) => metadata.labels?.flow });
    expect(reflector.indexed('x')).to.have.lengthOf(1);
    server.send('MODIFIED', labelled('11', 'y'));
    await until('it has heard', () => changes.length === 2);
    expect([reflector.indexed('x').length, reflector.indexed('y').length]).to.deep.equal([0, 1]);
  });
});
