import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hub, type Hub } from '@integration-hub/api';
import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import { type CredentialsError, KafkaCredentials, placeKey, placeOf } from './kafka-credentials.js';
import { ApiClient } from './kubernetes/api-client.js';

describe('the credentials of the operator for Kafka', () => {
  const authority = new TestAuthority();
  const pair = authority.issue('operator');
  /** By name; null: it may not be read. */
  const secrets = new Map<string, Record<string, string> | null>();
  const asked: string[] = [];
  let server: Server;
  let client: ApiClient;

  before(async () => {
    server = createServer(({ url = '' }, response) => {
      asked.push(url);
      const secret = secrets.get(url.replace('/api/v1/namespaces/hospital/secrets/', ''));
      const status = secret === undefined ? 404 : secret === null ? 403 : 200;
      const data = Object.fromEntries(
        Object.entries(secret ?? {}).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
      );
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ kind: status === 200 ? 'Secret' : 'Status', code: status, data }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const kubeConfig = new KubeConfig();
    const { port } = server.address() as AddressInfo;
    kubeConfig.loadFromClusterAndUser(
      { name: 'test', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: 'test' },
    );
    client = new ApiClient({ kubeConfig });
  });
  after(() => server.close());
  beforeEach(() => {
    asked.length = 0;
    secrets.clear();
    secrets.set('ca', { 'ca.crt': authority.ca });
    secrets.set('operator', { 'user.crt': pair.cert, 'user.key': pair.key });
    secrets.set('login', { username: 'someone', password: 'sesame\n' });
  });

  function aHub(kafka: object): Hub {
    return hub.parse({
      apiVersion: 'integrationhub.dev/v1alpha1',
      kind: 'Hub',
      metadata: { name: 'hub', namespace: 'hospital' },
      spec: { kafka: { bootstrapServers: ['kafka:9093'], ...kafka } },
    });
  }
  const whole = aHub({
    tls: { caSecretName: 'ca', certificateSecretName: 'workers', operatorCertificateSecretName: 'operator' },
    sasl: { secretName: 'login' },
  });
  async function problem(): Promise<CredentialsError> {
    return new KafkaCredentials(client, placeOf(whole)).renew().then(
      () => expect.fail('there should be a problem'),
      (error: unknown) => error as CredentialsError,
    );
  }

  it('are read from the Secrets that the Hub names for it, and from no other', async () => {
    const credentials = new KafkaCredentials(client, placeOf(whole));
    const { tls, sasl } = credentials.connection('test');
    expect(() => tls!.read()).to.throw('have not been read yet');
    await credentials.renew();
    expect(tls!.read()).to.deep.equal({ ca: authority.ca, ...pair });
    expect(sasl!.read()).to.deep.equal({ username: 'someone', password: 'sesame' });
    expect(asked.map((url) => url.split('/').at(-1))).to.have.members(['ca', 'operator', 'login']);
  });

  it('are renewed for connections that were made before, and kept while a Secret can’t be used', async () => {
    const credentials = new KafkaCredentials(client, placeOf(whole));
    const { tls } = credentials.connection('test');
    await credentials.renew();
    const next = authority.issue('operator');
    secrets.set('operator', { 'tls.crt': next.cert, 'tls.key': next.key });
    await credentials.renew();
    expect(tls!.read()).to.include(next);
    secrets.delete('operator');
    await credentials.renew().catch(() => undefined);
    expect(tls!.read()).to.include(next);
  });

  it('are asked for with a sentence where a Secret is missing, forbidden, or lacks a key', async () => {
    secrets.delete('ca');
    expect(await problem()).to.include({
      code: 'SECRET_MISSING',
      message:
        'The Secret ca in hospital, spec.kafka.tls.caSecretName of the Hub, is not there: create it, or name another.',
    });
    secrets.set('ca', null);
    expect(await problem())
      .to.include({ code: 'SECRET_FORBIDDEN' })
      .and.have.property('message')
      .that.contains('by a Role');
    secrets.set('ca', { 'other.crt': authority.ca });
    expect(await problem())
      .to.include({ code: 'SECRET_UNUSABLE' })
      .and.have.property('message')
      .that.contains('has no ca.crt')
      .and.contains('other.crt');
    secrets.set('ca', { 'ca.crt': authority.ca });
    secrets.set('operator', { 'tls.crt': pair.cert, 'tls.key': authority.issue('other').key });
    const unfit = await problem();
    expect(unfit.message).to.equal(
      'tls.key of the Secret operator in hospital is not the key of the certificate in tls.crt of the Secret operator in hospital',
    );
    expect(unfit.message).not.to.contain('BEGIN');
  });

  it('keep Hubs apart that connect to one Kafka as others, and those together that connect plainly', () => {
    const elsewhere = (one: Hub): Hub => ({ ...one, metadata: { ...one.metadata, namespace: 'clinic' } });
    const key = (one: Hub): string => placeKey(placeOf(one));
    expect(key(elsewhere(whole))).not.to.equal(key(whole));
    expect(key(elsewhere(aHub({})))).to.equal(key(aHub({})));
  });
});
