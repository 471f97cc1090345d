import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { BrokerLines } from './broker-lines.js';
import { BrokerUnderTest } from './broker-under-test.js';

describe('questions to each broker by itself', function () {
  this.timeout(60_000);
  let kafka: BrokerUnderTest;
  /** Takes connections and says nothing, like a broker that is cut off or suspended. */
  let silent: Server;
  const taken: Socket[] = [];
  let lines: BrokerLines;

  before(async () => {
    kafka = await BrokerUnderTest.start();
    silent = createServer((socket) => taken.push(socket.on('error', () => undefined)));
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const { port } = silent.address() as AddressInfo;
    const bootstrapServers = [`127.0.0.1:${port}`, ...kafka.connection.bootstrapServers];
    lines = new BrokerLines({ ...kafka.connection, bootstrapServers });
  });
  after(async () => {
    lines.close();
    for (const socket of taken) socket.destroy();
    silent.close();
    await kafka.stop();
  });

  it('are answered by the next where one is silent, which is then cut off', async () => {
    const [topic, [broker]] = [await kafka.topic(), await lines.brokers()];
    expect(broker).to.include({ host: '127.0.0.1', port: kafka.broker.port });
    expect(taken).to.have.length(1);
    if (!taken[0]!.destroyed) await new Promise((resolve) => taken[0]!.once('close', resolve));
    const copies = await lines.ask((admin) => admin.copies([topic]));
    expect([...copies]).to.deep.equal([[topic, [{ replicas: [broker!.id], inSync: [broker!.id] }]]]);
  });

  it('go to one broker where only that one can know', async () => {
    const [broker] = await lines.brokers();
    const zones = await lines.askOf(broker!.id, (admin) => admin.brokerZones([broker!.id]));
    expect([...zones]).to.deep.equal([[broker!.id, '']]);
  });

  it('fail with what the broker says where it refuses', async () => {
    const refused = lines.ask((admin) => admin.setting(['no-such-topic'], 'min.insync.replicas'));
    expect(String(await refused.catch((error: unknown) => error))).to.match(/does not host this topic/);
  });
});
