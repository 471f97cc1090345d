/** OpenTelemetry on a real road: real flows, a real Kafka, and a receiver of OTLP that is away in the middle. */
import { readDescription } from '@integration-hub/api';
import { expect } from 'chai';
import { flows, samples } from './flows.js';
import { Hospital } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';
import { Journal } from './journal.js';
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.js';

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
});
