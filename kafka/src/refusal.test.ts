import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { TestAuthority, type TestCertificate } from '../../hl7/dist/mllp/test-authority.js';
import { BrokerUnderTest, textRecord } from './broker-under-test.js';
import type { KafkaConnection, KafkaTlsTexts } from './connection.js';
import { consumeBatches } from './consumer.js';
import { clients, describeEachClient } from './each-client.js';
import { ExclusiveWriter } from './exclusive-writer.js';
import { GatheringProducer } from './gathering-producer.js';
import { loadClient } from './kafka-client.js';
import { type KafkaError, type KafkaErrorCode, type StoreError, unreachable } from './kafka-error.js';
import { reasonIn } from './refusal.js';
import { allowUsers, type KafkaUser } from './rules-under-test.js';
import { TopicAdmin } from './topic-admin.js';

/** What is done first by who writes, who reads, and who makes topics. */
const doors = ['write', 'read', 'administer'] as const;
type Door = (typeof doors)[number];

describe('what Kafka refuses', function () {
  this.timeout(180_000);
  const authority = new TestAuthority('authority of this Kafka');
  const foreign = new TestAuthority('another authority');
  const logins = { alice: 'wonderland-7' };
  const password = 'looking-glass-9';
  let kafka: BrokerUnderTest;
  let topic: string;
  const others: Server[] = [];
  /** What each has told, by client, case and door: all are tried at once, for each tries again for seconds. */
  const told = new Map<string, Promise<KafkaError>>();

  /** Shows a certificate, and is nothing else: who refuses it asks for no more. */
  async function otherServer({ cert, key }: TestCertificate): Promise<string[]> {
    const server = createServer({ cert, key }, (socket) => socket.on('error', () => undefined).resume());
    server.on('tlsClientError', () => undefined);
    others.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return [`127.0.0.1:${(server.address() as AddressInfo).port}`];
  }

  function over(bootstrapServers: string[], texts: KafkaTlsTexts): KafkaConnection {
    return { bootstrapServers, clientId: 'test', tls: { read: () => texts } };
  }

  /** A user whose certificate is good; what it may do it is told by rules. */
  const shownBy = (user: string): KafkaConnection =>
    over(kafka.broker.sslServers, { ca: authority.ca, ...authority.issue(user) });

  const sentences: Record<string, { code: KafkaErrorCode; says: RegExp }> = {
    'a broker’s certificate of another authority': { code: 'BROKER_NOT_TRUSTED', says: /have ca\.crt \(spec\.kafka\.tls\.caSecretName/ },
    'a broker’s certificate that has expired': { code: 'BROKER_CERTIFICATE_EXPIRED', says: /renew it/ },
    'a broker’s certificate for another name': { code: 'BROKER_NAME_WRONG', says: /name the brokers in bootstrapServers/ },
    'no certificate': { code: 'CERTIFICATE_REFUSED', says: /none is shown: name its Secret in spec\.kafka\.tls\.certificateSecretName/ },
    'a certificate of another authority': { code: 'CERTIFICATE_REFUSED', says: /valid until \d{4}-.*the broker’s truststore/ },
    'TLS on a port without': { code: 'NO_TLS_THERE', says: /name the port of a listener with TLS in bootstrapServers/ },
    'a wrong password, by SCRAM-SHA-512': { code: 'LOGIN_REFUSED', says: /login with SCRAM-SHA-512: username and password of its Secret/ },
    'a wrong password, by PLAIN': { code: 'LOGIN_REFUSED', says: /login with PLAIN: username and password of its Secret/ },
    'an unknown user': { code: 'LOGIN_REFUSED', says: /must be a user’s of that Kafka/ },
  }; // prettier-ignore

  async function cases(): Promise<Record<keyof typeof sentences, KafkaConnection>> {
    const { ca } = authority;
    const { bootstrapServers, sslServers, saslServers } = kafka.broker;
    const [expired, misnamed] = await Promise.all([
      otherServer(authority.issue('broker', { expired: true })),
      otherServer(authority.issue('broker', { names: 'DNS:elsewhere.example' })),
    ]);
    const login = (mechanism: 'PLAIN' | 'SCRAM-SHA-512', username: string): KafkaConnection => ({
      ...over(saslServers, { ca }),
      sasl: { mechanism, read: () => ({ username, password }) },
    });
    return {
      'a broker’s certificate of another authority': over(sslServers, { ca: foreign.ca }),
      'a broker’s certificate that has expired': over(expired, { ca }),
      'a broker’s certificate for another name': over(misnamed, { ca }),
      'no certificate': over(sslServers, { ca }),
      'a certificate of another authority': over(sslServers, { ca, ...foreign.issue('worker') }),
      'TLS on a port without': over(bootstrapServers, { ca }),
      'a wrong password, by SCRAM-SHA-512': login('SCRAM-SHA-512', 'alice'),
      'a wrong password, by PLAIN': login('PLAIN', 'alice'),
      'an unknown user': login('SCRAM-SHA-512', 'mallory'),
    };
  }

  async function open(door: Door, connection: KafkaConnection): Promise<unknown> {
    switch (door) {
      case 'write':
        return new GatheringProducer({ connection, retryForMs: 8_000 }).connect();
      case 'read':
        return consumeBatches({
          connection,
          groupId: 'ours',
          topics: [topic],
          onBatch: () => Promise.resolve(),
          onFatal: () => undefined,
        });
      case 'administer':
        return TopicAdmin.connect({ connection });
    }
  }

  /** On a machine that is too busy to connect in time it is tried again. */
  async function refusal(door: Door, connection: KafkaConnection): Promise<KafkaError> {
    const deadline = performance.now() + 90_000;
    for (;;) {
      const error = await open(door, connection).then(
        () => expect.fail(`it opens to ${door}`),
        (failure: unknown) => failure as KafkaError,
      );
      if (error.code !== 'UNREACHABLE' || performance.now() > deadline) return error;
    }
  }

  before(async () => {
    const { cert: certificate, key } = authority.issue('broker');
    kafka = await BrokerUnderTest.start({ certificate, key, clientAuthorities: authority.ca, logins });
    topic = await kafka.topic();
    const rule = (type: 'topic' | 'group' | 'transactionalId', name: string, ...operations: string[]) => ({
      resource: { type, name, patternType: 'literal' as const },
      operations,
    });
    const user = (
      name: string,
      ...acls: KafkaUser['spec']['authorization']['acls'][number][]
    ): KafkaUser => ({
      metadata: { name },
      spec: { authorization: { acls } },
    });
    await allowUsers(kafka.broker.bootstrapServers, [
      user('reader', rule('topic', topic, 'Read', 'Describe')),
      user('writer', rule('topic', 'another', 'Write'), rule('topic', topic, 'Describe')),
    ]);
    for (const [name, connection] of Object.entries(await cases())) {
      for (const client of clients) {
        for (const door of doors) {
          const refused = refusal(door, { ...connection, client });
          // It is looked at later.
          refused.catch(() => undefined);
          told.set(`${client} ${name} ${door}`, refused);
        }
      }
    }
  });
  after(async () => {
    for (const server of others) server.close();
    await kafka.stop();
  });

  function expectToSay(error: KafkaError, code: KafkaErrorCode, says: RegExp): void {
    expect(error.message).to.match(says);
    expect(error.code).to.equal(code);
    expect(inspect(error, { depth: 20 })).not.to.contain(password);
  }

  describeEachClient('is told with what to do', function (client) {
    for (const [name, { code, says }] of Object.entries(sentences)) {
      it(`${name}: ${code}`, async () => {
        for (const door of doors) {
          const error = await told.get(`${client} ${name} ${door}`)!;
          expectToSay(error, code, says);
          expect(error.message, door).to.match(/^Kafka at 127\.0\.0\.1:\d+ can't be worked with\. /);
        }
      });
    }

    it('a topic that may not be written to: NOT_AUTHORIZED', async () => {
      const producer = new GatheringProducer({ connection: { ...shownBy('writer'), client } });
      const error = await producer.produce(textRecord(topic, 'something')).then(
        () => expect.fail('it may not be written'),
        (failure: unknown) => failure as StoreError,
      );
      await producer.close();
      expect(error.code).to.equal('NOT_STORED');
      expect(error.message).to.match(
        /does not allow this user to use a topic when writing to topic-1: give it the right by a rule \(ACL\)/,
      );
    });

    it('a topic that may not be read: NOT_AUTHORIZED', async () => {
      const error = (await open('read', { ...shownBy('nobody'), client }).then(
        () => expect.fail('it may not be read'),
        (failure: unknown) => failure,
      )) as KafkaError;
      expectToSay(error, 'NOT_AUTHORIZED', /use a topic when reading topic-1: give it the right/);
    });

    it('a group that may not be joined: NOT_AUTHORIZED', async () => {
      const error = await new Promise<KafkaError>((refused, failed) => {
        consumeBatches({
          connection: { ...shownBy('reader'), client },
          groupId: 'theirs',
          topics: [topic],
          onBatch: () => Promise.resolve(),
          onFatal: (error) => refused(error as KafkaError),
        }).catch(failed);
      });
      expectToSay(error, 'NOT_AUTHORIZED', /use a consumer group when reading topic-1 as the group theirs/);
    });

    it('a transactional id that may not be claimed: NOT_AUTHORIZED', async () => {
      const connection = { ...shownBy('writer'), client };
      const library = await loadClient(connection);
      const claimed = library.openClaimedProducer({ transactionalId: 'theirs', connection });
      const error = await claimed.claim().then(
        () => expect.fail('it may not be claimed'),
        (failure: unknown) => unreachable(connection, failure, 'claiming theirs'),
      );
      claimed.discard();
      expectToSay(error, 'NOT_AUTHORIZED', /use a transactional id when claiming theirs/);
    });

    it('a login without TLS, before anything is sent: LOGIN_WITHOUT_TLS', async () => {
      const read = (): never => expect.fail('the login is not even read');
      const { bootstrapServers } = kafka.broker;
      const connection: KafkaConnection = { bootstrapServers, clientId: 'test', client, sasl: { mechanism: 'PLAIN', read } }; // prettier-ignore
      for (const door of doors) {
        const error = await open(door, connection).then(
          () => expect.fail('it is not sent'),
          (failure: unknown) => failure as KafkaError,
        );
        expectToSay(error, 'LOGIN_WITHOUT_TLS', /spec\.kafka\.sasl\.allowWithoutTls/);
      }
    });
  });

  it('is told by who writes in transactions, too', async () => {
    const claim = 'theirs';
    const error = await ExclusiveWriter.open({ connection: shownBy('writer'), claim }).then(
      () => expect.fail('it may not be claimed'),
      (failure: unknown) => failure as KafkaError,
    );
    expectToSay(error, 'NOT_AUTHORIZED', /use a transactional id when claiming theirs/);
  });

  it('is no refusal where the broker is only away', () => {
    const away = new Error('connect ECONNREFUSED 127.0.0.1:9092');
    expect(reasonIn({}, new Error('no answer', { cause: away }))).to.equal('no answer');
  });
});
