import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import tls from 'node:tls';
import { expect } from 'chai';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import type { KafkaConnection } from './connection.js';
import { describeEachClient } from './each-client.js';
import { loadClient, type RecordWriter } from './kafka-client.js';
import type { KafkaError } from './kafka-error.js';

describeEachClient('the Kafka client', (client) => {
  const open = async (connection: KafkaConnection): Promise<RecordWriter> => {
    const library = await loadClient(connection);
    const times = { requestTimeoutMs: 5_000, connectionTimeoutMs: 2_000, retryForMs: 0 };
    return library.openWriter({ connection, ...times });
  };

  async function resets(server: Server, accepting: string, more: Partial<KafkaConnection>): Promise<void> {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, accepting) as Promise<[Socket]>;
    const connection = { bootstrapServers: [`127.0.0.1:${port}`], clientId: 'test', client, ...more };
    const writer = await open(connection);
    const connected = writer.connect().catch((error: unknown) => error);
    const [socket] = await accepted;
    await once(socket, 'data'); // Its first request is there, and so the connection.
    await setImmediate(); // What the server itself still writes of TLS would else be told of the reset.
    const ended = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
    writer.discard();
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

  it('sends no login without TLS, unless that is allowed', async () => {
    const read = (): never => expect.fail('nothing asks for a login yet');
    const sasl = { mechanism: 'PLAIN', read } as const;
    const connection = { bootstrapServers: ['127.0.0.1:1'], clientId: 'test', client, sasl };
    const refused: unknown = await open(connection).catch((error: unknown) => error);
    expect(refused).to.have.property('code', 'LOGIN_WITHOUT_TLS' satisfies KafkaError['code']);
    expect((refused as Error).message).to.contain('is not sent without TLS');
    (await open({ ...connection, sasl: { ...sasl, allowWithoutTls: true } })).discard();
  });
});
