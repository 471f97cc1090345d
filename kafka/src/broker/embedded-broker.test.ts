import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { kafkajs } from '../repaired-kafkajs.js';
import type { BrokerError } from './broker-error.js';
import { EmbeddedBroker } from './embedded-broker.js';

describe('the embedded broker', function () {
  this.timeout(600_000);

  let directory: string;
  let broker: EmbeddedBroker;
  const start = (): Promise<EmbeddedBroker> =>
    EmbeddedBroker.start({ dataDirectory: join(directory, 'data'), logFile: join(directory, 'kafka.log') });

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-broker-'));
    broker = await start();
  });
  after(async () => {
    await broker.stop();
    await rm(directory, { recursive: true });
  });

  async function topics(create: string[] = []): Promise<string[]> {
    const admin = new kafkajs.Kafka({
      brokers: broker.bootstrapServers,
      logLevel: kafkajs.logLevel.NOTHING,
    }).admin();
    await admin.connect();
    if (create.length > 0) await admin.createTopics({ topics: create.map((topic) => ({ topic })) });
    const names = await admin.listTopics();
    await admin.disconnect();
    return names;
  }

  it('keeps its data and its port over a restart', async () => {
    const { port, pid } = broker;
    expect(await topics(['kept'])).to.contain('kept');
    await broker.restart();
    expect(broker.port).to.equal(port);
    expect(broker.pid).not.to.equal(pid);
    expect(await topics()).to.contain('kept');
  });

  it('comes back after it was killed', async () => {
    const { exited } = broker;
    await broker.kill();
    expect(await exited).to.deep.equal({ code: null, signal: 'SIGKILL' });
    await broker.restart();
    expect(await topics()).to.contain('kept');
  });

  it('stops a broker that a former process left running in its directory', async () => {
    const left = broker;
    broker = await start();
    expect(await left.exited).to.have.property('code');
    expect(broker.port).to.equal(left.port);
    expect(await topics()).to.contain('kept');
  });

  it('says why it does not start', async () => {
    const occupied = createServer().listen(0, '127.0.0.1');
    await once(occupied, 'listening');
    const { port } = occupied.address() as { port: number };
    const logFile = join(directory, 'other.log');
    const error = await EmbeddedBroker.start({ dataDirectory: join(directory, 'other'), port, logFile }).then(
      () => expect.fail('should not have started'),
      (failure: unknown) => failure as BrokerError,
    );
    occupied.close();
    expect(error.code).to.equal('BROKER_NOT_STARTED');
    expect(error.message).to.match(/did not start.*already in use.*ERROR/i);
    expect(await readFile(logFile, 'utf8')).to.contain('already in use');
  });
});
