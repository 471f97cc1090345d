import { expect } from 'chai';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import {
  deadLetterTopic,
  outboundTopic,
  readDeadLetterReason,
  readDescription,
  receivedTopic,
} from '@integration-hub/api';
import { encodeFrame, Message, MllpConnection, readAcknowledgement } from '@integration-hub/hl7';
import { readExposition } from '@integration-hub/workers';
import { flows, phwAsDelivered, samples } from './flows.js';
import { Hospital, numbered } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';

async function open(port: number): Promise<MllpConnection> {
  return MllpConnection.open({ host: '127.0.0.1', port, connectTimeoutMs: 5_000 });
}

/** A socket on which bytes can be written that are no proper exchange. */
async function raw(
  port: number,
): Promise<{ socket: Socket; received: () => Buffer; closed: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  return { socket, received: () => Buffer.concat(chunks), closed: once(socket, 'close') };
}

describe('the road of a message, on a real Kafka', function () {
  this.timeout(900_000);
  let hub: HubUnderTest;
  let [phwPort, parisPort] = [0, 0];

  before(async () => {
    hub = await HubUnderTest.start({ manifests: flows() });
    [phwPort, parisPort] = [hub.port(2575), hub.port(2577)];
  });
  after(() => hub.stop());

  async function delivered(controlId: string): Promise<void> {
    await until(`${controlId} arrives`, () => hub.journal.arrivals(controlId).length > 0, 30_000);
  }

  it('acknowledges a PHW message as HL7 asks, maps it and delivers it', async () => {
    const connection = await open(phwPort);
    const reply = await connection.exchange(samples.phw, 30_000);
    expect(reply.toString().replace(/\|\d{14}\|/, '|TIME|')).to.equal(
      'MSH|^~\\&|100|100|252|252|TIME||ACK^A31^ACK|20260304091527000001|P|2.5\rMSA|AA|20260304091527000001\r',
    );
    await delivered('20260304091527000001');
    expect(hub.journal.arrivals('20260304091527000001')[0]!.toString()).to.equal(
      phwAsDelivered(samples.phw).toString(),
    );
    await connection.exchange(samples.phwDeath, 30_000);
    await delivered('20260304092000000002');
    expect(hub.journal.arrivals('20260304092000000002')[0]!.toString()).to.equal(
      phwAsDelivered(samples.phwDeath).toString(),
    );
    await connection.close();
  });

  it('delivers a Paris message byte for byte, with no transformer in between', async () => {
    expect(hub.hub.workers.map((worker) => worker.stage.name)).to.deep.equal([
      'phw-to-mpi-listener',
      'phw-to-mpi-transformer',
      'paris-to-mpi-listener',
      'mpi-sender',
    ]);
    const connection = await open(parisPort);
    const reply = readAcknowledgement(await connection.exchange(samples.paris, 30_000));
    expect(reply).to.deep.equal({ code: 'AA', controlId: '1690000020260304101112' });
    await delivered('1690000020260304101112');
    expect(hub.journal.arrivals('1690000020260304101112')[0]).to.deep.equal(samples.paris);
    await connection.close();
  });

  it('keeps the message’s own bytes in the record, and its description in CloudEvents headers', async () => {
    const [record] = (await hub.topic(receivedTopic('default', 'phw-to-mpi'))).filter((one) =>
      one.value.includes('20260304091527000001'),
    );
    expect(record!.value).to.deep.equal(samples.phw);
    const description = readDescription(record!.headers);
    expect(description).to.include({
      flow: 'phw-to-mpi',
      controlId: '20260304091527000001',
      namespace: 'default',
    });
    expect(description.contentType).to.equal('x-application/hl7-v2+er7; charset=utf-8');
    expect(description.traceparent).to.match(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    const [sent] = (await hub.topic(outboundTopic('default', 'mpi'))).filter((one) =>
      one.value.includes('20260304091527000001'),
    );
    expect(readDescription(sent!.headers).correlationId).to.equal(description.correlationId);
  });

  it('sets a message aside that can’t be mapped, with its reason, while the ones after it go on', async () => {
    const connection = await open(phwPort);
    const bad = Buffer.from(
      numbered(samples.phw, 'map-2').toString().replace('2026-03-04 09:15:27', '04/03/2026 09:15'),
    );
    for (const bytes of [numbered(samples.phw, 'map-1'), bad, numbered(samples.phw, 'map-3')]) {
      expect(readAcknowledgement(await connection.exchange(bytes, 30_000)).code).to.equal('AA');
    }
    await delivered('map-3');
    expect(hub.journal.arrivals('map-1')).to.have.length(1);
    expect(hub.journal.arrivals('map-2')).to.have.length(0);
    const [letter] = (await hub.topic(deadLetterTopic('default', 'phw-to-mpi'))).filter((one) =>
      one.value.includes('map-2'),
    );
    expect(letter!.value).to.deep.equal(bad);
    const reason = readDeadLetterReason(letter!.headers)!;
    expect(reason).to.include({
      code: 'BAD_DATE_TIME',
      stage: 'phw-to-mpi-transformer',
      attempts: 1,
      truncated: false,
    });
    expect(reason.reason)
      .to.match(/MSH-7/)
      .and.not.match(/04\/03/);
    expect(reason.origin).to.match(/^ihub\.default\.phw-to-mpi\.received\/0\/\d+$/);
    await connection.close();
  });

  const refused: [name: string, code: string, change: (text: string) => string][] = [
    ['another sending application', 'WRONG_SENDING_APPLICATION', (text) => text.replace('|252|', '|253|')],
    ['another version', 'WRONG_VERSION', (text) => text.replace('|P|2.5|', '|P|2.4|')],
    ['a date of birth that is none', 'RULE', (text) => text.replace('19840229', '19850229')],
    ['a date of birth before 1800', 'RULE', (text) => text.replace('19840229', '17991231')],
    ['no date of birth', 'RULE', (text) => text.replace('19840229', '')],
    ['no control id', 'MISSING_CONTROL_ID', (text) => text.replace(/\|reject[^|]*\|/, '||')],
    ['something that is not HL7', 'NOT_HL7', (text) => text.replace('MSH', 'HSM')],
  ];
  refused.forEach(([name, code, change], index) => {
    it(`refuses ${name}: says nothing, closes, keeps it as a dead letter`, async () => {
      const bytes = Buffer.from(change(numbered(samples.phw, `reject-${index}`).toString()));
      const { socket, received, closed } = await raw(phwPort);
      socket.write(encodeFrame(bytes));
      await closed;
      expect(received().length).to.equal(0);
      const letters = await hub.topic(deadLetterTopic('default', 'phw-to-mpi'));
      const letter = letters.find((one) => one.value.equals(bytes));
      expect(readDeadLetterReason(letter!.headers)).to.include({ code, stage: 'phw-to-mpi-listener' });
    });
  });

  it('acknowledges what came before a refused message on the same connection, and nothing after it', async () => {
    const { socket, received, closed } = await raw(phwPort);
    const bad = Buffer.from(numbered(samples.phw, 'mid-2').toString().replace('|252|', '|253|'));
    const all = [numbered(samples.phw, 'mid-1'), bad, numbered(samples.phw, 'mid-3')];
    socket.write(Buffer.concat(all.map(encodeFrame)));
    await closed;
    expect(
      received()
        .toString()
        .match(/MSA\|AA\|[^\r]*/g),
    ).to.deep.equal(['MSA|AA|mid-1']);
    await delivered('mid-1');
    const received3 = (await hub.topic(receivedTopic('default', 'phw-to-mpi'))).filter((one) =>
      one.value.includes('mid-3'),
    );
    expect(received3).to.have.length(0);
  });

  it('answers many messages in one write, in their order', async () => {
    const { socket, received } = await raw(parisPort);
    const ids = Array.from({ length: 300 }, (_, index) => `pipe-${index + 1}`);
    socket.write(Buffer.concat(ids.map((id) => encodeFrame(numbered(samples.paris, id)))));
    const acknowledged = (): string[] =>
      [
        ...received()
          .toString()
          .matchAll(/MSA\|AA\|([^\r]*)/g),
      ].map(([, id]) => id!);
    await until('all are answered', () => acknowledged().length === ids.length, 30_000);
    expect(acknowledged()).to.deep.equal(ids);
    await delivered('pipe-300');
    expect(hub.journal.order('pipe')).to.deep.equal(ids.map((_, index) => index + 1));
    socket.destroy();
  });

  it('answers a sender that ends its side right after its message', async () => {
    const { socket, received, closed } = await raw(parisPort);
    socket.end(encodeFrame(numbered(samples.paris, 'end-1')));
    await closed;
    expect(received().toString()).to.include('MSA|AA|end-1');
  });

  /** A valid message of exactly so many bytes. */
  function padded(id: string, size: number): Buffer {
    const message = numbered(samples.paris, id);
    return Buffer.concat([message, Buffer.from(`ZZZ|${'x'.repeat(size - message.length - 5)}\r`)]);
  }

  it('takes a message of 1 MiB and refuses one of 1 MiB and a byte without an acknowledgement', async () => {
    const connection = await open(parisPort);
    const largest = padded('size-1', 1_048_576);
    expect(largest.length).to.equal(1_048_576);
    expect(readAcknowledgement(await connection.exchange(largest, 30_000)).code).to.equal('AA');
    await connection.close();
    await delivered('size-1');
    expect(hub.journal.arrivals('size-1')[0]!.equals(largest)).to.equal(true);

    const { socket, received, closed } = await raw(parisPort);
    socket.write(encodeFrame(padded('size-2', 1_048_577)));
    await closed;
    expect(received().length).to.equal(0);
    const letters = await hub.topic(deadLetterTopic('default', 'paris-to-mpi'));
    const letter = letters.find((one) => readDeadLetterReason(one.headers)?.code === 'TOO_LARGE');
    expect(letter!.value.length).to.equal(1_000);
    expect(readDeadLetterReason(letter!.headers)).to.include({ truncated: true });
  });

  it('does not read on what is too large, however much comes', async () => {
    const socket = connect({ port: parisPort, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    socket.resume();
    // That it ends by a reset is right.
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('\x0bMSH|^~\\&|');
    const piece = Buffer.alloc(65_536, 'x');
    const goOn = (): void => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', goOn);
    goOn();
    let taken = 0;
    const watch = setInterval(() => (taken = socket.bytesWritten - socket.writableLength), 10);
    await closed;
    clearInterval(watch);
    // What the kernel keeps for both sides comes on top of what is allowed.
    expect(taken).to.be.within(1_048_576, 24 * 1_048_576);
  });

  it('closes a connection that begins with anything but a start block', async () => {
    const { socket, received, closed } = await raw(parisPort);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await closed;
    expect(received().length).to.equal(0);
  });

  it('serves 200 connections at once', async () => {
    const hospitals = Array.from(
      { length: 200 },
      (_, index) =>
        new Hospital({
          name: `many${index}`,
          port: parisPort,
          journal: hub.journal,
          template: samples.paris,
        }),
    );
    await Promise.all(hospitals.map((hospital) => hospital.send(5)));
    for (const hospital of hospitals) hospital.close();
    await until('all arrive', () => hub.journal.complete, 60_000);
    const verdict = hub.journal.verdict();
    expect(verdict).to.deep.include({
      lost: [],
      doubled: [],
      doubledInFlight: [],
      outOfOrder: [],
      altered: [],
    });
    expect(hub.journal.acknowledgedCount).to.equal(1_000);
  });

  it('is live and ready over TCP and HTTP, and counts', async () => {
    const worker = hub.worker('phw-to-mpi-listener');
    const get = async (path: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${worker.httpPort}${path}`);
    expect((await get('/livez')).status).to.equal(200);
    expect((await get('/readyz')).status).to.equal(200);
    const exposed = readExposition(await (await get('/metrics')).text());
    const value = (wanted: string, labels: Record<string, string>): number | undefined =>
      exposed.find(
        (sample) =>
          sample.name === wanted &&
          Object.entries({ namespace: 'default', ...labels }).every(
            ([name, is]) => sample.labels[name] === is,
          ),
      )?.value;
    const flow = 'phw-to-mpi';
    expect(value('ihub_messages_received_total', { flow, health_board: '', peer: 'PHW' })).to.be.above(0);
    expect(value('ihub_messages_rejected_total', { flow, code: 'RULE' })).to.equal(3);
    const started = value('ihub_worker_started_timestamp_seconds', { flow, role: 'listener' })!;
    expect(value('ihub_last_received_timestamp_seconds', { flow }))
      .to.be.above(started)
      .and.at.most(Date.now() / 1_000);
    const tcp = await raw(worker.tcpPort!);
    await tcp.closed;
  });

  it('writes no patient data to any log', async () => {
    const { readFile } = await import('node:fs/promises');
    const values = [
      'PRITCHARD',
      'Siân',
      '1002003',
      '9434765919',
      '19840229',
      'TREGARTH',
      'MORGAN',
      'Ifan',
      '550123',
      '19991231',
    ];
    for (const worker of hub.hub.workers) {
      const log = await readFile(worker.logFile, 'utf8');
      expect(log).to.include('"message":"started"');
      for (const value of values)
        expect(log, `${worker.stage.name} logs a patient’s data`).not.to.include(value);
    }
  });
});

describe('a flow that asks for AE and AR', function () {
  this.timeout(900_000);
  let hub: HubUnderTest;
  before(async () => {
    hub = await HubUnderTest.start({ manifests: flows({ onReject: 'Nak' }) });
  });
  after(() => hub.stop());

  it('says what is wrong, keeps the connection, and takes the next message', async () => {
    const connection = await open(hub.port(2575));
    const version = Buffer.from(numbered(samples.phw, 'nak-1').toString().replace('|P|2.5|', '|P|2.5.1|'));
    const wrongVersion = await connection.exchange(version, 30_000);
    expect(readAcknowledgement(wrongVersion)).to.include({ code: 'AR', controlId: 'nak-1' });
    expect(wrongVersion.toString()).to.match(/\rERR\|\|MSH\^1\^12(\^1)?\|203\^\^HL70357\|E\|/);
    const birth = Buffer.from(numbered(samples.phw, 'nak-2').toString().replace('19840229', '19850229'));
    const wrongBirth = await connection.exchange(birth, 30_000);
    expect(readAcknowledgement(wrongBirth)).to.include({ code: 'AE', controlId: 'nak-2' });
    expect(wrongBirth.toString()).to.include('PID-7 must be a date of birth').and.not.include('19850229');
    expect(
      readAcknowledgement(await connection.exchange(numbered(samples.phw, 'nak-3'), 30_000)).code,
    ).to.equal('AA');
    const letters = await hub.topic(deadLetterTopic('default', 'phw-to-mpi'));
    expect(letters.map((letter) => Message.parse(letter.value).controlId)).to.deep.equal(['nak-1', 'nak-2']);
    await connection.close();
  });
});
