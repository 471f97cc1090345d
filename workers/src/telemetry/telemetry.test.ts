import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import winston from 'winston';
import { Writable } from 'node:stream';
import { Metrics } from '../metrics.js';
import { parseHeaders, startTelemetry, type Telemetry } from './telemetry.js';
import { untracedParent } from './traces.js';

interface Request {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

describe('Telemetry', function () {
  this.timeout(120_000);
  let folder: string;
  let server: Server;
  let port: number;
  let requests: Request[];
  let lines: { message: string; reasonCode?: string }[];
  let metrics: Metrics;
  let telemetry: Telemetry;

  const log = winston.createLogger({
    transports: [
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- so winston types it
      new winston.transports.Stream({
        stream: new Writable({
          write: (chunk: Buffer, _, done) => {
            lines.push(JSON.parse(chunk.toString()) as (typeof lines)[number]);
            done();
          },
        }),
      }),
    ],
  });

  async function listen(at: number): Promise<void> {
    server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => (text += part));
      request.on('end', () => {
        requests.push({ path: request.url!, headers: request.headers, text });
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    }).listen(at, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  }
  async function away(): Promise<void> {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }
  async function start(sampleRatio = 1): Promise<void> {
    const endpoint = `http://127.0.0.1:${port}/`;
    const configuration = {
      endpoint,
      headersFile: join(folder, 'headers'),
      sampleRatio,
      spansFolder: join(folder, 'spans'),
    };
    const { registry, spans } = metrics;
    const parts = { service: 'phw-listener', namespace: 'hospital', log, registry, spans };
    telemetry = await startTelemetry(configuration, parts);
  }
  const count = async (outcome: string): Promise<number> =>
    (await metrics.spans.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;
  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) await sleep(20);
  }
  const spansSent = (): string[] =>
    requests.filter(({ path }) => path === '/v1/traces').map(({ text }) => text);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ihub-telemetry-'));
    [requests, lines, metrics] = [[], [], new Metrics()];
    await listen(0);
  });
  afterEach(async () => {
    await telemetry.close();
    await away();
    await rm(folder, { recursive: true, force: true });
  });

  it('gives a trace the correlation id, and its parts the span that they are part of', async () => {
    await writeFile(join(folder, 'headers'), 'x-tenant=a%20b, authorization=Bearer=1\n');
    await start();
    const correlationId = randomUUID();
    const traceId = correlationId.replaceAll('-', '');
    const span = telemetry.traces.begin(correlationId, 'receive', 'server');
    const part = span.part('send', 'producer');
    expect(part.traceparent).to.match(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    part.end();
    span.end({ code: 'BAD_VERSION', reason: 'MSH-12 is "9.9"' });
    await until(() => spansSent().length > 0);
    const [text] = spansSent();
    expect(text).to.include(traceId).and.include('BAD_VERSION').and.include('"phw-listener"');
    expect(requests[0]!.headers).to.include({ 'x-tenant': 'a b', authorization: 'Bearer=1' });
    const next = telemetry.traces.goOn(Buffer.from(part.traceparent), 'process', 'consumer');
    expect(next.isRecorded).to.equal(true);
    expect(next.traceparent).to.include(traceId).and.not.equal(part.traceparent);
    next.end();
  });

  it('traces that share of messages, all stages the same ones', async () => {
    await start(0.25);
    let traced = 0;
    for (let message = 0; message < 2_000; message += 1) {
      const span = telemetry.traces.begin(randomUUID(), 'receive', 'server');
      const header = span.part('send', 'producer').traceparent;
      const next = telemetry.traces.goOn(Buffer.from(header), 'process', 'consumer');
      expect(next.isRecorded).to.equal(span.isRecorded);
      // Whoever reads the header may trust its flag.
      expect(header.endsWith('-01')).to.equal(span.isRecorded);
      if (span.isRecorded) traced += 1;
    }
    expect(traced).to.be.within(400, 600);
    const untraced = untracedParent(randomUUID());
    expect(telemetry.traces.goOn(Buffer.from(untraced), 'process', 'consumer').traceparent).to.equal(
      untraced,
    );
    expect(telemetry.traces.goOn(Buffer.from('from elsewhere'), 'process', 'consumer').isRecorded).to.equal(
      false,
    );
    expect(telemetry.traces.ofMany([], 'commit', 'producer').isRecorded).to.equal(false);
  });

  it('keeps spans in a file while nobody takes them in, says so once, and sends again when it can', async () => {
    await start();
    await away();
    for (let message = 0; message < 3; message += 1) {
      telemetry.traces.begin(randomUUID(), `lost ${message}`, 'server').end();
      const kept = message + 1;
      await until(async () => (await count('kept')) === kept);
    }
    const file = join(folder, 'spans', 'phw-listener.jsonl');
    const kept = (await readFile(file, 'utf8')).trim().split('\n');
    expect(kept.map((line) => /lost \d/.exec(JSON.stringify(JSON.parse(line)))?.[0])).to.deep.equal([
      'lost 0',
      'lost 1',
      'lost 2',
    ]);
    expect(lines.filter(({ reasonCode }) => reasonCode === 'TELEMETRY_AWAY')).to.have.length(1);
    await listen(port);
    await until(async () => {
      telemetry.traces.begin(randomUUID(), 'found', 'server').end();
      await sleep(200);
      return (await count('exported')) > 0;
    });
    expect(spansSent().join('')).to.include('found');
    expect(lines.filter(({ message }) => message === 'telemetry is taken in again')).to.have.length(1);
  });

  it('waits for nobody: what there is no room for is dropped at once, and counted', async () => {
    await start();
    await away();
    const began = performance.now();
    for (let message = 0; message < 10_000; message += 1) {
      telemetry.traces.begin(randomUUID(), 'receive', 'server').end();
    }
    expect(performance.now() - began).to.be.below(20_000);
    expect(await count('dropped')).to.equal(10_000 - 4_096);
    await until(async () => (await count('dropped')) + (await count('kept')) === 10_000);
  });

  it('sends what /metrics shows, by its name and by that of the conventions', async () => {
    await start();
    const labels = { flow: 'phw', health_board: 'CTM', peer: 'PHW' };
    metrics.acknowledged.inc(labels, 3);
    for (const seconds of [0.002, 0.002, 0.3, 120]) metrics.storeSeconds.observe(seconds);
    await telemetry.close();
    const sent = requests.filter(({ path }) => path === '/v1/metrics').at(-1)!;
    interface Point {
      asDouble?: number;
      count?: number;
      sum?: number;
      bucketCounts?: number[];
      explicitBounds?: number[];
      attributes: { key: string; value: { stringValue: string } }[];
    }
    interface Metric {
      name: string;
      unit: string;
      sum?: { isMonotonic: boolean; dataPoints: Point[] };
      histogram?: { dataPoints: Point[] };
      gauge?: { dataPoints: Point[] };
    }
    const { resourceMetrics } = JSON.parse(sent.text) as {
      resourceMetrics: { scopeMetrics: { metrics: Metric[] }[] }[];
    };
    const found = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((one) => one.metrics));
    const named = (name: string): Metric => {
      const same = found.filter((metric) => metric.name === name);
      expect(same, name).to.have.length(1);
      return same[0]!;
    };
    const { isMonotonic, dataPoints } = named('ihub.messages_acknowledged').sum!;
    expect([isMonotonic, dataPoints[0]!.asDouble]).to.deep.equal([true, 3]);
    const attributes = dataPoints[0]!.attributes.map(({ key, value }) => [key, value.stringValue]);
    expect(Object.fromEntries(attributes)).to.deep.equal({
      'ihub.flow': 'phw',
      'ihub.health_board': 'CTM',
      'ihub.peer': 'PHW',
    });
    expect(named('messaging.client.sent.messages').sum!.dataPoints[0]!.asDouble).to.equal(3);
    for (const name of ['ihub.store', 'messaging.client.operation.duration']) {
      const { unit, histogram } = named(name);
      const [point] = histogram!.dataPoints;
      expect(unit).to.equal('s');
      expect(point!.count).to.equal(4);
      expect(point!.sum).to.be.closeTo(120.304, 1e-9);
      expect(point!.bucketCounts).to.have.length(point!.explicitBounds!.length + 1);
      expect(point!.bucketCounts!.reduce((sum, value) => sum + value)).to.equal(4);
      expect(point!.bucketCounts!.at(-1)).to.equal(1);
      expect(point!.bucketCounts![point!.explicitBounds!.indexOf(0.0025)]).to.equal(2);
    }
    expect(named('process.cpu.time').sum!.dataPoints).to.have.length(2);
  });

  it('reads headers as OTEL_EXPORTER_OTLP_HEADERS has them', () => {
    expect(parseHeaders('a=1,b = 2 ,\nc=%ZZ,=x, d')).to.deep.equal({ a: '1', b: '2', c: '%ZZ' });
    expect(parseHeaders('')).to.deep.equal({});
  });
});
