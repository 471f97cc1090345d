import { expect } from 'chai';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ListenerConfiguration } from '@integration-hub/api';
import { encodeFrame } from '@integration-hub/hl7';
import type { OutgoingRecord } from '@integration-hub/kafka';
import { createLog } from '../log.js';
import { Metrics } from '../metrics.js';
import { noTraces } from '../telemetry/traces.js';
import { compileAcceptance } from './acceptance.js';
import { ListenerConnection } from './connection.js';
import { RefusalLog } from './refusal-log.js';

const configuration: ListenerConfiguration = {
  role: 'listener',
  stage: 'test-listener',
  namespace: 'default',
  kafka: {
    bootstrapServers: ['127.0.0.1:1'],
    tls: null,
    sasl: null,
    client: 'kafkajs',
    sessionTimeoutMs: 10_000,
    watchdogMs: 60_000,
  },
  health: { host: '127.0.0.1', tcpPort: 0, httpPort: 0 },
  logLevel: 'error',
  telemetry: null,
  deadLetterTopic: 'dead',
  eventsTopic: null,
  securityTopic: 'ihub.default.security',
  flow: 'test',
  healthBoard: '',
  peer: '',
  listen: { host: '127.0.0.1', port: 0, maxConnections: 10, frameTimeoutMs: 300, tls: null },
  maxMessageBytes: 1_000,
  charset: 'UNICODE UTF-8',
  accept: { versions: null, sendingApplications: ['A'], rules: [] },
  schema: null,
  contentPolicy: 'Redacted',
  onReject: 'Nak',
  storeTimeoutMs: 400,
  ordering: { by: 'Flow' },
  topic: 'received',
};
const message = (id: string, application = 'A'): Buffer =>
  encodeFrame(Buffer.from(`MSH|^~\\&|${application}|B|C|D|20260101||ADT^A31|${id}|P|2.5\r`));

/** Storing is Kafka's; here the test decides when, and whether, each record is stored. */
interface Storing {
  readonly record: OutgoingRecord;
  readonly stored: () => void;
  readonly failed: () => void;
  readonly signal: AbortSignal;
}

describe('a listener’s connection', () => {
  let server: Server;
  let client: Socket;
  let received = '';
  let storing: Storing[] = [];
  let connection: ListenerConnection;
  let readingAllowed = true;
  let wasSuspended = false;

  beforeEach(async () => {
    [received, storing, readingAllowed, wasSuspended] = ['', [], true, false];
    const metrics = new Metrics();
    server = createServer({ allowHalfOpen: true }, (socket) => {
      connection = new ListenerConnection(socket, {
        configuration,
        log: createLog('none', {}),
        refusals: new RefusalLog(createLog('none', {})),
        metrics,
        traces: noTraces,
        security: { refused: () => undefined },
        judge: compileAcceptance(configuration, undefined),
        keyOf: () => Buffer.from('test'),
        store: (record, signal) =>
          new Promise((resolve, reject) => {
            storing.push({ record, signal, stored: resolve, failed: () => reject(new Error('not stored')) });
          }),
        readingAllowed: () => readingAllowed,
        wasSuspended: () => wasSuspended,
        tell: () => undefined,
        received: { inc: () => undefined },
        acknowledged: { inc: () => undefined },
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('data', (chunk: Buffer) => (received += chunk.toString()));
    client.on('error', () => undefined);
    await once(client, 'connect');
  });
  afterEach(async () => {
    client.destroy();
    connection.destroy();
    server.close();
    await once(server, 'close');
  });

  const answers = (): string[] =>
    [...received.matchAll(/MSA\|(A[AER]\|[^\r|]*)/g)].map(([, answer]) => answer!);
  async function takes(count: number): Promise<void> {
    for (let waited = 0; storing.length < count && waited < 2_000; waited += 5) await sleep(5);
    expect(storing.length).to.equal(count);
  }

  it('stores nothing that came while the process was suspended: its sender has sent it elsewhere', async () => {
    wasSuspended = true;
    client.write(message('1'));
    await once(client, 'close');
    expect(storing).to.deep.equal([]);
    expect(received).to.equal('');
  });

  it('acknowledges nothing before it is stored', async () => {
    client.write(message('1'));
    await takes(1);
    await sleep(50);
    expect(answers()).to.deep.equal([]);
    storing[0]!.stored();
    await sleep(20);
    expect(answers()).to.deep.equal(['AA|1']);
  });

  it('answers in the order of the messages, whatever the order of their storing', async () => {
    client.write(Buffer.concat([message('1'), message('2', 'X'), message('3')]));
    await takes(3);
    expect(storing.map(({ record }) => record.topic)).to.deep.equal(['received', 'dead', 'received']);
    storing[2]!.stored();
    storing[1]!.stored();
    await sleep(20);
    expect(answers()).to.deep.equal([]);
    storing[0]!.stored();
    await sleep(20);
    expect(answers()).to.deep.equal(['AA|1', 'AR|2', 'AA|3']);
  });

  it('closes without a reply what can’t be stored, and acknowledges nothing behind it', async () => {
    client.write(Buffer.concat([message('1'), message('2'), message('3')]));
    await takes(3);
    const closed = once(client, 'close');
    storing[0]!.stored();
    storing[1]!.failed();
    storing[2]!.stored();
    await closed;
    expect(answers()).to.deep.equal(['AA|1']);
    expect(storing[2]!.signal.aborted).to.equal(true);
  });

  it('does not refuse a message whose dead letter can’t be stored', async () => {
    client.write(message('1', 'X'));
    await takes(1);
    const closed = once(client, 'close');
    storing[0]!.failed();
    await closed;
    expect(answers()).to.deep.equal([]);
  });

  it('closes without a reply what is not stored in time, and takes it back if it has not gone out', async () => {
    client.write(message('1'));
    await takes(1);
    const closed = once(client, 'close');
    const timer = setInterval(() => connection.tick(), 20);
    await closed;
    clearInterval(timer);
    expect(answers()).to.deep.equal([]);
    expect(storing[0]!.signal.aborted).to.equal(true);
  });

  it('closes when a message does not end in time', async () => {
    client.write(message('1').subarray(0, 20));
    await sleep(20);
    const closed = once(client, 'close');
    const timer = setInterval(() => connection.tick(), 20);
    await closed;
    clearInterval(timer);
    expect(storing).to.deep.equal([]);
  });

  it('reads on only while it may', async () => {
    readingAllowed = false;
    connection.tick();
    client.write(message('1'));
    await sleep(100);
    expect(storing).to.have.length(0);
    readingAllowed = true;
    connection.tick();
    await takes(1);
  });

  it('stops reading when too many messages wait for their answers, and goes on', async () => {
    for (let id = 0; id < 300; id += 1) {
      client.write(message(String(id)));
      if (id % 10 === 0) await sleep(1);
    }
    await sleep(100);
    const first = storing.length;
    expect(first).to.be.within(64, 299);
    for (let id = 0; id < 300; id += 1) {
      for (let waited = 0; storing.length <= id && waited < 2_000; waited += 5) await sleep(5);
      storing[id]!.stored();
    }
    await sleep(50);
    expect(answers()).to.deep.equal(Array.from({ length: 300 }, (_, id) => `AA|${id}`));
  });

  it('answers what it took before it is drained, and takes nothing after', async () => {
    client.write(message('1'));
    await takes(1);
    connection.drain();
    client.write(message('2'));
    await sleep(50);
    const ended = once(client, 'end');
    storing[0]!.stored();
    await ended;
    expect(answers()).to.deep.equal(['AA|1']);
    expect(storing).to.have.length(1);
  });
});
