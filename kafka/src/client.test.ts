import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import tls from 'node:tls';
import { expect } from 'chai';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import { openClient } from './client.js';
import type { KafkaConnection } from './connection.js';
import type { KafkaError } from './kafka-error.js';

describe('the Kafka client', () => {
  async function resets(server: Server, accepting: string, more: Partial<KafkaConnection>): Promise<void> {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, accepting) as Promise<[Socket]>;
    const connection = { bootstrapServers: [`127.0.0.1:${port}`], clientId: 'test', ...more };
    const client = openClient({ connection, retry: { retries: 0 } });
    const connected = client.kafka
      .admin()
      .connect()
      .catch((error: unknown) => error);
    const [socket] = await accepted;
    await once(socket, 'data'); // Its first request is there, and so the connection.
    await setImmediate(); // What the server itself still writes of TLS would else be told of the reset.
    const ended = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
    client.discard();
    expect((await ended)[0].code).to.equal('ECONNRESET');
    expect(await connected).to.be.instanceOf(Error);
    server.close();
  }

  it('resets its connections when it is discarded, so that nothing it has written is read later', () =>
    resets(createServer(), 'connection', {}));

  it('resets those with TLS, too', async () => {
    const authority = new TestAuthority();
    const server = tls.createServer(authority.issue('broker'));
    await resets(server, 'secureConnection', { tls: { read: () => ({ ca: authority.ca }) } });
  });

  it('sends no login without TLS, unless that is allowed', () => {
    const read = (): never => expect.fail('nothing asks for a login yet');
    const sasl = { mechanism: 'PLAIN', read } as const;
    const connection = { bootstrapServers: ['127.0.0.1:1'], clientId: 'test', sasl };
    expect(() => openClient({ connection }))
      .to.throw('is not sent without TLS')
      .and.have.property('code', 'LOGIN_WITHOUT_TLS' satisfies KafkaError['code']);
    openClient({ connection: { ...connection, sasl: { ...sasl, allowWithoutTls: true } } }).discard();
  });
});
