import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { MllpConnection } from './connection.js';

describe('an MLLP connection that gives a message up', () => {
  it('is reset, so that the kernel does not deliver it after a broken network is whole again', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const { port } = server.address() as AddressInfo;
    const connection = await MllpConnection.open({ host: '127.0.0.1', port, connectTimeoutMs: 2_000 });
    const [socket] = await accepted;
    const ended = once(socket.resume(), 'error') as Promise<[NodeJS.ErrnoException]>;
    const failed = await connection.exchange(Buffer.from('MSH'), 100).catch((error: unknown) => error);
    expect(failed).to.have.property('code', 'REPLY_TIMEOUT');
    expect((await ended)[0].code).to.equal('ECONNRESET');
    server.close();
  });
});
