import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeFrame, FrameDecoder, MllpConnection, readAcknowledgement } from '@integration-hub/hl7';
import { expect } from 'chai';
import {
  MockReceiver,
  type MockReceiverEvents,
  type MockReply,
  type ReceivedMessage,
} from './mock-receiver.js';

const message = (id: string): Buffer =>
  Buffer.from(`MSH|^~\\&|252|252|100|100|20260304||ADT^A31^ADT_A05|${id}|P|2.5\rEVN||20260304\r`);

describe('MockReceiver', () => {
  const receivers: MockReceiver[] = [];
  const connections: { close(): unknown }[] = [];

  afterEach(async () => {
    for (const connection of connections.splice(0)) await connection.close();
    await Promise.all(receivers.splice(0).map((receiver) => receiver.kill()));
  });

  async function start(
    reply: MockReply,
    events: Partial<MockReceiverEvents> = {},
  ): Promise<{ receiver: MockReceiver; port: number; received: ReceivedMessage[]; problems: string[] }> {
    const received: ReceivedMessage[] = [];
    const problems: string[] = [];
    const receiver = new MockReceiver(
      { host: '127.0.0.1', port: 0, reply, delayMs: 0 },
      {
        message: (one) => void received.push(one),
        problem: (reason) => void problems.push(reason),
        ...events,
      },
    );
    receivers.push(receiver);
    return { receiver, port: await receiver.start(), received, problems };
  }

  async function open(port: number): Promise<MllpConnection> {
    const connection = await MllpConnection.open({ host: '127.0.0.1', port, connectTimeoutMs: 5000 });
    connections.push(connection);
    return connection;
  }

  /** A plain socket, for what a well-behaved sender does not do. */
  async function plain(port: number): Promise<{ socket: Socket; replies: string[] }> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    connections.push({ close: () => socket.destroy() });
    await once(socket, 'connect');
    const replies: string[] = [];
    const decoder = new FrameDecoder({ maxContentBytes: 100_000 });
    const frame = (content: Buffer): void => void replies.push(readAcknowledgement(content).controlId);
    socket.on('data', (chunk) => decoder.push(chunk, { frame, violation: () => replies.push('violation') }));
    return { socket, replies };
  }

  async function failure(work: Promise<unknown>): Promise<unknown> {
    return work.then(
      () => 'no failure',
      (error: unknown) => (error as { code: string }).code,
    );
  }

  it('tells of each message and answers it with the code that it is given, also a new one', async () => {
    const { receiver, port, received } = await start('AA');
    const before = Date.now();
    const first = await open(port);
    for (const code of ['AA', 'AE', 'AR'] as const) {
      receiver.options.reply = code;
      const answer = readAcknowledgement(await first.exchange(message(`P-${code}`), 5000));
      expect(answer).to.include({ code, controlId: `P-${code}` });
    }
    await (await open(port)).exchange(message('P4'), 5000);
    expect(received.map(({ bytes }) => bytes.toString())).to.deep.equal(
      ['P-AA', 'P-AE', 'P-AR', 'P4'].map((id) => message(id).toString()),
    );
    expect(received.map(({ connection }) => connection)).to.deep.equal([1, 1, 1, 2]);
    expect(received[0]!.receivedAt.getTime()).to.be.within(before, Date.now());
    expect(receiver.connections).to.equal(2);
  });

  it('stays silent, or closes, when told so', async () => {
    const { receiver, port, received } = await start('none');
    expect(await failure((await open(port)).exchange(message('P1'), 50))).to.equal('REPLY_TIMEOUT');
    receiver.options.reply = 'close';
    expect(await failure((await open(port)).exchange(message('P2'), 5000))).to.equal('CLOSED');
    expect(received).to.have.length(2);
  });

  it('answers the messages of one write one at a time, in order, each after its delay', async () => {
    const { receiver, port, received } = await start('AA');
    receiver.options.delayMs = 30;
    const { socket, replies } = await plain(port);
    const began = performance.now();
    socket.write(Buffer.concat(['P1', 'P2', 'P3'].map((id) => encodeFrame(message(id)))));
    while (replies.length < 3) await once(socket, 'data');
    expect(performance.now() - began).to.be.at.least(80);
    expect(replies).to.deep.equal(['P1', 'P2', 'P3']);
    expect(received).to.have.length(3);
  });

  it('takes nothing more from a connection that it has closed', async () => {
    const { port, received } = await start('close');
    const { socket } = await plain(port);
    socket.write(Buffer.concat([encodeFrame(message('P1')), encodeFrame(message('P2'))]));
    await once(socket, 'end');
    expect(received).to.have.length(1);
  });

  it('answers a sender that has ended its own side', async () => {
    const { receiver, port } = await start('AA');
    receiver.options.delayMs = 20;
    const { socket, replies } = await plain(port);
    socket.end(encodeFrame(message('P1')));
    await once(socket, 'end');
    expect(replies).to.deep.equal(['P1']);
  });

  it('waits for what is done with a message, and does not acknowledge it when that fails', async () => {
    let written = false;
    const { receiver, port, problems } = await start('AA', {
      message: async ({ bytes }) => {
        await delay(20);
        if (bytes.includes('P2')) throw new Error('the disk is full');
        written = true;
      },
    });
    const connection = await open(port);
    await connection.exchange(message('P1'), 5000);
    expect(written).to.equal(true);
    expect(await failure(connection.exchange(message('P2'), 5000))).to.equal('CLOSED');
    expect(problems).to.deep.equal(['the disk is full']);
    expect(receiver.connections).to.equal(1);
  });

  const unanswerable: Record<string, [Buffer, string]> = {
    'bytes that are not framed': [message('P1'), 'start block'],
    'a frame that is not HL7': [encodeFrame(Buffer.from('hello')), 'not HL7'],
    'a message without an end': [Buffer.concat([Buffer.of(0x0b), encodeFrame(message('P1'))]), '0x1C 0x0D'],
  };
  for (const [name, [bytes, reason]] of Object.entries(unanswerable)) {
    it(`closes the connection for ${name}, and says why`, async () => {
      const { port, problems } = await start('AA');
      const { socket, replies } = await plain(port);
      socket.write(bytes);
      await once(socket, 'end');
      expect(replies).to.deep.equal([]);
      expect(problems).to.have.length(1);
      expect(problems[0]).to.contain(reason);
    });
  }

  it('says so when a sender leaves in the middle of a message', async () => {
    const { port, problems } = await start('AA');
    const { socket } = await plain(port);
    socket.end(encodeFrame(message('P1')).subarray(0, 30));
    await once(socket, 'end');
    expect(problems).to.have.length(1);
  });

  it('stops when the message in hand is answered, and takes no other', async () => {
    const { receiver, port, received } = await start('AA');
    receiver.options.delayMs = 50;
    const { socket, replies } = await plain(port);
    socket.write(Buffer.concat([encodeFrame(message('P1')), encodeFrame(message('P2'))]));
    while (received.length === 0) await delay(1);
    await receiver.stop();
    while (!socket.readableEnded) await delay(1);
    expect(replies).to.deep.equal(['P1']);
    expect(received).to.have.length(1);
    expect(await failure(open(port))).to.equal('CONNECT_FAILED');
  });

  it('can be killed with a message in hand, and started again on its port', async () => {
    const { receiver, port, received } = await start('AA');
    receiver.options.delayMs = 10_000;
    const connection = await open(port);
    const lost = failure(connection.exchange(message('P1'), 5000));
    while (received.length === 0) await delay(1);
    await receiver.kill();
    expect(await lost).to.equal('CLOSED');
    Object.assign(receiver.options, { port, delayMs: 0 });
    expect(await receiver.start()).to.equal(port);
    expect(readAcknowledgement(await (await open(port)).exchange(message('P1'), 5000)).code).to.equal('AA');
    expect(received).to.have.length(2);
  });
});
