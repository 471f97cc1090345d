import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readResources } from '@integration-hub/api';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import { plainKafka } from './local-hub.js';
import { planLocally, type LocalSettings } from './local-plan.js';
import type { Manifests } from './manifests.js';
import { UsageError } from './usage-error.js';

const settings: LocalSettings = {
  kafka: plainKafka(['127.0.0.1:29092']),
  embedded: true,
  addresses: new Map(),
};
const resource = (kind: string, name: string, spec: string): string =>
  `apiVersion: integrationhub.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}`;
const listener = 'listener: {mllp: {port: 2575}}';
const toMpi = 'destinations: [{name: mpi}]';

function manifests(flow: string, hub?: string): Manifests {
  const mpi = resource('Destination', 'mpi', '{mllp: {host: mpi.example, port: 2576}}');
  const all = [mpi, resource('IntegrationFlow', 'flow', flow), ...(hub === undefined ? [] : [hub])].join(
    '\n---\n',
  );
  const read = readResources(all, 'test');
  expect(read.problems).to.deep.equal([]);
  return { ...read, hub: read.hubs[0] };
}
function problem(flow: string, other: Partial<LocalSettings> = {}): string {
  try {
    planLocally(manifests(flow), { ...settings, ...other });
  } catch (error) {
    expect(error).to.be.instanceOf(UsageError);
    return (error as UsageError).message;
  }
  throw new Error('no problem was found');
}

describe('planLocally', () => {
  it('keeps one copy of each record and one process of each stage, on this machine only', () => {
    const hub = resource(
      'Hub',
      'hub',
      '{kafka: {bootstrapServers: ["kafka:9092"], retention: 2d}, zones: [a, b]}',
    );
    const { topics, stages } = planLocally(manifests(`{${listener}, ${toMpi}}`, hub), settings);
    expect(
      topics.map(({ replicationFactor, config }) => [replicationFactor, config['min.insync.replicas']]),
    ).to.deep.equal(topics.map(() => [1, '1']));
    expect(topics[0]!.config['retention.ms']).to.equal(String(2 * 86_400_000));
    for (const { replicas, configuration } of stages) {
      expect(replicas).to.equal(1);
      expect(configuration.health).to.deep.equal({ host: '127.0.0.1', tcpPort: 0, httpPort: 0 });
      expect(configuration.kafka.bootstrapServers).to.deep.equal(['127.0.0.1:29092']);
      if (configuration.role === 'listener') expect(configuration.listen.host).to.equal('127.0.0.1');
    }
  });

  it('sends telemetry where it is told to, of every message, whatever the Hub says', () => {
    const hub = resource(
      'Hub',
      'hub',
      '{kafka: {bootstrapServers: ["k:1"]}, telemetry: {otlp: {endpoint: "http://otel", headersSecretName: otlp}}}',
    );
    const found = manifests(`{${listener}, ${toMpi}}`, hub);
    for (const { configuration, secrets } of planLocally(found, settings).stages) {
      expect(configuration.telemetry).to.equal(null);
      expect(secrets).to.equal(undefined);
    }
    const telemetry = { endpoint: 'http://127.0.0.1:4318', spansFolder: '/data/spans' };
    for (const { configuration } of planLocally(found, { ...settings, telemetry }).stages) {
      expect(configuration.telemetry).to.deep.equal({
        ...telemetry,
        headersFile: null,
        caFile: null,
        sampleRatio: 1,
      });
    }
  });

  it('keeps the Hub’s copies on a Kafka that is not ours', () => {
    const hub = resource('Hub', 'hub', '{kafka: {bootstrapServers: ["kafka:9092"]}, zones: [a, b]}');
    const { topics } = planLocally(manifests(`{${listener}, ${toMpi}}`, hub), {
      ...settings,
      embedded: false,
    });
    expect(topics[0]!.replicationFactor).to.equal(4);
  });

  it('delivers to another address when told so', () => {
    const addresses = new Map([['mpi', { host: 'localhost', port: 7000 }]]);
    const { stages } = planLocally(manifests(`{${listener}, ${toMpi}}`), { ...settings, addresses });
    const [sender] = stages.flatMap(({ configuration }) =>
      configuration.role === 'sender' ? [configuration.mllp] : [],
    );
    expect(sender).to.include({ host: 'localhost', port: 7000 });
  });

  it('says what is wrong before anything starts', () => {
    expect(problem(`{${listener}, destinations: [{name: other}]}`)).to.match(/"other" is no Destination/);
    expect(problem(`{${listener}, ${toMpi}, transformer: {mapping: {name: nobody}}}`)).to.match(
      /IntegrationFlow\/flow: .*"nobody"/,
    );
    const rule = '{name: r, when: "message.er7(7)", message: m}';
    expect(problem(`{listener: {mllp: {}, accept: {rules: [${rule}]}}, ${toMpi}}`)).to.match(
      /^IntegrationFlow\/flow: /,
    );
    expect(problem(`{${listener}, ${toMpi}, ordering: {by: Field, path: PID3}}`)).to.match(
      /^IntegrationFlow\/flow: .*PID3/,
    );
    const addresses = new Map([['mip', { host: 'localhost', port: 1 }]]);
    expect(problem(`{${listener}, ${toMpi}}`, { addresses })).to.match(/--destination mip/);
  });

  describe('with TLS', () => {
    const flow = '{listener: {mllp: {tls: {secretName: phw-tls}}}, destinations: [{name: mpi}]}';
    let folder: string;
    beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'ihub-secrets-'))));
    afterEach(() => rmSync(folder, { recursive: true }));

    it('takes Secrets from the folder, each a folder of its keys', () => {
      const authority = new TestAuthority();
      const { cert, key } = authority.issue('hub');
      mkdirSync(join(folder, 'phw-tls'));
      const files = { 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.ca };
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'phw-tls', name), text);
      const { stages } = planLocally(manifests(flow), { ...settings, secrets: folder });
      const [listener] = stages.flatMap(({ configuration }) =>
        configuration.role === 'listener' ? [configuration.listen.tls] : [],
      );
      expect(listener).to.include({ caFile: join(folder, 'phw-tls', 'ca.crt'), clientAuth: 'Require' });
      rmSync(join(folder, 'phw-tls', 'ca.crt'));
      expect(problem(flow, { secrets: folder })).to.match(
        /^IntegrationFlow\/flow: .*phw-tls\/ca\.crt can't be read \(ENOENT\)/,
      );
    });

    it('asks for the folder', () => {
      expect(problem(flow)).to.equal(
        'IntegrationFlow/flow uses TLS: give --secrets DIR, a folder that holds phw-tls/tls.crt, phw-tls/tls.key, phw-tls/ca.crt',
      );
    });
  });
});
