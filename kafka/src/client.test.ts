import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { openClient } from './client.js';

describe('the Kafka client', () => {
  it('resets its connections when it is discarded, so that nothing it has written is read later', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const connection = { bootstrapServers: [`127.0.0.1:${port}`], clientId: 'test' };
    const client = openClient({ connection, retry: { retries: 0 } });
    const connected = client.kafka
      .admin()
      .connect()
      .catch((error: unknown) => error);
    const [socket] = await accepted;
    await once(socket, 'data'); // Its first request is there, and so the connection.
    const ended = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
    client.discard();
    expect((await ended)[0].code).to.equal('ECONNRESET');
    expect(await connected).to.be.instanceOf(Error);
    server.close();
  });
});
