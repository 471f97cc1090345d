/** The road of a message over a Kafka with mutual TLS, with exactly the rights of manifests/strimzi/authorized. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plan, problemText, readResources, type Stage } from '@integration-hub/api';
import { MockReceiver, WorkerProcess } from '@integration-hub/cli';
import { Message, MllpConnection, readAcknowledgement } from '@integration-hub/hl7';
import {
  DeadLetterBox,
  EmbeddedBroker,
  freePorts,
  TopicAdmin,
  type KafkaConnection,
  type KafkaError,
  type SecuredListeners,
} from '@integration-hub/kafka';
import type { Overview } from '@integration-hub/console/api';
import { EmbeddedPostgres } from '@integration-hub/store';
import { expect } from 'chai';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import { allowUsers } from '../../kafka/dist/rules-under-test.js';
import { HubKafka } from '../../operator/dist/hub-kafka.js';
import { authorizedUsers } from './authorized-users.js';
import { ConsoleSession } from './console-session.js';
import { phwAsDelivered, samples } from './flows.js';
import { numbered } from './hospital.js';
import { until } from './hub-under-test.js';
import { Journal } from './journal.js';

const users = ['ihub-workers', 'ihub-operator', 'ihub-support'] as const;
const databasePassword = 'only of this test';

interface Ports {
  kafka: number;
  listener: number;
  receiver: number;
  postgres: number;
  console: number;
}

const manifests = (ports: Ports): string => `
apiVersion: integrationhub.dev/v1alpha1
kind: Hub
metadata: {name: hub}
spec:
  kafka:
    bootstrapServers: ["127.0.0.1:${ports.kafka}"]
    tls: {caSecretName: ihub-cluster-ca-cert, certificateSecretName: ihub-workers, operatorCertificateSecretName: ihub-operator}
    replicationFactor: 1
    minInsyncReplicas: 1
  archive: {postgres: {host: 127.0.0.1, port: ${ports.postgres}, database: postgres, secretName: db-user}, keysSecretName: keys}
  console: {port: ${ports.console}}
---
apiVersion: integrationhub.dev/v1alpha1
kind: IntegrationFlow
metadata: {name: phw}
spec:
  listener: {mllp: {port: ${ports.listener}}, maxMessageSize: 64Ki}
  deduplication: {}
  transformer: {mapping: {name: phw}}
  destinations: [{name: mpi}]
---
apiVersion: integrationhub.dev/v1alpha1
kind: Destination
metadata: {name: mpi}
spec: {mllp: {host: 127.0.0.1, port: ${ports.receiver}}, retry: {initial: 100ms, max: 1s}}
`;

/** All the certificates of one round: another authority, another broker's certificate, other clients'. */
class Round {
  readonly #authority = new TestAuthority();
  readonly #broker = this.#authority.issue('broker');
  readonly #users = new Map(users.map((name) => [name, this.#authority.issue(name)]));

