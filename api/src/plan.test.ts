import { expect } from 'chai';
import { consoleConfiguration } from './console-configuration.js';
import type { Destination } from './destination.js';
import type { Hub } from './hub.js';
import type { IntegrationFlow } from './integration-flow.js';
import { plan } from './plan.js';
import { problemText } from './problem.js';
import { readResources } from './resources.js';
import {
  workerConfiguration,
  type ArchivistConfiguration,
  type ListenerConfiguration,
  type SenderConfiguration,
  type TransformerConfiguration,
} from './worker-configuration.js';

const header = (kind: string, name: string): string =>
  `apiVersion: integrationhub.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: hub}\nspec: `;

function hub(spec = '{kafka: {bootstrapServers: ["kafka:9092"]}, zones: [zone-a, zone-b]}'): Hub {
  return readResources(header('Hub', 'hub') + spec, 'test').hubs[0]!;
}
function flow(name: string, port: number, rest = 'destinations: [{name: mpi}]'): IntegrationFlow {
  const read = readResources(
    `${header('IntegrationFlow', name)}{listener: {mllp: {port: ${port}}}, ${rest}}`,
    'test',
  );
  expect(read.problems).to.deep.equal([]);
  return read.flows[0]!;
}
function destination(name = 'mpi', rest = ''): Destination {
  const read = readResources(
    `${header('Destination', name)}{mllp: {host: ${name}, port: 2576}${rest}}`,
    'test',
  );
  expect(read.problems).to.deep.equal([]);
  return read.destinations[0]!;
}
const mapped = 'transformer: {mapping: {name: phw}}, destinations: [{name: mpi}]';

