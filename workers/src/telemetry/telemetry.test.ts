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
import { parseHeaders } from './otlp-headers.js';
import { readOtlpMetrics, readOtlpTraces, type OtlpMetric, type OtlpSpan } from './otlp-messages.js';
import { startTelemetry, type Telemetry } from './telemetry.js';
import { untracedParent } from './traces.js';

interface Request {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
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
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        requests.push({ path: request.url!, headers: request.headers, body: Buffer.concat(chunks) });
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
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
      caFile: null,
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
  const tracesSent = (): string[] =>
    requests
      .filter(({ path }) => path === '/v1/traces')
      .map(({ body }) => JSON.stringify(readOtlpTraces(body)));
  const spansSent = (): OtlpSpan[] =>
    requests
      .filter(({ path }) => path === '/v1/traces')
      .flatMap(({ body }) => readOtlpTraces(body).resourceSpans!)
      .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));

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
    await until(() => tracesSent().length > 0);
    expect(tracesSent()[0]).to.include(traceId).and.include('BAD_VERSION').and.include('"phw-listener"');
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

  it('has all of a stage seen in which a message that was not chosen fails, and what comes after', async () => {
    await start(0);
    const lost = telemetry.traces.begin(randomUUID(), 'well', 'server');
    lost.part('send', 'producer').end();
    lost.end();
    const correlationId = randomUUID();
    const traceId = correlationId.replaceAll('-', '');
    const receive = telemetry.traces.begin(correlationId, 'receive', 'server');
    receive.set(() => ({ 'hl7.control_id': '4711' }));
    const header = receive.part('validate', 'internal');
    const unchosen = header.traceparent;
    expect(unchosen).to.equal(untracedParent(correlationId));
    header.end({ code: 'BAD_VERSION' });
    const letter = receive.part('send', 'producer');
    expect(letter.traceparent).to.match(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    letter.end();
    receive.end({ code: 'BAD_VERSION' });
    // A later stage of a message that was not chosen has no parent to name.
    const process = telemetry.traces.goOn(Buffer.from(unchosen), 'process', 'consumer');
    expect([process.isRecorded, process.traceparent]).to.deep.equal([false, unchosen]);
    process.fail({ code: 'BAD_DATE_TIME', reason: 'MSH-7 is no time' });
    const passedOn = process.traceparent;
    expect(telemetry.traces.goOn(Buffer.from(passedOn), 'deliver', 'client').isRecorded).to.equal(true);
    process.end();
    const again = telemetry.traces.goOn(Buffer.from(unchosen), 'again', 'client');
    again.keep();
    again.end();
    const twice = telemetry.traces.goOn(Buffer.from(unchosen), 'interrupted', 'client');
    twice.interrupt('NOT_COMMITTED');
    await until(() => spansSent().length >= 5);
    const spans = spansSent();
    expect(spans.map(({ name, status }) => [name, status?.code])).to.deep.equal([
      ['validate', 2],
      ['send', undefined],
      ['receive', 2],
      ['process', 2],
      ['again', undefined],
    ]);
    expect(new Set(spans.map((span) => span.traceId))).to.deep.equal(new Set([traceId]));
    const [validate, , whole, later] = spans;
    expect([validate!.parentSpanId, whole!.parentSpanId, later!.parentSpanId]).to.deep.equal([
      whole!.spanId,
      undefined,
      undefined,
    ]);
    expect(JSON.stringify(whole!.attributes)).to.include('4711');
    expect(later!.status).to.deep.equal({ message: 'MSH-7 is no time', code: 2 });
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
    expect(tracesSent().join('')).to.include('found');
    expect(lines.filter(({ message }) => message === 'telemetry is taken in again')).to.have.length(1);
  });

  it('waits for nobody: what there is no room for is dropped at once, and counted', async () => {
    await start();
    await away();
    const began = performance.now();
    for (let message = 0; message < 150_000; message += 1) {
      telemetry.traces.begin(randomUUID(), 'receive', 'server').end();
    }
    expect(performance.now() - began).to.be.below(20_000);
    const dropped = await count('dropped');
    expect(dropped).to.be.within(1_000, 149_000);
    // The first of them kept its place while it was tried.
    await until(async () => dropped + (await count('kept')) === 150_000);
  });

  it('sends what /metrics shows, by its name and by that of the conventions', async () => {
    await start();
    const labels = { flow: 'phw', health_board: 'CTM', peer: 'PHW' };
    metrics.acknowledged.inc(labels, 3);
    for (const seconds of [0.002, 0.002, 0.3, 120]) metrics.storeSeconds.observe(seconds);
    await telemetry.close();
    const sent = requests.filter(({ path }) => path === '/v1/metrics').at(-1)!;
    const { resourceMetrics } = readOtlpMetrics(sent.body);
    const found = resourceMetrics!.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((one) => one.metrics));
    const named = (name: string): OtlpMetric => {
      const same = found.filter((metric) => metric.name === name);
      expect(same, name).to.have.length(1);
      return same[0]!;
    };
    const { isMonotonic, dataPoints } = named('ihub.messages_acknowledged').sum!;
    expect([isMonotonic, dataPoints[0]!.asDouble]).to.deep.equal([true, 3]);
    const attributes = dataPoints[0]!.attributes!.map(({ key, value }) => [key, value.stringValue]);
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
      expect(point!.count).to.equal('4');
      expect(point!.sum).to.be.closeTo(120.304, 1e-9);
      expect(point!.bucketCounts).to.have.length(point!.explicitBounds!.length + 1);
      const counts = point!.bucketCounts!.map(Number);
      expect(counts.reduce((sum, value) => sum + value)).to.equal(4);
      expect(counts.at(-1)).to.equal(1);
      expect(counts[point!.explicitBounds!.indexOf(0.0025)]).to.equal(2);
    }
    expect(named('process.cpu.time').sum!.dataPoints).to.have.length(2);
  });

  it('reads headers as OTEL_EXPORTER_OTLP_HEADERS has them', () => {
    expect(parseHeaders('a=1,b = 2 ,\nc=%ZZ,=x, d')).to.deep.equal({ a: '1', b: '2', c: '%ZZ' });
    expect(parseHeaders('')).to.deep.equal({});
  });
});
