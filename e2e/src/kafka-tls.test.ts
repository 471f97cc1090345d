/** The road of a message over a Kafka with mutual TLS, with exactly the rights of manifests/strimzi/authorized. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plan, problemText, readResources } from '@integration-hub/api';
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
import { loadAllYaml } from '@kubernetes/client-node';
import { expect } from 'chai';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import { allowUsers, type KafkaUser } from '../../kafka/dist/rules-under-test.js';
import { HubKafka } from '../../operator/dist/hub-kafka.js';
import { phwAsDelivered, samples } from './flows.js';
import { numbered } from './hospital.js';
import { until } from './hub-under-test.js';
import { Journal } from './journal.js';

const users = ['ihub-workers', 'ihub-operator', 'ihub-support'] as const;
const authorized = new URL('../../manifests/strimzi/authorized/users.yaml', import.meta.url);

const manifests = (kafkaPort: number, listenerPort: number, receiverPort: number): string => `
apiVersion: integrationhub.dev/v1alpha1
kind: Hub
metadata: {name: hub}
spec:
  kafka:
    bootstrapServers: ["127.0.0.1:${kafkaPort}"]
    tls: {caSecretName: ihub-cluster-ca-cert, certificateSecretName: ihub-workers, operatorCertificateSecretName: ihub-operator}
    replicationFactor: 1
    minInsyncReplicas: 1
---
apiVersion: integrationhub.dev/v1alpha1
kind: IntegrationFlow
metadata: {name: phw}
spec:
  listener: {mllp: {port: ${listenerPort}}}
  deduplication: {}
  transformer: {mapping: {name: phw}}
  destinations: [{name: mpi}]
---
apiVersion: integrationhub.dev/v1alpha1
kind: Destination
metadata: {name: mpi}
spec: {mllp: {host: 127.0.0.1, port: ${receiverPort}}, retry: {initial: 100ms, max: 1s}}
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
    const secrets = {
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
  let [listenerPort, receiverPort] = [0, 0];

  before(async () => {
    [listenerPort, receiverPort] = (await freePorts(2)) as [number, number];
    rounds[0].write(folder, 0);
    receiver = new MockReceiver(
      { host: '127.0.0.1', port: receiverPort, reply: 'AA', delayMs: 0 },
      { message: ({ bytes }) => journal.arrived(Message.parse(bytes).controlId, Buffer.from(bytes)) },
    );
    await receiver.start();
    broker = await EmbeddedBroker.start({
      dataDirectory: join(folder, 'kafka'),
      logFile: join(folder, 'kafka.log'),
      secured: rounds[0].listeners,
    });
    const rules = (loadAllYaml(readFileSync(authorized, 'utf8')) as KafkaUser[]).filter(Boolean);
    expect(rules.map(({ metadata }) => metadata.name)).to.have.members(users);
    await allowUsers(broker.bootstrapServers, rules);
    const kafkaPort = Number(broker.sslServers[0]!.split(':')[1]);
    const read = readResources(manifests(kafkaPort, listenerPort, receiverPort), 'test');
    expect(read.problems.map(problemText)).to.deep.equal([]);
    planned = plan(read.hubs[0]!, read.flows, read.destinations, folder);
  });
  after(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await operator.stop();
    await receiver.stop();
    await broker.stop();
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
    MllpConnection.open({ host: '127.0.0.1', port: listenerPort, connectTimeoutMs: 10_000, tls: undefined });

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

  it('takes, transforms and delivers with the workers’ certificate', async () => {
    for (const stage of planned.stages) {
      const health = { host: '127.0.0.1', tcpPort: 0, httpPort: 0 };
      const worker = new WorkerProcess(
        { ...stage, configuration: { ...stage.configuration, health } },
        folder,
      );
      workers.push(worker);
      await worker.start();
    }
    await until('all run', () => workers.every(({ state }) => state === 'running'), 60_000);
    const connection = await open();
    for (let number = 1; number <= 20; number += 1) await acknowledged(connection, `first-${number}`);
    await connection.close();
    await until('all arrive', () => journal.complete, 60_000);
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
    expect(await box.read({})).to.deep.equal([]);
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
