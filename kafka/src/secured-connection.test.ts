import { expect } from 'chai';
import { TestAuthority, type TestCertificate } from '../../hl7/dist/mllp/test-authority.js';
import { BrokerUnderTest, textRecord } from './broker-under-test.js';
import { describeEachClient } from './each-client.js';
import type { KafkaConnection, KafkaLogin, SaslMechanism } from './connection.js';
import { GatheringProducer } from './gathering-producer.js';
import { kafkajs } from './repaired-kafkajs.js';

describeEachClient('a Kafka with TLS, logins and rules', function (client) {
  this.timeout(120_000);
  const authority = new TestAuthority();
  const worker = authority.issue('worker');
  const logins = { alice: 'wonderland', bob: 'builder' };
  let kafka: BrokerUnderTest;
  let topic: string;

  const byCertificate = (shown: TestCertificate | undefined, ca = authority.ca): KafkaConnection => ({
    bootstrapServers: kafka.broker.sslServers,
    clientId: 'test',
    client,
    tls: { read: () => ({ ca, ...shown }) },
  });
  const byLogin = (mechanism: SaslMechanism, read: () => KafkaLogin): KafkaConnection => ({
    bootstrapServers: kafka.broker.saslServers,
    clientId: 'test',
    client,
    tls: { read: () => ({ ca: authority.ca }) },
    sasl: { mechanism, read },
  });
  before(async () => {
    const { cert: certificate, key } = authority.issue('broker');
    kafka = await BrokerUnderTest.start({ certificate, key, clientAuthorities: authority.ca, logins });
    topic = await kafka.topic();
    const rules = new kafkajs.Kafka({ brokers: kafka.broker.bootstrapServers }).admin();
    await rules.connect();
    const { AclPermissionTypes, AclOperationTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
    await rules.createAcls({
      acl: ['worker', 'alice'].map((user) => ({
        resourceType: AclResourceTypes.TOPIC,
        resourceName: topic,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: `User:${user}`,
        host: '*',
        operation: AclOperationTypes.WRITE,
        permissionType: AclPermissionTypes.ALLOW,
      })),
    });
    await rules.disconnect();
  });
  after(() => kafka.stop());

  it('is written to by who shows a certificate', async () => {
    const producer = new GatheringProducer({ connection: byCertificate(worker) });
    await producer.produce(textRecord(topic, 'with a certificate'));
    await producer.close();
    expect(await kafka.values(topic, 1)).to.include('with a certificate');
  });

  for (const mechanism of ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN'] as const) {
    it(`is written to by who logs in with ${mechanism}`, async () => {
      const login = { username: 'alice', password: logins.alice };
      const producer = new GatheringProducer({ connection: byLogin(mechanism, () => login) });
      await producer.produce(textRecord(topic, mechanism));
      await producer.close();
      expect((await kafka.values(topic)).at(-1)).to.equal(mechanism);
    });
  }
});
