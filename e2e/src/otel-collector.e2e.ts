/**
 * A real OpenTelemetry Collector between what sends and what keeps: so it is the Collector that finds our requests
 * right. Part of `make e2e`, for it is built from its Go modules first (some 80 s of one processor, once).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '@integration-hub/kafka';
import { createLog, Metrics, startTelemetry, type Telemetry } from '@integration-hub/workers';
import { expect } from 'chai';
import { tool } from './cluster/tools.js';
import { until } from './hub-under-test.js';
import { OtlpReceiver } from './otlp-receiver.js';

describe('The OpenTelemetry Collector', function () {
  this.timeout(900_000);
  let directory: string;
  let otlp: OtlpReceiver;
  let port: number;
  let collector: ChildProcess;
  let telemetry: Telemetry;
  const metrics = new Metrics();

  async function start(): Promise<void> {
    const configuration = {
      receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
      exporters: { otlp_http: { endpoint: otlp.url, encoding: 'proto', compression: 'none' } },
      service: {
        telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
        pipelines: {
          traces: { receivers: ['otlp'], exporters: ['otlp_http'] },
          metrics: { receivers: ['otlp'], exporters: ['otlp_http'] },
        },
      },
    };
    const file = join(directory, 'collector.yaml');
    await writeFile(file, JSON.stringify(configuration)); // Which is YAML too.
    collector = spawn(await tool('otel-collector'), ['--config', file], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await until('the Collector listens', () => accepts(port), 30_000);
  }
  async function stop(): Promise<void> {
    const ended = once(collector, 'exit');
    collector.kill('SIGTERM');
    await ended;
  }

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-collector-'));
    otlp = await OtlpReceiver.start();
    [port] = (await freePorts(1)) as [number];
    await start();
    const endpoint = `http://127.0.0.1:${port}`;
    telemetry = await startTelemetry(
      { endpoint, headersFile: null, caFile: null, sampleRatio: 1, spansFolder: join(directory, 'spans') },
      {
        service: 'phw-to-mpi-listener',
        namespace: 'default',
        log: createLog('error', {}),
        registry: metrics.registry,
        spans: metrics.spans,
      },
    );
  });
  after(async () => {
    await telemetry.close();
    await stop();
    await otlp.away();
    await rm(directory, { recursive: true, force: true });
  });

  /** One message's spans, as two stages make them. */
  function trace(): string {
    const correlationId = randomUUID();
    const receive = telemetry.traces.begin(correlationId, 'receive', 'server');
    receive.set(() => ({ 'hl7.control_id': '4711', 'messaging.message.body.size': 300 }));
    const send = receive.part('send', 'producer');
    send.end();
    receive.end();
    const process = telemetry.traces.goOn(Buffer.from(send.traceparent), 'process', 'consumer');
    telemetry.traces.ofMany([process], 'commit', 'producer').end();
    process.end({ code: 'BAD_DATE_TIME', reason: 'MSH-7 is no time' });
    return correlationId.replaceAll('-', '');
  }

  it('takes spans in, with their parents, links, attributes and failures', async () => {
    const traceId = trace();
    await until('they have come', () => otlp.trace(traceId).length === 3, 30_000);
    const [receive, send, process] = otlp.trace(traceId);
    expect([receive!.name, send!.name, process!.name]).to.deep.equal(['receive', 'send', 'process']);
    expect([send!.parentSpanId, process!.parentSpanId]).to.deep.equal([receive!.spanId, send!.spanId]);
    expect(receive!.attributes).to.deep.include({
      'hl7.control_id': '4711',
      'messaging.message.body.size': 300,
    });
    expect(process).to.include({ failed: true, service: 'phw-to-mpi-listener' });
    const commit = otlp.spans.find(({ name }) => name === 'commit');
    expect(commit!.links).to.deep.equal([{ traceId, spanId: process!.spanId }]);
  });

  it('is taken for away while it is, and served again when it is back', async () => {
    await stop();
    const lost = trace();
    const kept = async (): Promise<number> =>
      (await metrics.spans.get()).values.find(({ labels }) => labels.outcome === 'kept')?.value ?? 0;
    await until('they are kept', async () => (await kept()) >= 4, 30_000);
    await start();
    let traceId = '';
    await until(
      'it is sent to again',
      () => {
        if (otlp.trace(traceId).length === 3) return true;
        traceId = trace();
        return false;
      },
      30_000,
    );
    expect(otlp.trace(lost)).to.deep.equal([]);
  });

  it('takes metrics in', async () => {
    const labels = { flow: 'phw-to-mpi', health_board: 'CTM', peer: 'PHW' };
    metrics.acknowledged.inc(labels, 7);
    metrics.storeSeconds.observe(0.004);
    await telemetry.close();
    const point = (metric: string): number | undefined =>
      otlp.points.findLast((one) => one.metric === metric)?.value;
    await until('they have come', () => point('ihub.messages_acknowledged') === 7, 30_000);
    expect(point('messaging.client.sent.messages')).to.equal(7);
    expect(point('messaging.client.operation.duration')).to.equal(1);
    expect(point('process.memory.usage')).to.be.above(1e7);
  });
});

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