  get listeners(): SecuredListeners {
    const { cert: certificate, key } = this.#broker;
    return { certificate, key, clientAuthorities: this.#authority.ca };
  }

  connection(user: (typeof users)[number], bootstrapServers: string[]): KafkaConnection {
    const texts = { ca: this.#authority.ca, ...this.#users.get(user)! };
    return { bootstrapServers, clientId: 'test', tls: { read: () => texts } };
  }

  /** Each Secret as Strimzi makes it and the kubelet mounts it: links into a folder that a link names. */
  write(folder: string, round: number): void {
    const { cert, key } = this.#users.get('ihub-workers')!;
    const keyLine = Buffer.alloc(32, 7).toString('base64');
    const secrets = {
      'db-user': { username: 'ihub', password: databasePassword },
      keys: { 'content.key': keyLine, 'identifier.key': keyLine },
      'ihub-cluster-ca-cert': { 'ca.crt': this.#authority.ca },
      'ihub-workers': { 'user.crt': cert, 'user.key': key },
    };
    for (const [secret, keys] of Object.entries(secrets)) {
      const mount = join(folder, secret);
      mkdirSync(join(mount, `..${round}`), { recursive: true });
      for (const [name, text] of Object.entries(keys)) {
        writeFileSync(join(mount, `..${round}`, name), text);
        if (round === 0) symlinkSync(join('..data', name), join(mount, name));
      }
      symlinkSync(`..${round}`, join(mount, '..new'));
      renameSync(join(mount, '..new'), join(mount, '..data'));
    }
  }
}

describe('a Kafka that asks for certificates', function () {
  this.timeout(900_000);
  const folder = mkdtempSync(join(tmpdir(), 'ihub-kafka-tls-'));
  const journal = new Journal();
  const rounds = [new Round(), new Round()] as const;
  const workers: WorkerProcess[] = [];
  let broker: EmbeddedBroker;
  let operator: HubKafka;
  let receiver: MockReceiver;
  let planned: ReturnType<typeof plan>;
  let ports: Ports;
  let postgres: EmbeddedPostgres;

  before(async () => {
    const [listenerPort, receiverPort, consolePort] = (await freePorts(3)) as [number, number, number];
    rounds[0].write(folder, 0);
    receiver = new MockReceiver(
      { host: '127.0.0.1', port: receiverPort, reply: 'AA', delayMs: 0 },
      { message: ({ bytes }) => journal.arrived(Message.parse(bytes).controlId, Buffer.from(bytes)) },
    );
    await receiver.start();
    postgres = await EmbeddedPostgres.start({
      directory: join(folder, 'postgres'),
      logFile: join(folder, 'postgres.log'),
      password: databasePassword,
    });
    broker = await EmbeddedBroker.start({
      dataDirectory: join(folder, 'kafka'),
      logFile: join(folder, 'kafka.log'),
      secured: rounds[0].listeners,
    });
    const rules = authorizedUsers();
    expect(rules.map(({ metadata }) => metadata.name)).to.have.members(users);
    await allowUsers(broker.bootstrapServers, rules);
    ports = {
      kafka: Number(broker.sslServers[0]!.split(':')[1]),
      listener: listenerPort,
      receiver: receiverPort,
      postgres: postgres.port,
      console: consolePort,
    };
    const read = readResources(manifests(ports), 'test');
    expect(read.problems.map(problemText)).to.deep.equal([]);
    planned = plan(read.hubs[0]!, read.flows, read.destinations, folder);
  });
  after(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await operator.stop();
    await receiver.stop();
    await broker.stop();
    await postgres.stop();
    rmSync(folder, { recursive: true });
  });

  async function acknowledged(connection: MllpConnection, controlId: string): Promise<void> {
    const bytes = numbered(samples.phw, controlId);
    journal.expect(controlId, phwAsDelivered(bytes));
    journal.sending(controlId);
    const reply = readAcknowledgement(await connection.exchange(bytes, 90_000));
    expect(reply).to.deep.equal({ code: 'AA', controlId });
    journal.acknowledged(controlId);
  }
  const open = (): Promise<MllpConnection> =>
    MllpConnection.open({
      host: '127.0.0.1',
      port: ports.listener,
      connectTimeoutMs: 10_000,
      tls: undefined,
    });

  it('has topics made and measured by the operator, with its own certificate', async () => {
    const { topics, stages } = planned;
    const said: string[] = [];
    const connection = rounds[0].connection('ihub-operator', broker.sslServers);
    operator = new HubKafka({
      credentials: { connection: () => connection, renew: () => Promise.resolve() },
      log: (_, message, { error }) => said.push(`${message}: ${String(error)}`),
      onChange: () => undefined,
      onTopicChange: () => undefined,
    });
    const backlogs = stages.flatMap(({ configuration: one }) =>
      'group' in one && 'topic' in one ? [{ group: one.group, topic: one.topic }] : [],
    );
    operator.wish('test', { topics, backlogs, deadLetters: 'ihub.default.phw.dead-letter', everyMs: 1_000 });
    await until('topics are there', () => operator.topics(topics).state === 'ready', 60_000);
    await until(
      'all is measured',
      () =>
        operator.brokers === 1 &&
        operator.openDeadLetters('ihub.default.phw.dead-letter') === 0 &&
        backlogs.every(({ group, topic }) => operator.backlog(group, topic)?.empty === true),
      60_000,
    );
    expect(said.filter((line) => /not authorized|authorization/i.test(line))).to.deep.equal([]);
  });

  /** As a process of this machine; the console keeps what it is told of alarms in a file. */
  async function start(stage: Stage): Promise<void> {
    const configuration = { ...stage.configuration, health: { host: '127.0.0.1', tcpPort: 0, httpPort: 0 } };
    const onThisMachine =
      configuration.role === 'console'
        ? { ...configuration, workers: null, alertOverridesFile: join(folder, 'alarms.json') }
        : configuration;
    const worker = new WorkerProcess({ ...stage, configuration: onThisMachine }, folder);
    workers.push(worker);
    await worker.start();
  }

  it('takes, transforms and delivers with the workers’ certificate', async () => {
    for (const stage of planned.stages) await start(stage);
    await until('all run', () => workers.every(({ state }) => state === 'running'), 60_000);
    const connection = await open();
    for (let number = 1; number <= 20; number += 1) await acknowledged(connection, `first-${number}`);
    await connection.close();
    await until('all arrive', () => journal.complete, 60_000);
  });

  it('has an archive, and a console that sees all of it', async () => {
    const session = (await ConsoleSession.open(ports.console))!;
    const isArchived = async (): Promise<boolean> =>
      (await session.search({ controlId: 'first-20', outcome: 'delivered' })).length === 1;
    await until('the last message is found in the archive', isArchived, 60_000);
    let seen: Overview | undefined;
    const isSeen = async (): Promise<boolean> => {
      seen = await session.overview();
      const [flow] = seen.flows;
      const [destination] = seen.destinations;
      return seen.kafka && flow?.backlog === 0 && flow.deadLetters === 0 && destination?.backlog === 0;
    };
    await until('the flow is measured', isSeen, 60_000);
    expect(seen!.flows.map(({ name }) => name)).to.deep.equal(['phw']);
    expect(seen!.zones.flatMap(({ brokers }) => brokers)).to.deep.equal([{ id: 1, up: true }]);
  });

  it('stores what may be an attack, and its dead letter', async () => {
    const connection = await open();
    const tooLarge = Buffer.concat([samples.phw, Buffer.alloc(100_000, 'Z')]);
    await connection.exchange(tooLarge, 30_000).catch(() => undefined);
    const admin = await TopicAdmin.connect({
      connection: { bootstrapServers: broker.bootstrapServers, clientId: 'test' },
    });
    const isStored = async (): Promise<boolean> => (await admin.readAll('ihub.default.security')).length > 0;
    await until('the security event is stored', isStored, 60_000);
    await admin.close();
  });

  it('lets nobody make topics but the operator', async () => {
    const admin = await TopicAdmin.connect({
      connection: rounds[0].connection('ihub-workers', broker.sslServers),
    });
    const topic = { name: 'ihub.default.other', partitions: 1, replicationFactor: 1, config: {} };
    const refused = await admin.ensureTopics([topic]).then(
      () => expect.fail('workers make no topics'),
      (error: unknown) => JSON.stringify(error),
    );
    await admin.close();
    expect(refused).to.match(/AUTHORIZATION_FAILED/);
  });

  it('shows dead letters to the people who support it', async () => {
    const connection = rounds[0].connection('ihub-support', broker.sslServers);
    const box = await DeadLetterBox.open(connection, 'default');
    expect((await box.read({})).map(({ owner }) => owner)).to.deep.equal(['phw']);
    await box.close();
  });

  it('loses nothing while every certificate and authority is replaced', async () => {
    const kept = await Promise.all(Array.from({ length: 3 }, open));
    let ended = false;
    const sending = kept.map(async (connection, index) => {
      for (let number = 1; !ended; number += 1) await acknowledged(connection, `kept${index}-${number}`);
    });
    await until('some flow', () => journal.acknowledgedCount > 40, 60_000);
    rounds[1].write(folder, 1);
    await broker.restart(rounds[1].listeners);
    const before = journal.acknowledgedCount;
    await until('they flow again', () => journal.acknowledgedCount > before + 30, 120_000);
    ended = true;
    await Promise.all(sending);
    for (const connection of kept) await connection.close();
    await until('all arrive', () => journal.complete, 120_000);
    const { lost, altered, outOfOrder } = journal.verdict();
    expect({ lost, altered, outOfOrder }).to.deep.equal({ lost: [], altered: [], outOfOrder: [] });
    // The former certificates open nothing any more.
    const error = await TopicAdmin.connect({
      connection: rounds[0].connection('ihub-workers', broker.sslServers),
    }).then(
      () => expect.fail('they should not'),
      (failure: unknown) => failure as KafkaError,
    );
    expect(error.code).to.equal('BROKER_NOT_TRUSTED');
  });
});
