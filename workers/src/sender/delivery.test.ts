import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { encodeFrame, FrameDecoder } from '@integration-hub/hl7';
import { Delivery, type Outcome } from './delivery.js';

const message = Buffer.from('MSH|^~\\&|A|B|C|D|20260101||ADT^A31|id-1|P|2.5\rPID|1||7^^^X\r');
const acknowledgement = (code: string, id = 'id-1'): Buffer =>
  encodeFrame(Buffer.from(`MSH|^~\\&|C|D|A|B|20260101||ACK^A31^ACK|x|P|2.5\rMSA|${code}|${id}\r`));

describe('Delivery', () => {
  let server: Server;
  let delivery: Delivery;
  let connections = 0;
  let arrived: Buffer[] = [];
  let answer: (socket: Socket, times: number) => void = () => undefined;

  beforeEach(async () => {
    [connections, arrived] = [0, []];
    server = createServer((socket) => {
      connections += 1;
      const decoder = new FrameDecoder({ maxContentBytes: 10_000 });
      socket.on('data', (chunk: Buffer) =>
        decoder.push(chunk, {
          frame: (content) => {
            arrived.push(content);
            answer(socket, arrived.length);
          },
          violation: () => socket.destroy(),
        }),
      );
      socket.on('error', () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const mllp = { host: '127.0.0.1', port, connectTimeoutMs: 1_000, connections: 1, tls: null };
    delivery = new Delivery({ mllp, ackTimeoutMs: 150, destination: 'mpi' });
  });
  afterEach(() => {
    delivery.close();
    server.close();
  });
  const deliver = (): Promise<Outcome | undefined> => delivery.deliver(message, () => true);

  for (const code of ['AA', 'CA']) {
    it(`has delivered a message that is answered ${code}, over one kept connection`, async () => {
      answer = (socket) => socket.write(acknowledgement(code));
      expect(await deliver()).to.deep.equal({ kind: 'delivered' });
      expect(await deliver()).to.deep.equal({ kind: 'delivered' });
      expect(arrived[0]).to.deep.equal(message);
      expect(connections).to.equal(1);
    });
  }
  for (const code of ['AE', 'AR', 'CE', 'CR']) {
    it(`takes ${code} for a refusal, once, and keeps the connection`, async () => {
      answer = (socket) => socket.write(acknowledgement(code));
      expect(await deliver()).to.deep.equal({
        kind: 'refused',
        code: `REFUSED_${code}`,
        reason: `mpi answered ${code}`,
      });
      expect([arrived.length, connections]).to.deep.equal([1, 1]);
    });
  }

  const failing: [name: string, code: string, answer: (socket: Socket) => void][] = [
    ['no answer', 'REPLY_TIMEOUT', () => undefined],
    ['a connection closed after reading', 'CLOSED', (socket) => socket.destroy()],
    [
      'another message’s acknowledgement',
      'WRONG_CONTROL_ID',
      (socket) => socket.write(acknowledgement('AA', 'id-2')),
    ],
    ['a code in lower case', 'UNKNOWN_ACKNOWLEDGEMENT', (socket) => socket.write(acknowledgement('aa'))],
    ['no code', 'NOT_ACKNOWLEDGEMENT', (socket) => socket.write(acknowledgement(''))],
    ['something that is not HL7', 'NOT_HL7', (socket) => socket.write(encodeFrame(Buffer.from('OK')))],
    ['something that is not framed', 'BAD_REPLY', (socket) => socket.write('OK\r\n')],
    [
      'two answers',
      'BAD_REPLY',
      (socket) => socket.write(Buffer.concat([acknowledgement('AA'), acknowledgement('AA')])),
    ],
  ];
  for (const [name, code, how] of failing) {
    it(`tries once more on a fresh connection after ${name}, and then gives up`, async () => {
      answer = how;
      expect(await deliver()).to.include({ kind: 'failed', code, unreachable: false });
      expect([arrived.length, connections]).to.deep.equal([2, 2]);
    });

    it(`has delivered when the second try after ${name} is acknowledged`, async () => {
      answer = (socket, times) => {
        if (times === 1) how(socket);
        else socket.write(acknowledgement('AA'));
      };
      expect(await deliver()).to.deep.equal({ kind: 'delivered' });
      expect(arrived).to.have.length(2);
    });
  }

  it('does not try a second time when it must not', async () => {
    answer = () => undefined;
    expect(await delivery.deliver(message, () => arrived.length === 0)).to.include({
      kind: 'failed',
      code: 'REPLY_TIMEOUT',
    });
    expect(arrived).to.have.length(1);
  });

  it('sends nothing that is another’s by the time the connection is open', async () => {
    answer = () => expect.fail('it was sent');
    expect(await delivery.deliver(message, () => false)).to.equal(undefined);
    let asked = 0;
    expect(await delivery.deliver(message, () => asked++ === 0)).to.equal(undefined);
    expect([asked, arrived.length]).to.deep.equal([2, 0]);
  });

  it('waits to be confirmed on each new connection, and on no other', async () => {
    answer = (socket) => socket.write(acknowledgement('AA'));
    let confirmed = 0;
    const confirm = (): Promise<void> => {
      confirmed += 1;
      return confirmed === 1 ? Promise.reject(new Error('another has it')) : Promise.resolve();
    };
    const send = (): Promise<Outcome | undefined> => delivery.deliver(message, () => true, confirm);
    expect(String(await send().catch((error: unknown) => error))).to.equal('Error: another has it');
    expect(arrived).to.have.length(0);
    for (let times = 0; times < 2; times += 1) expect(await send()).to.deep.equal({ kind: 'delivered' });
    expect(confirmed).to.equal(2);
  });

  it('says that nobody is there, after one try', async () => {
    server.close();
    expect(await deliver()).to.include({ kind: 'failed', code: 'CONNECT_FAILED', unreachable: true });
  });

  it('replaces a connection that was closed while it was idle before it sends', async () => {
    let first: Socket | undefined;
    answer = (socket) => {
      first ??= socket;
      socket.write(acknowledgement('AA'));
    };
    await deliver();
    first!.end();
    await once(first!, 'close');
    expect(await deliver()).to.deep.equal({ kind: 'delivered' });
    expect([arrived.length, connections]).to.deep.equal([2, 2]);
  });

  it('does not send what is no message', async () => {
    const outcome = await delivery.deliver(Buffer.from('hello'), () => true);
    expect(outcome).to.include({ kind: 'undeliverable', code: 'NOT_HL7' });
    expect(arrived).to.have.length(0);
  });

  it('repeats nothing of what the receiver said, which may hold patient data', async () => {
    answer = (socket) =>
      socket.write(
        encodeFrame(Buffer.from('MSH|^~\\&|C|D|A|B|20260101||ACK|x|P|2.5\rMSA|AE|id-1|PRITCHARD\r')),
      );
    expect(JSON.stringify(await deliver())).not.to.include('PRITCHARD');
  });
});