describe('plan', () => {
  it('has nothing of an archive where the Hub has none', () => {
    const { topics, stages } = plan(hub(), [flow('a', 2575)], [destination()]);
    expect(topics.some(({ name }) => name.endsWith('.events'))).to.equal(false);
    for (const { configuration } of stages) expect(configuration).to.include({ eventsTopic: null });
  });

  it('has every stage of a Hub with telemetry send it, and none of another', () => {
    const telemetry = (otlp: string): Hub =>
      hub(`{kafka: {bootstrapServers: ["kafka:9092"]}, telemetry: {otlp: ${otlp}}}`);
    const flows = [flow('a', 2575, mapped)];
    const { stages } = plan(
      telemetry('{endpoint: "http://otel:4318", headersSecretName: otlp, sampleRatio: 0.5}'),
      flows,
      [destination()],
    );
    expect(stages.map(({ role }) => role)).to.deep.equal(['listener', 'transformer', 'sender']);
    for (const { configuration, secrets } of stages) {
      expect(configuration.telemetry).to.include({ endpoint: 'http://otel:4318', sampleRatio: 0.5 });
      expect(configuration.telemetry!.headersFile).to.match(/\/otlp\/headers$/);
      expect(secrets).to.deep.include({ name: 'otlp', keys: ['headers'] });
      expect(workerConfiguration.parse(JSON.parse(JSON.stringify(configuration)))).to.deep.equal(
        configuration,
      );
    }
    const trusting = '{endpoint: "https://otel:4318", headersSecretName: otlp, caSecretName: otlp}';
    for (const { configuration, secrets } of plan(telemetry(trusting), flows, [destination()]).stages) {
      expect(configuration.telemetry!.caFile).to.match(/\/otlp\/ca\.crt$/);
      // A Secret that is named twice is mounted once.
      expect(secrets).to.deep.equal([{ name: 'otlp', keys: ['headers', 'ca.crt'] }]);
    }
    const plain = plan(telemetry('{endpoint: "http://otel:4318"}'), flows, [destination()]).stages[0]!;
    expect(plain.configuration.telemetry).to.include({ headersFile: null, caFile: null, sampleRatio: 0.1 });
    expect(plain.secrets).to.equal(undefined);
    for (const { configuration } of plan(hub(), flows, [destination()]).stages) {
      expect(configuration.telemetry).to.equal(null);
    }
    const read = (endpoint: string): string[] =>
      readResources(
        `${header('Hub', 'hub')}{kafka: {bootstrapServers: ["k:1"]}, telemetry: {otlp: {endpoint: "${endpoint}"}}}`,
        'test',
      ).problems.map(problemText);
    for (const wrong of ['otel:4318', 'http://me:secret@otel', 'http://otel/?key=1', 'grpc://otel']) {
      expect(read(wrong).join(), wrong).to.include('must be a URL without user, password and query');
    }
    expect(read('https://otel.example:4318/otlp')).to.deep.equal([]);
  });

  it('tells a console what is watched of the Hub, flows and destinations in use, and whom to tell', () => {
    const email = 'email: {host: smtp, secretName: smtp, from: hub@a.example, to: [b@a.example]}';
    const webhooks = 'webhooks: [{name: pager, url: "https://pager.example/hub", secretName: pager}]';
    const alerts = `alerts: {backlogAge: {above: 10m}, notifications: {${email}, ${webhooks}}}`;
    const given = hub(`{kafka: {bootstrapServers: ["kafka:9092"]}, console: {}, ${alerts}}`);
    const own = 'destinations: [{name: mpi}], alerts: {errorRate: {above: 1}}';
    const { stages } = plan(given, [flow('a', 2575, own)], [destination(), destination('unused')]);
    const stage = stages.find(({ role }) => role === 'console')!;
    expect(stage.secrets).to.deep.equal([
      { name: 'smtp', keys: ['username', 'password'] },
      { name: 'pager', keys: ['key'] },
    ]);
    // As its program reads it, from JSON.
    const read = consoleConfiguration.parse(JSON.parse(JSON.stringify(stage.configuration)));
    expect(read.notifier.email).to.include({ passwordFile: '/etc/ihub-secrets/smtp/password', port: 587 });
    expect(read.plan.alerts.map(({ kind, name }) => `${kind}/${name}`)).to.deep.equal([
      'Hub/hub',
      'IntegrationFlow/a',
      'Destination/mpi',
    ]);
    expect(read.plan.alerts[1]).to.deep.include({
      hub: { backlogAge: { above: '10m' } },
      own: { errorRate: { above: 1 } },
    });
  });

  it('gives a Hub with an archive the events’ topic, and an archivist that reads all topics', () => {
    const archive =
      'archive: {postgres: {host: db, secretName: db-user, caSecretName: db-ca}, keysSecretName: keys, retention: 30d}';
    const given = hub(`{kafka: {bootstrapServers: ["kafka:9092"]}, zones: [zone-a, zone-b], ${archive}}`);
    const flows = [
      flow('a', 2575, mapped),
      flow('b', 2576, 'contentPolicy: Full, destinations: [{name: mpi}]'),
    ];
    const { topics, stages } = plan(given, flows, [destination()]);
    const archivist = stages.at(-1)!;
    expect(archivist).to.include({ name: 'archivist', role: 'archivist', owner: 'Hub/hub', replicas: 2 });
    expect(archivist.secrets).to.deep.equal([
      { name: 'db-user', keys: ['username', 'password'] },
      { name: 'keys', keys: ['content.key', 'identifier.key'] },
      { name: 'db-ca', keys: ['ca.crt'] },
    ]);
    const configuration = archivist.configuration as ArchivistConfiguration;
    const [events, replays, security] = topics.slice(-3);
    // Security events are of no message.
    const read = topics.filter((one) => one !== security).map(({ name }) => name);
    expect(configuration.topics).to.deep.equal(read);
    expect(configuration.eventsTopic).to.equal('ihub.hub.events').and.equal(events!.name);
    expect(configuration.replaysTopic).to.equal('ihub.hub.replays').and.equal(replays!.name);
    expect(replays!.config).to.include({ 'cleanup.policy': 'compact', 'retention.ms': '-1' });
    expect(configuration.contentPolicies).to.deep.equal({ a: 'Redacted', b: 'Full' });
    expect(configuration.retentionMs).to.equal(30 * 86_400_000);
    expect(configuration.database).to.include({ host: 'db', port: 5432, name: 'ihub' });
    expect(configuration.database.caFile).to.match(/\/db-ca\/ca\.crt$/);
    for (const { configuration: one } of stages) {
      expect(one).to.include({ eventsTopic: 'ihub.hub.events' });
      expect(workerConfiguration.parse(JSON.parse(JSON.stringify(one)))).to.deep.equal(one);
    }
  });

  it('has a topic of security events with or without an archive, of a year and a bounded size', () => {
    const { topics, stages } = plan(hub(), [flow('a', 2575)], [destination()]);
    const security = topics.find(({ name }) => name === 'ihub.hub.security')!;
    expect(security).to.include({ partitions: 1, owner: 'Hub/hub' });
    expect(security.config).to.include({
      'cleanup.policy': 'delete',
      'retention.ms': '31536000000',
      'retention.bytes': '1073741824',
    });
    expect(stages[0]!.configuration).to.include({ securityTopic: 'ihub.hub.security' });
  });

  it('gives a flow with a mapping a listener, a transformer and its destination’s sender', () => {
    const { topics, stages, problems } = plan(hub(), [flow('phw-to-mpi', 2575, mapped)], [destination()]);
    expect(problems).to.deep.equal([]);
    expect(topics.map(({ name, partitions }) => [name, partitions])).to.deep.equal([
      ['ihub.hub.phw-to-mpi.dead-letter', 1],
      ['ihub.hub.phw-to-mpi.received', 1],
      ['ihub.hub.mpi.outbound', 12],
      ['ihub.hub.mpi.dead-letter', 1],
      ['ihub.hub.security', 1],
    ]);
    expect(stages.map(({ name, replicas }) => [name, replicas])).to.deep.equal([
      ['phw-to-mpi-listener', 2],
      ['phw-to-mpi-transformer', 2],
      ['mpi-sender', 2],
    ]);
    const [listener, transformer] = stages.map((stage) => stage.configuration);
    expect((listener as ListenerConfiguration).topic).to.equal('ihub.hub.phw-to-mpi.received');
    expect((transformer as TransformerConfiguration).topic).to.equal('ihub.hub.phw-to-mpi.received');
    expect((transformer as TransformerConfiguration).routes).to.deep.equal([
      { destination: 'mpi', topic: 'ihub.hub.mpi.outbound', when: null },
    ]);
  });

  it('fills in every worker’s configuration completely', () => {
    const flows = [flow('phw-to-mpi', 2575, mapped), flow('paris-to-mpi', 2577)];
    for (const { configuration } of plan(hub(), flows, [destination()]).stages) {
      expect(workerConfiguration.parse(structuredClone(configuration))).to.deep.equal(configuration);
    }
  });

  it('leaves out a transformer that would only copy', () => {
    const { stages, topics } = plan(hub(), [flow('paris-to-mpi', 2577)], [destination()]);
    expect(stages.map((stage) => stage.role)).to.deep.equal(['listener', 'sender']);
    expect((stages[0]!.configuration as ListenerConfiguration).topic).to.equal('ihub.hub.mpi.outbound');
    expect(topics.map((topic) => topic.name)).not.to.include('ihub.hub.paris-to-mpi.received');
  });

  it('notes in a topic of its own what is not to be passed on again, also where nothing is mapped', () => {
    const archive = 'archive: {postgres: {host: db, secretName: u}, keysSecretName: keys}';
    const given = hub(`{kafka: {bootstrapServers: ["kafka:9092"]}, ${archive}}`);
    const rest =
      'ordering: {by: Field, path: PID-3.1, partitions: 6}, deduplication: {window: 2h}, destinations: [{name: mpi}]';
    const { topics, stages, problems } = plan(given, [flow('a', 1, rest)], [destination()]);
    expect(problems).to.deep.equal([]);
    const notes = topics.find(({ name }) => name === 'ihub.hub.a.deduplication')!;
    expect(notes.partitions).to.equal(6);
    expect(notes.config).to.include({
      'cleanup.policy': 'delete',
      'retention.ms': String(26 * 3_600_000),
      'segment.ms': String(900_000),
      'message.timestamp.type': 'LogAppendTime',
    });
    const transformer = stages[1]!.configuration as TransformerConfiguration;
    expect(transformer.mapping).to.equal('identity');
    expect(transformer.deduplication).to.deep.equal({
      topic: notes.name,
      partitions: 6,
      windowMs: 7_200_000,
      maxMessages: 1_000_000,
    });
    expect((stages.at(-1)!.configuration as ArchivistConfiguration).topics).not.to.include(notes.name);
  });

  it('keeps a transformer that only routes: several destinations, or a condition', () => {
    const both = flow('a', 1, 'destinations: [{name: mpi}, {name: wis}]');
    const some = flow('b', 2, 'destinations: [{name: mpi, when: "true"}]');
    const { stages } = plan(hub(), [both, some], [destination(), destination('wis')]);
    const transformers = stages.flatMap(({ configuration }) =>
      configuration.role === 'transformer' ? [configuration] : [],
    );
    expect(
      transformers.map(({ mapping, routes }) => [mapping, routes.map((route) => route.destination)]),
    ).to.deep.equal([
      ['identity', ['mpi', 'wis']],
      ['identity', ['mpi']],
    ]);
  });

  it('shares one sender between the flows of a destination, and makes none that nobody uses', () => {
    const flows = [flow('a', 1), flow('b', 2)];
    const { stages } = plan(hub(), flows, [destination(), destination('unused')]);
    expect(stages.filter((stage) => stage.role === 'sender').map((stage) => stage.name)).to.deep.equal([
      'mpi-sender',
    ]);
  });

  it('keeps copies in both zones, and more in sync than one zone holds', () => {
    const copies = (spec: string): (string | number | undefined)[] => {
      const [topic] = plan(hub(spec), [flow('a', 1)], [destination()]).topics;
      return [topic?.replicationFactor, topic?.config['min.insync.replicas']];
    };
    expect(copies('{kafka: {bootstrapServers: ["k:1"]}, zones: [a, b]}')).to.deep.equal([4, '3']);
    expect(copies('{kafka: {bootstrapServers: ["k:1"]}, zones: [a, b, c]}')).to.deep.equal([6, '4']);
    expect(copies('{kafka: {bootstrapServers: ["k:1"]}}')).to.deep.equal([1, '1']);
    expect(copies('{kafka: {bootstrapServers: ["k:1"], replicationFactor: 3}}')).to.deep.equal([3, '2']);
  });

  it('makes room in a topic for the largest message and what a mapping adds', () => {
    const large = flow('a', 1);
    large.spec.listener.maxMessageSize = '100Mi';
    const { topics } = plan(hub(), [large, flow('b', 2)], [destination()]);
    const sizes = Object.fromEntries(
      topics.map((topic) => [topic.name, Number(topic.config['max.message.bytes'])]),
    );
    expect(sizes['ihub.hub.mpi.outbound']).to.be.greaterThan(200 * 1_048_576);
    expect(sizes['ihub.hub.b.dead-letter']).to.equal(4 * 1_048_576);
  });

  it('orders by field over several partitions', () => {
    const byField = flow('a', 1, `${mapped}, ordering: {by: Field, path: PID-3.1, partitions: 6}`);
    const { topics, stages } = plan(hub(), [byField], [destination()]);
    expect(topics.find((topic) => topic.name.endsWith('.received'))?.partitions).to.equal(6);
    expect((stages[0]!.configuration as ListenerConfiguration).ordering).to.deep.equal({
      by: 'Field',
      path: 'PID-3.1',
    });
  });

  it('leaves out a flow with a problem, says why, and plans the rest', () => {
    const flows = [
      flow('good', 2575),
      flow('same-port', 2575),
      flow('no-destination', 2580, 'destinations: [{name: mip}]'),
      flow('good', 2582),
      flow('mpi', 2583),
    ];
    const { stages, problems } = plan(hub(), flows, [destination()]);
    expect(stages.map((stage) => stage.name)).to.deep.equal(['good-listener', 'mpi-sender']);
    expect(problems.map(problemText)).to.deep.equal([
      'IntegrationFlow/same-port: spec.listener.mllp.port 2575 is already the port of the flow good; choose another',
      'IntegrationFlow/no-destination: spec.destinations[0].name "mip" is no Destination in this namespace; create it or correct the name',
      'IntegrationFlow/good: metadata.name is the name of two resources of this kind; remove or rename one',
      'IntegrationFlow/mpi: metadata.name is also the name of a Destination; their dead letters would mix, so rename one',
    ]);
  });

  it('gives every worker the Hub’s log level', () => {
    const loud = hub('{kafka: {bootstrapServers: ["kafka:9092"]}, workers: {logLevel: debug}}');
    const { stages } = plan(loud, [flow('phw-to-mpi', 2575, mapped)], [destination()]);
    expect(stages.map(({ configuration }) => configuration.logLevel)).to.deep.equal([
      'debug',
      'debug',
      'debug',
    ]);
  });

  it('is pure: the same resources give the same plan', () => {
    const make = (): unknown => plan(hub(), [flow('phw-to-mpi', 2575, mapped)], [destination()]);
    expect(make()).to.deep.equal(make());
  });

  describe('with TLS', () => {
    const tls = (listener: string): string =>
      `{listener: {mllp: {port: 2575, tls: ${listener}}}, destinations: [{name: mpi}]}`;
    function stages(listener: string, sender: string): ReturnType<typeof plan>['stages'] {
      const read = readResources(
        `${header('IntegrationFlow', 'f')}${tls(listener)}\n---\n${header('Destination', 'mpi')}{mllp: {host: mpi, port: 1, tls: ${sender}}}`,
        'test',
      );
      expect(read.problems).to.deep.equal([]);
      return plan(hub(), read.flows, read.destinations).stages;
    }

    it('says which Secrets are needed, and where workers find their keys', () => {
      const [listener, sender] = stages('{secretName: f-tls}', '{secretName: own, caSecretName: mpi-ca}');
      expect(listener!.secrets).to.deep.equal([{ name: 'f-tls', keys: ['tls.crt', 'tls.key', 'ca.crt'] }]);
      expect((listener!.configuration as ListenerConfiguration).listen.tls).to.deep.equal({
        certificateFile: '/etc/ihub-secrets/f-tls/tls.crt',
        keyFile: '/etc/ihub-secrets/f-tls/tls.key',
        caFile: '/etc/ihub-secrets/f-tls/ca.crt',
        clientAuth: 'Require',
        allowedNames: null,
        minVersion: 'TLSv1.2',
        handshakeTimeoutMs: 10_000,
      });
      expect(sender!.secrets).to.deep.equal([
        { name: 'own', keys: ['tls.crt', 'tls.key'] },
        { name: 'mpi-ca', keys: ['ca.crt'] },
      ]);
      expect((sender!.configuration as SenderConfiguration).mllp.tls).to.deep.equal({
        certificateFile: '/etc/ihub-secrets/own/tls.crt',
        keyFile: '/etc/ihub-secrets/own/tls.key',
        caFile: '/etc/ihub-secrets/mpi-ca/ca.crt',
        serverName: 'mpi',
        minVersion: 'TLSv1.2',
      });
      for (const { configuration } of [listener!, sender!]) {
        expect(workerConfiguration.parse(configuration)).to.deep.equal(configuration);
      }
    });

    it('asks for no ca.crt where no client is asked for a certificate, and for nothing with public authorities', () => {
      const [listener, sender] = stages('{secretName: f-tls, clientAuth: None}', '{}');
      expect(listener!.secrets).to.deep.equal([{ name: 'f-tls', keys: ['tls.crt', 'tls.key'] }]);
      expect(sender).not.to.have.property('secrets');
      const { certificateFile, caFile } = (sender!.configuration as SenderConfiguration).mllp.tls!;
      expect([certificateFile, caFile]).to.deep.equal([null, null]);
    });

    it('takes the authorities of the sender’s own Secret where no other is named', () => {
      const [, sender] = stages('{secretName: f-tls}', '{secretName: own}');
      expect(sender!.secrets).to.deep.equal([{ name: 'own', keys: ['tls.crt', 'tls.key', 'ca.crt'] }]);
    });

    it('refuses allowed names where certificates are not required', () => {
      const { problems } = readResources(
        header('IntegrationFlow', 'f') + tls('{secretName: s, clientAuth: Request, allowedNames: [a]}'),
        'test',
      );
      expect(problems.map(problemText)).to.deep.equal([
        'IntegrationFlow/f: spec.listener.mllp.tls.allowedNames belongs to clientAuth Require; remove it or set clientAuth',
      ]);
    });
  });

  it('has every stage connect to Kafka as the Hub says, with each Secret once', () => {
    const kafka =
      '{bootstrapServers: ["k:9093"], tls: {caSecretName: ca, certificateSecretName: user, operatorCertificateSecretName: operator}, sasl: {secretName: user}}';
    const archive = 'archive: {postgres: {host: db, secretName: db, caSecretName: ca}, keysSecretName: keys}';
    const { hubs, flows, destinations, problems } = readResources(
      [
        [
          'Hub',
          'hub',
          `{kafka: ${kafka}, ${archive}, console: {publicUrl: "https://hub.example", oidc: {issuer: "https://id.example", clientId: hub, secretName: oidc, roles: {}}}}`,
        ],
        ['Destination', 'mpi', '{mllp: {host: mpi, port: 2576}}'],
        [
          'IntegrationFlow',
          'phw',
          '{listener: {mllp: {port: 2575}}, transformer: {mapping: {name: phw}}, destinations: [{name: mpi}]}',
        ],
      ]
        .map(
          ([kind, name, spec]) =>
            `apiVersion: integrationhub.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}`,
        )
        .join('\n---\n'),
      'test',
    );
    expect(problems).to.deep.equal([]);
    const { stages } = plan(hubs[0]!, flows, destinations);
    expect(stages.map(({ role }) => role)).to.have.members([
      'listener',
      'transformer',
      'sender',
      'archivist',
      'console',
    ]);
    for (const { configuration, secrets = [] } of stages) {
      expect(configuration.kafka).to.deep.include({
        tls: {
          caFile: '/etc/ihub-secrets/ca/ca.crt',
          certificateFile: '/etc/ihub-secrets/user/tls.crt',
          keyFile: '/etc/ihub-secrets/user/tls.key',
        },
        sasl: {
          mechanism: 'SCRAM-SHA-512',
          username: null,
          usernameFile: '/etc/ihub-secrets/user/username',
          passwordFile: '/etc/ihub-secrets/user/password',
          allowWithoutTls: false,
        },
      });
      expect(secrets.filter(({ name }) => ['ca', 'user', 'operator'].includes(name))).to.have.deep.members([
        { name: 'ca', keys: ['ca.crt'] },
        { name: 'user', keys: [] },
      ]);
    }
  });
});
