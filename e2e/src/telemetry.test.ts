/** OpenTelemetry on a real road: real flows, a real Kafka, and a receiver of OTLP that is away in the middle. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readDescription } from '@integration-hub/api';
import { MllpConnection } from '@integration-hub/hl7';
import { expect } from 'chai';
import { flows, samples } from './flows.js';
import { Hospital, numbered } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';
import { Journal } from './journal.js';
import { OtlpReceiver, type ReceivedPoint, type ReceivedSpan } from './otlp-receiver.js';

describe('Telemetry', function () {
  this.timeout(600_000);
  let otlp: OtlpReceiver;
  let hub: HubUnderTest;

  before(async () => {
    otlp = await OtlpReceiver.start();
    const manifests = flows().replaceAll('  peer: ', '  healthBoard: CTM\n  peer: ');
    hub = await HubUnderTest.start({ manifests, telemetry: otlp.url });
  });
  after(async () => {
    await hub.stop();
    await otlp.away();
  });

  const hospital = (name: string, port: number, template: Buffer, journal = new Journal()): Hospital =>
    new Hospital({ name, port: hub.port(port), template, journal });

  /** The spans of the one message with a control id, once there are so many. */
  async function traceOf(controlId: string, stages: number): Promise<ReceivedSpan[]> {
    const root = (): ReceivedSpan | undefined =>
      otlp.spans.find(
        ({ attributes, parentSpanId }) => attributes['hl7.control_id'] === controlId && parentSpanId === '',
      );
    await until(
      `the trace of ${controlId} has ${stages} spans`,
      () => otlp.trace(root()?.traceId ?? '').length >= stages,
      30_000,
    );
    return otlp.trace(root()!.traceId);
  }
  const outline = (spans: readonly ReceivedSpan[]): string[] =>
    spans.map(({ service, name, failed }) => `${service} ${name}${failed ? ' failed' : ''}`);

  it('is one trace from the message’s last byte to the receiver’s acknowledgement', async () => {
    await hospital('whole', 2575, samples.phw).send(1);
    const spans = await traceOf('whole-1', 7);
    expect(outline(spans)).to.deep.equal([
      'phw-to-mpi-listener receive',
      'phw-to-mpi-listener validate',
      'phw-to-mpi-listener send',
      'phw-to-mpi-transformer process',
      'phw-to-mpi-transformer transform',
      'phw-to-mpi-transformer send',
      'mpi-sender deliver',
    ]);
    const [receive, validate, stored, process, transform, sent, deliver] = spans;
    expect(validate!.parentSpanId).to.equal(receive!.spanId);
    expect(stored!.parentSpanId).to.equal(receive!.spanId);
    expect(process!.parentSpanId).to.equal(stored!.spanId);
    expect(transform!.parentSpanId).to.equal(process!.spanId);
    expect(sent!.parentSpanId).to.equal(process!.spanId);
    expect(deliver!.parentSpanId).to.equal(sent!.spanId);
    for (const { began, ended } of spans) expect(ended).to.be.at.least(began);
    expect(receive!.attributes).to.include({
      'hl7.sending_application': '252',
      'hl7.message_type': 'ADT^A31',
      'hl7.control_id': 'whole-1',
      'ihub.flow': 'phw-to-mpi',
    });
    expect(stored!.attributes).to.include({
      'messaging.system': 'kafka',
      'messaging.destination.name': 'ihub.default.phw-to-mpi.received',
    });
    // What is logged and told of it has the same id.
    const [record] = await hub.topic('ihub.default.phw-to-mpi.received');
    const { correlationId } = readDescription(record!.headers);
    expect(receive!.traceId).to.equal(correlationId.replaceAll('-', ''));
    const commit = otlp.spans.find(({ links }) => links.some(({ spanId }) => spanId === process!.spanId));
    expect(commit).to.include({ service: 'phw-to-mpi-transformer', name: 'commit' });
  });

  it('shows what failed, where and why, to its dead letter', async () => {
    const unmappable = Buffer.from(samples.phw.toString().replace('2026-03-04 09:15:27', 'no date'));
    await hospital('unmappable', 2575, unmappable).send(1);
    const transformed = await traceOf('unmappable-1', 6);
    expect(outline(transformed)).to.deep.equal([
      'phw-to-mpi-listener receive',
      'phw-to-mpi-listener validate',
      'phw-to-mpi-listener send',
      'phw-to-mpi-transformer process failed',
      'phw-to-mpi-transformer transform failed',
      'phw-to-mpi-transformer send',
    ]);
    expect(transformed[3]!.attributes['error.type']).to.match(/^[A-Z_]+$/);
    expect(transformed[5]!.attributes['messaging.destination.name']).to.equal(
      'ihub.default.phw-to-mpi.dead-letter',
    );

    hub.receiver.options.reply = 'AR';
    await hospital('refused', 2577, samples.paris).send(1);
    const refused = await traceOf('refused-1', 5);
    hub.receiver.options.reply = 'AA';
    expect(outline(refused).slice(3).sort()).to.deep.equal([
      'mpi-sender deliver failed',
      'mpi-sender send failed',
    ]);
    const [letter] = await hub.topic('ihub.default.mpi.dead-letter');
    expect(letter!.headers['traceparent']!.toString()).to.include(refused[0]!.traceId);

    const wrong = numbered(Buffer.from(samples.phw.toString().replace('|252|', '|999|')), 'rejected-1');
    const address = { host: '127.0.0.1', port: hub.port(2575), connectTimeoutMs: 5_000 };
    const connection = await MllpConnection.open(address);
    await connection.exchange(wrong, 30_000).catch(() => undefined);
    await connection.close();
    const [receive, validate] = await traceOf('rejected-1', 3);
    expect([receive!.failed, validate!.failed]).to.deep.equal([true, true]);
    expect(receive!.attributes).to.include({ 'error.type': 'WRONG_SENDING_APPLICATION' });
    const log = await readFile(hub.worker('phw-to-mpi-listener').logFile, 'utf8');
    expect(log).to.include(`"traceId":"${receive!.traceId}"`);
  });

  it('stops nothing when nobody takes it in, keeps spans in files, and is whole again afterwards', async () => {
    const journal = new Journal();
    const senders = [hospital('a', 2575, samples.phw, journal), hospital('b', 2577, samples.paris, journal)];
    const send = (count: number): Promise<unknown> => Promise.all(senders.map((one) => one.send(count)));
    await send(40);
    await traceOf('a-1', 7);
    const sending = send(160);
    await otlp.away();
    await sending;
    for (const sender of senders) sender.close();
    const last = ['a-200', 'b-200'];
    await until(
      'all is delivered though nobody takes telemetry in',
      async () => {
        const delivered = (await hub.topic('ihub.default.mpi.outbound')).length;
        return delivered >= 400 && (await waiting()) === 0;
      },
      60_000,
    );
    const kept = join(hub.directory, 'hub', 'spans', 'mpi-sender.jsonl');
    await until(
      'the last spans are in the file',
      async () => {
        const text = await readFile(kept, 'utf8').catch(() => '');
        return last.every((controlId) => text.includes(`"${controlId}"`));
      },
      30_000,
    );
    const told = await readFile(hub.worker('mpi-sender').logFile, 'utf8');
    expect(told.match(/TELEMETRY_AWAY/g)).to.have.length(1);

    await otlp.back();
    let number = 0;
    await until(
      'every stage sends again',
      async () => {
        number += 1;
        await hospital(`back-${number}`, 2575, samples.phw).send(1);
        await sleep(500);
        const traces = new Set(
          otlp.spans
            .filter(({ attributes }) => /^back-\d+-1$/.test(String(attributes['hl7.control_id'])))
            .map(({ traceId }) => traceId),
        );
        return [...traces].some((traceId) => otlp.trace(traceId).length === 7);
      },
      60_000,
    );
    await hospital('whole-again', 2575, samples.phw).send(1);
    expect(outline(await traceOf('whole-again-1', 7)).at(-1)).to.equal('mpi-sender deliver');
  });

  it('has the metrics by flow, health board and peer', async () => {
    const point = (metric: string): ReceivedPoint | undefined =>
      otlp.points.findLast(
        ({ metric: name, attributes }) => name === metric && attributes['ihub.flow'] === 'phw-to-mpi',
      );
    const whose = { 'ihub.flow': 'phw-to-mpi', 'ihub.health_board': 'CTM', 'ihub.peer': 'PHW' };
    for (const metric of [
      'ihub.messages_received',
      'ihub.messages_acknowledged',
      'ihub.messages_transformed',
      'ihub.messages_sent',
      'ihub.messages_rejected',
      'ihub.dead_letters',
    ]) {
      await until(`${metric} has come`, () => (point(metric)?.value ?? 0) > 0, 60_000);
      expect(point(metric)!.attributes, metric).to.include(whose);
    }
  });

  /** Messages that the sender has not delivered yet. */
  async function waiting(): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${hub.worker('mpi-sender').httpPort!}/metrics`);
    const text = await response.text();
    const sent = [...text.matchAll(/^ihub_messages_sent_total\{.*\} (\d+)$/gm)].map(([, count]) =>
      Number(count),
    );
    const outbound = await hub.topic('ihub.default.mpi.outbound');
    // One of them was refused.
    return outbound.length - 1 - sent.reduce((sum, count) => sum + count, 0);
  }
});

describe('What fails', function () {
  this.timeout(600_000);
  let otlp: OtlpReceiver;
  let hub: HubUnderTest;

  before(async () => {
    otlp = await OtlpReceiver.start();
    const manifests = flows().replace('onRefusal: DeadLetter', 'onRefusal: Retry');
    hub = await HubUnderTest.start({ manifests, telemetry: otlp.url, sampleRatio: 0 });
  });
  after(async () => {
    await hub.stop();
    await otlp.away();
  });

  const send = async (name: string, port: number, template: Buffer): Promise<void> => {
    const hospital = new Hospital({ name, port: hub.port(port), template, journal: new Journal() });
    await hospital.send(1);
    hospital.close();
  };
  const of = (controlId: string): ReceivedSpan[] =>
    otlp.spans.filter(({ attributes }) => attributes['hl7.control_id'] === controlId);

  it('is traced though no message is chosen, from the stage on in which it fails; what goes well is not', async () => {
    await send('well', 2575, samples.phw);
    await send(
      'unmappable',
      2575,
      Buffer.from(samples.phw.toString().replace('2026-03-04 09:15:27', 'no date')),
    );
    const wrong = numbered(Buffer.from(samples.phw.toString().replace('|252|', '|999|')), 'rejected-1');
    const address = { host: '127.0.0.1', port: hub.port(2575), connectTimeoutMs: 5_000 };
    const connection = await MllpConnection.open(address);
    await connection.exchange(wrong, 30_000).catch(() => undefined);
    await connection.close();

    const whole = async (controlId: string, spans: number): Promise<string[]> => {
      const trace = (): ReceivedSpan[] => otlp.trace(of(controlId)[0]?.traceId ?? '');
      await until(`${controlId} is traced`, () => trace().length >= spans, 60_000);
      return trace().map(({ service, name, failed }) => `${service} ${name}${failed ? ' failed' : ''}`);
    };
    expect(await whole('rejected-1', 3)).to.deep.equal([
      'phw-to-mpi-listener receive failed',
      'phw-to-mpi-listener validate failed',
      'phw-to-mpi-listener send',
    ]);
    expect(await whole('unmappable-1', 3)).to.deep.equal([
      'phw-to-mpi-transformer process failed',
      'phw-to-mpi-transformer transform failed',
      'phw-to-mpi-transformer send',
    ]);
    const [letter] = (await hub.topic('ihub.default.phw-to-mpi.dead-letter')).filter(
      ({ headers }) => String(headers['ce_controlid']) === 'unmappable-1',
    );
    // Whoever replays it goes on with its trace.
    expect(String(letter!.headers['traceparent'])).to.match(
      new RegExp(`^00-${of('unmappable-1')[0]!.traceId}-[0-9a-f]{16}-01$`),
    );
    expect(of('well-1')).to.deep.equal([]);
  });

  it('is traced at each try, and at the one that succeeds', async () => {
    hub.receiver.options.reply = 'AR';
    await send('tried', 2577, samples.paris);
    await until('it is refused', () => of('tried-1').length > 0, 60_000);
    hub.receiver.options.reply = 'AA';
    await until('it is delivered', () => of('tried-1').some(({ failed }) => !failed), 60_000);
    const tries = of('tried-1').sort((a, b) => a.began - b.began);
    expect(tries.slice(0, -1).every(({ failed }) => failed)).to.equal(true);
    expect(tries.map(({ attributes }) => attributes['ihub.attempt'])).to.deep.equal(
      tries.map((_, index) => index + 1),
    );
    expect(tries.map(({ parentSpanId }) => parentSpanId)).to.deep.equal(tries.map(() => ''));
  });
});
