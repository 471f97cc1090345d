/** The CustomResourceDefinitions in a real API server: what it accepts, refuses, fills in and shows. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  destination,
  hub,
  integrationFlow,
  messageReplay,
  readResources,
  type DestinationStatus,
  type FlowStatus,
  type HubStatus,
} from '@integration-hub/api';
import { CustomObjectsApi, KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import fc from 'fast-check';
import { until } from './hub-under-test.js';
import { startApiServer, type ApiServer } from './cluster/api-server.js';
import {
  changed,
  changesWithin,
  type Change,
  type FieldSchema,
  type Kind,
  type Tree,
} from './resource-changes.js';

const folder = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const group = 'integrationhub.dev';
const version = 'v1alpha1';

const schemas = {
  IntegrationFlow: integrationFlow,
  Destination: destination,
  Hub: hub,
  MessageReplay: messageReplay,
};
const plurals = {
  IntegrationFlow: 'integrationflows',
  Destination: 'destinations',
  Hub: 'hubs',
  MessageReplay: 'messagereplays',
};

const resource = (kind: Kind, spec: string, name = 'wrong'): string =>
  `apiVersion: ${group}/${version}\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;

describe('CustomResourceDefinitions', function () {
  // The first API server on a machine is built.
  this.timeout(1_500_000);

  let api: ApiServer;
  /** What kubectl says, which must succeed without a warning. */
  const kubectl = async (args: string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await api.kubectl(args, input);
    expect(stderr, args.join(' ')).to.equal('');
    expect(code, args.join(' ')).to.equal(0);
    return stdout;
  };
  const json = async <T>(...args: string[]): Promise<T> =>
    JSON.parse(await kubectl([...args, '-o', 'json'])) as T;
  const apply = (text: string, namespace = 'default'): Promise<string> =>
    kubectl(['apply', '-n', namespace, '-f', '-'], text);
  const refusal = async (text: string): Promise<string> => {
    const { code, stderr } = await api.kubectl(['apply', '-n', 'default', '-f', '-'], text);
    expect(code, 'it was accepted').to.equal(1);
    return stderr;
  };

  before(async () => {
    api = await startApiServer();
    // Warnings would be on standard error, which must be empty.
    const files = Object.values(plurals).map((plural) => `--filename=${folder(`crds/${plural}.yaml`)}`);
    await kubectl(['apply', '--server-side', ...files]);
    const wait = [
      ...['wait', '--for=condition=Established', '--timeout=5s'],
      ...Object.values(plurals).map((plural) => `crd/${plural}.${group}`),
    ];
    // kubectl gives up at once on a CRD that has no status yet.
    const isEstablished = async (): Promise<boolean> => (await api.kubectl(wait)).code === 0;
    await until('the CRDs are established', isEstablished, 30_000);
  });
  after(() => api.stop());

  it('are structural, with the names they ask for', async () => {
    for (const plural of Object.values(plurals)) {
      const { status } = await json<{ status: { conditions: { type: string; status: string }[] } }>(
        ...['get', 'crd', `${plural}.${group}`],
      );
      expect(status.conditions.map(({ type, status }) => `${type} ${status}`).sort()).to.deep.equal([
        'Established True',
        'NamesAccepted True',
      ]);
    }
  });

  it('take every shipped flow, and fill in what zod fills in', async () => {
    const files = readdirSync(folder('manifests/flows')).filter((name) => name.endsWith('.yaml'));
    expect(files).to.have.length.of.at.least(8);
    for (const file of files) {
      const text = readFileSync(folder(`manifests/flows/${file}`), 'utf8');
      await apply(text);
      // What is filled in makes no difference to whoever applies the same again.
      expect(await apply(text), file).to.not.match(/ (?!unchanged)\w+$/m);
      const { flows, destinations } = readResources(text, file);
      for (const { kind, metadata, spec } of [...flows, ...destinations]) {
        const stored = await json<{ spec: unknown }>('get', kind, metadata.name);
        expect(stored.spec, metadata.name).to.deep.equal(spec);
      }
    }
  });

  it('fill in a Hub', async () => {
    const text = resource(
      'Hub',
      '{kafka: {bootstrapServers: ["kafka:9092"]}, zones: [zone-a, zone-b]}',
      'hub',
    );
    await apply(text);
    const stored = await json<{ spec: unknown }>('get', 'hub', 'hub');
    expect(stored.spec).to.deep.equal(readResources(text, 'hub').hubs[0]!.spec);
  });

  describe('refuse, with a sentence, and zod refuses too', () => {
    const flow = (spec: string, name?: string): string => resource('IntegrationFlow', spec, name);
    const to = (spec: string): string => resource('Destination', `{mllp: {host: mpi, port: 2576}, ${spec}}`);
    const on = (spec: string): string =>
      resource('Hub', `{kafka: {bootstrapServers: ["kafka:9092"]}, ${spec}}`);
    const listener = 'listener: {mllp: {}}';
    const mpi = 'destinations: [{name: mpi}]';
    const rule = '{name: a, when: "true", message: m}';
    const replay = (spec: string): string =>
      resource('MessageReplay', `{reason: INC-4711, requestedBy: siân, ${spec}}`);
    const wrong: [name: string, text: string, sentence: string][] = [
      ['a misspelt field', flow(`{${listener}, ${mpi}, tranformer: {}}`), 'unknown field "spec.tranformer"'],
      [
        'allowed names where clients need no certificate',
        flow(`{listener: {mllp: {tls: {secretName: s, clientAuth: None, allowedNames: [pas]}}}, ${mpi}}`),
        'belongs to clientAuth Require; remove it or set clientAuth',
      ],
      [
        'a name that begins with a digit',
        flow(`{${listener}, ${mpi}}`, '1st'),
        'metadata.name: Invalid value: "object": must be lower-case letters, digits and hyphens, begin with a letter',
      ],
      [
        'a name with a dot',
        flow(`{${listener}, ${mpi}}`, 'a.b'),
        'metadata.name: Invalid value: "object": must be lower-case letters, digits and hyphens',
      ],
      [
        'a name that is too long',
        flow(`{${listener}, ${mpi}}`, 'a'.repeat(46)),
        'metadata.name: Invalid value: "object": must be at most 45 characters, so that the names made from it fit',
      ],
      ['no listener', flow(`{${mpi}}`), 'spec.listener: Required value'],
      ['no destinations', flow(`{${listener}}`), 'spec.destinations: Required value'],
      [
        'an empty list of destinations',
        flow(`{${listener}, destinations: []}`),
        'spec.destinations in body should have at least 1 items',
      ],
      [
        'a destination twice',
        flow(`{${listener}, destinations: [{name: mpi}, {name: mpi, when: "true"}]}`),
        'spec.destinations[1]: Duplicate value: {"name":"mpi"}',
      ],
      [
        'a destination whose name can’t be one',
        flow(`{${listener}, destinations: [{name: Mpi}]}`),
        'spec.destinations[0].name: Invalid value: "string": must be lower-case letters',
      ],
      [
        'a port out of range',
        flow(`{listener: {mllp: {port: 70000}}, ${mpi}}`),
        'spec.listener.mllp.port in body should be less than or equal to 65535',
      ],
      [
        'a port in quotes',
        flow(`{listener: {mllp: {port: "2575"}}, ${mpi}}`),
        'spec.listener.mllp.port in body must be of type integer: "string"',
      ],
      [
        'a size without a unit that exists',
        flow(`{listener: {mllp: {}, maxMessageSize: 1MB}, ${mpi}}`),
        'spec.listener.maxMessageSize: Invalid value: "string": must be a size in bytes such as 1048576, 512Ki or 1Mi',
      ],
      [
        'a size above the cap',
        flow(`{listener: {mllp: {}, maxMessageSize: 101Mi}, ${mpi}}`),
        'spec.listener.maxMessageSize: Invalid value: "string": must be at most 100Mi',
      ],
      [
        'a size beyond all bounds',
        flow(`{listener: {mllp: {}, maxMessageSize: 999999999Gi}, ${mpi}}`),
        'spec.listener.maxMessageSize: Invalid value: "string": must be at most 100Mi',
      ],
      [
        'an unknown policy',
        flow(`{listener: {mllp: {}, onReject: Nack}, ${mpi}}`),
        'spec.listener.onReject: Unsupported value: "Nack": supported values: "Close", "Nak"',
      ],
      [
        'a rule without a message',
        flow(`{listener: {mllp: {}, accept: {rules: [{name: a, when: "true"}]}}, ${mpi}}`),
        'spec.listener.accept.rules[0].message: Required value',
      ],
      [
        'two rules of one name',
        flow(`{listener: {mllp: {}, accept: {rules: [${rule}, ${rule}]}}, ${mpi}}`),
        'spec.listener.accept.rules[1]: Duplicate value: {"name":"a"}',
      ],
      [
        'an application twice',
        flow(`{listener: {mllp: {}, accept: {sendingApplications: ["252", "252"]}}, ${mpi}}`),
        'spec.listener.accept.sendingApplications[1]: Duplicate value: "252"',
      ],
      [
        'a port of nodes where none is opened',
        flow(`{listener: {mllp: {}, service: {nodePort: 30075}}, ${mpi}}`),
        'spec.listener.service.nodePort: Invalid value: "object": belongs to type NodePort or LoadBalancer; remove it or set type',
      ],
      [
        'ordering by a field that is not named',
        flow(`{${listener}, ${mpi}, ordering: {by: Field}}`),
        'spec.ordering.path: Invalid value: "object": is needed where by is Field, for example PID-3.1',
      ],
      [
        'a path where all is in order',
        flow(`{${listener}, ${mpi}, ordering: {path: PID-3.1}}`),
        'spec.ordering.path: Invalid value: "object": belongs to by: Field only; remove it or set by',
      ],
      [
        'partitions where all is in order',
        flow(`{${listener}, ${mpi}, ordering: {partitions: 3}}`),
        'spec.ordering.partitions: Invalid value: "object": belongs to by: Field only; remove it or set by',
      ],
      [
        'more replicas than a zone takes',
        flow(`{${listener}, ${mpi}, availability: {replicasPerZone: 21}}`),
        'spec.availability.replicasPerZone in body should be less than or equal to 20',
      ],
      [
        'an alert that destinations have not',
        to('alerts: {noMessages: {after: 1h}}'),
        'unknown field "spec.alerts.noMessages"',
      ],
      [
        'working hours that end before they begin',
        flow(`{${listener}, ${mpi}, alerts: {noMessages: {hours: {from: "18:00", to: "08:00"}}}}`),
        'spec.alerts.noMessages.hours.from: Invalid value: "object": must be earlier than to',
      ],
      [
        'a silence longer than the working hours',
        flow(`{${listener}, ${mpi}, alerts: {noMessages: {after: 4h, hours: {from: "08:00", to: "12:00"}}}}`),
        'spec.alerts.noMessages.after: Invalid value: "object": must be shorter than the hours, else it never is an alarm',
      ],
      [
        'a day of the week twice',
        flow(`{${listener}, ${mpi}, alerts: {noMessages: {hours: {days: [Monday, Monday]}}}}`),
        'spec.alerts.noMessages.hours.days[1]: Duplicate value: "Monday"',
      ],
      [
        'a share of errors above all',
        flow(`{${listener}, ${mpi}, alerts: {errorRate: {above: 100}}}`),
        'spec.alerts.errorRate.above in body should be less than or equal to 99',
      ],
      [
        'somebody who can’t get mail',
        resource(
          'Hub',
          '{kafka: {bootstrapServers: ["k:1"]}, alerts: {notifications: {email: {host: mail, from: hub@a.example, to: [on call]}}}}',
        ),
        'spec.alerts.notifications.email.to[0]: Invalid value: "string": must be an e-mail address such as integration@hospital.example',
      ],
      [
        'a policy of deletion that is none',
        flow(`{${listener}, ${mpi}, deletionPolicy: Retain}`),
        'spec.deletionPolicy: Unsupported value: "Retain": supported values: "Keep", "Delete"',
      ],
      [
        'a host with a scheme',
        resource('Destination', '{mllp: {host: "tcp://mpi", port: 2576}}'),
        'spec.mllp.host: Invalid value: "string": must be a host name or an IP address',
      ],
      [
        'a duration without a unit',
        to('ackTimeout: 30'),
        'spec.ackTimeout in body must be of type string: "integer"',
      ],
      [
        'a duration that is none',
        to('ackTimeout: soon'),
        'spec.ackTimeout: Invalid value: "string": must be a duration such as 500ms, 30s, 15m, 12h or 14d',
      ],
      [
        'a duration that is too short',
        to('ackTimeout: 99ms'),
        'spec.ackTimeout: Invalid value: "string": must be at least 100ms',
      ],
      [
        'a first wait longer than the longest',
        to('retry: {initial: 16m}'),
        'spec.retry.initial: Invalid value: "object": must not be longer than max',
      ],
      [
        'no pace at all',
        to('throttle: {messagesPerMinute: 0}'),
        'spec.throttle.messagesPerMinute in body should be greater than or equal to 1',
      ],
      [
        'a broker without a port',
        resource('Hub', '{kafka: {bootstrapServers: [kafka]}}'),
        'spec.kafka.bootstrapServers[0]: Invalid value: "string": must be HOST:PORT, for example kafka-bootstrap:9092',
      ],
      [
        'more copies in sync than there are',
        resource('Hub', '{kafka: {bootstrapServers: ["k:1"], replicationFactor: 1, minInsyncReplicas: 2}}'),
        'spec.kafka.minInsyncReplicas: Invalid value: "object": needs a replicationFactor that is at least as large',
      ],
      ['a zone twice', on('zones: [a, a]'), 'spec.zones[1]: Duplicate value: "a"'],
      [
        'less processor than the least',
        on('workers: {resources: {sender: {cpu: 5m}}}'),
        'spec.workers.resources.sender.cpu: Invalid value: "string": must be at least 10m',
      ],
      [
        'memory in another unit',
        on('workers: {resources: {sender: {memory: 1GB}}}'),
        'spec.workers.resources.sender.memory: Invalid value: "string": must be a size in bytes such as',
      ],
      [
        'a replay of everything',
        replay('selection: {}'),
        'spec.selection: Invalid value: "object": must not be empty, which would be every message of the archive',
      ],
      [
        'a replay of a time that ends before it begins',
        replay('selection: {from: "2026-11-20T10:00:00Z", until: "2026-11-20T10:00:00Z"}'),
        'spec.selection.until: Invalid value: "object": must be later than from',
      ],
      [
        'a replay of what was received for a destination',
        replay('selection: {flow: a}, of: mpi'),
        'spec.of: Invalid value: "object": needs stage Outbound',
      ],
    ];
    for (const [name, text, sentence] of wrong) {
      it(name, async () => {
        expect(await refusal(text)).to.contain(sentence);
        expect(readResources(text, name).problems).to.not.deep.equal([]);
      });
    }
  });

  describe('accept, as zod does', () => {
    const flow = (spec: string, name?: string): string =>
      resource('IntegrationFlow', `{destinations: [{name: mpi}], ${spec}}`, name);
    const right: [name: string, text: string][] = [
      ['the longest name', flow('listener: {mllp: {}}', 'a'.repeat(45))],
      [
        'ordering by a field',
        flow('listener: {mllp: {}}, ordering: {by: Field, path: PID-3.1, partitions: 3}'),
      ],
      ['a port of nodes', flow('listener: {mllp: {}, service: {type: NodePort, nodePort: 30075}}')],
      ['the largest size, in bytes', flow('listener: {mllp: {}, maxMessageSize: "104857600"}')],
      [
        'a first wait as long as the longest',
        resource('Destination', '{mllp: {host: "2001:db8::1", port: 1}, retry: {initial: 60m, max: 1h}}'),
      ],
      [
        'alerts of a flow',
        flow(
          'listener: {mllp: {}}, alerts: {errorRate: {above: 0, for: 0s}, noMessages: {enabled: true, after: 30m, hours: {days: [Saturday], from: "00:00", to: "24:00"}, holidays: ["2026-12-25", "2026-12-28"]}}',
        ),
      ],
      [
        'as many copies in sync as there are, and many processors',
        resource(
          'Hub',
          '{kafka: {bootstrapServers: ["k:1"], replicationFactor: 3, minInsyncReplicas: 3}, workers: {resources: {sender: {cpu: "64"}}}}',
        ),
      ],
    ];
    for (const [name, text] of right) {
      it(name, async () => {
        await kubectl(['apply', '--dry-run=server', '-n', 'default', '-f', '-'], text);
        expect(readResources(text, name).problems).to.deep.equal([]);
      });
    }
  });

  it('let nobody change what keeps messages in order', async () => {
    const flow = (ordering: string): string =>
      resource('IntegrationFlow', `{listener: {mllp: {}}, destinations: [{name: mpi}]${ordering}}`, 'steady');
    await apply(flow(''));
    await apply(flow(', ordering: {by: Flow}'));
    expect(await refusal(flow(', ordering: {by: Field, path: PID-3.1}'))).to.contain(
      'spec.ordering: Invalid value: "object": can’t be changed, since messages under way would lose their order',
    );
    const mpi = (partitions: number): string =>
      resource('Destination', `{mllp: {host: mpi, port: 2576}, partitions: ${partitions}}`, 'steady');
    await apply(mpi(12));
    expect(await refusal(mpi(24))).to.contain(
      'spec.partitions: Invalid value: "integer": can’t be changed, since messages under way would lose their order',
    );
  });

  describe('refuse and accept what zod refuses and accepts', () => {
    let accepts: (kind: Kind, body: Tree) => Promise<boolean>;
    /** For each field of each kind, what it may be changed to. */
    let fields: { kind: Kind; changes: Change[] }[];

    const agree = async (kind: Kind, changes: readonly Change[]): Promise<boolean> => {
      const resource = changed(kind, changes);
      const { success } = schemas[kind].safeParse(resource);
      expect(await accepts(kind, resource), JSON.stringify(changes)).to.equal(success);
      return success;
    };

    before(async () => {
      const config = new KubeConfig();
      config.loadFromFile(api.kubeconfig);
      const client = config.makeApiClient(CustomObjectsApi);
      accepts = async (kind, body) => {
        const where = { group, version, namespace: 'default', plural: plurals[kind] };
        const how = { dryRun: 'All', fieldValidation: 'Strict' };
        try {
          await client.createNamespacedCustomObject({ ...where, ...how, body });
          return true;
        } catch (error) {
          const { code } = error as { code?: number };
          if (code !== 400 && code !== 422) throw error;
          return false;
        }
      };
      fields = [];
      const seen = new Set<string>();
      for (const kind of Object.keys(schemas) as Kind[]) {
        const { spec } = await json<{
          spec: { versions: [{ schema: { openAPIV3Schema: FieldSchema } }] };
        }>('get', 'crd', `${plurals[kind]}.${group}`);
        const schema = spec.versions[0].schema.openAPIV3Schema.properties!.spec!;
        const name: FieldSchema = { type: 'string', maxLength: 45, pattern: '' };
        for (const changes of [
          ...changesWithin(schema, ['spec']),
          ...changesWithin(name, ['metadata', 'name']),
        ]) {
          // Alerts have many fields of the same name and kind, each made by the same lines of api/.
          const { path } = changes[0]!;
          const alike = JSON.stringify([path.at(-1), changes.map(({ value }) => value)]);
          if (path.includes('alerts') && seen.has(alike)) continue;
          seen.add(alike);
          fields.push({ kind, changes });
        }
      }
    });

    it('in each field alone', async () => {
      expect(fields).to.have.length.of.at.least(70);
      let accepted = 0;
      for (const { kind, changes } of fields) {
        const found = await Promise.all(changes.map((change) => agree(kind, [change])));
        accepted += found.filter(Boolean).length;
      }
      expect(accepted).to.be.greaterThan(300);
    });

    it('in two fields of one object', async () => {
      const parent = ({ path }: Change): string => path.slice(0, -1).join('.');
      const pairs = fields.flatMap((one) =>
        fields
          .filter((other) => other !== one && other.kind === one.kind)
          .filter((other) => parent(other.changes[0]!) === parent(one.changes[0]!))
          .map((other) => ({ kind: one.kind, changes: [one.changes, other.changes] })),
      );
      const pair = fc
        .constantFrom(...pairs)
        .chain(({ kind, changes }) =>
          fc.tuple(fc.constant(kind), fc.tuple(...changes.map((values) => fc.constantFrom(...values)))),
        );
      await fc.assert(
        fc.asyncProperty(pair, async ([kind, changes]) => {
          await agree(kind, changes);
        }),
        { numRuns: 500 },
      );
    });
  });

  it('explain every field', async () => {
    const explained = await kubectl(['explain', 'iflow.spec.listener.onReject']);
    expect(explained).to.match(/ENUM:\s+Close\s+Nak/);
    expect(explained.replace(/\s+/g, ' ')).to.contain(
      'What the sender of a rejected message gets: Close closes its connection without a word, Nak answers AE or AR. Default: Close.',
    );
    const timeout = await kubectl(['explain', 'dest.spec.ackTimeout']);
    expect(timeout.replace(/\s+/g, ' ')).to.contain('From 100ms to 10m. Default: 30s.');
    for (const kind of ['iflow', 'dest', 'hub', 'replay']) {
      for (const part of ['', '.spec', '.status', '.status.conditions']) {
        expect(await kubectl(['explain', kind + part]), kind + part).to.not.contain('<no description>');
      }
    }
  });

  describe('show what the operator has written', () => {
    const condition = (type: string): NonNullable<FlowStatus['conditions']>[number] => ({
      type,
      status: 'True',
      observedGeneration: 1,
      lastTransitionTime: '2026-01-01T00:00:00Z',
      reason: 'AllWell',
      message: 'All stages run in both zones.',
    });
    const report = (kind: string, name: string, status: unknown): Promise<string> =>
      kubectl([
        'patch',
        kind,
        name,
        '--subresource=status',
        '--type=merge',
        '-p',
        JSON.stringify({ status }),
      ]);
    const columns = async (...args: string[]): Promise<string[][]> =>
      (await kubectl(['get', ...args]))
        .trim()
        .split('\n')
        .map((line) => line.split(/ {2,}/));

    it('of a flow', async () => {
      const status: FlowStatus = {
        observedGeneration: 1,
        conditions: [condition('Ready')],
        zones: '2/2',
        replicasPerZone: 1,
        counts: { received: 12, sent: 10, backlog: 2, deadLetters: 1 },
        endpoints: [{ name: 'mllp', host: 'phw-to-mpi-listener.default.svc', port: 2575 }],
      };
      await report('iflow', 'phw-to-mpi', status);
      expect((await json<{ status: FlowStatus }>('get', 'iflow', 'phw-to-mpi')).status).to.deep.equal(status);
      const [heading, row] = await columns('iflow', 'phw-to-mpi');
      expect(heading).to.deep.equal('NAME READY ZONES RECEIVED SENT BACKLOG DEAD AGE'.split(' '));
      expect(row!.slice(0, -1)).to.deep.equal(['phw-to-mpi', 'True', '2/2', '12', '10', '2', '1']);
      expect((await columns('iflow', 'phw-to-mpi', '-o', 'wide'))[1]!.at(-1)).to.equal(
        'All stages run in both zones.',
      );
      await kubectl(['wait', 'iflow/phw-to-mpi', '--for=condition=Ready', '--timeout=60s']);
    });

    it('of a destination', async () => {
      const status: DestinationStatus = {
        observedGeneration: 1,
        conditions: [condition('Ready')],
        zones: '1/2',
        flows: ['phw-to-mpi'],
        counts: { sent: 7, backlog: 3, deadLetters: 0 },
      };
      await report('dest', 'mpi', status);
      const [heading, row] = await columns('dest', 'mpi');
      expect(heading).to.deep.equal('NAME READY ZONES SENT BACKLOG DEAD AGE'.split(' '));
      expect(row!.slice(0, -1)).to.deep.equal(['mpi', 'True', '1/2', '7', '3', '0']);
    });

    it('of a hub', async () => {
      const status: HubStatus = {
        observedGeneration: 1,
        conditions: [condition('Ready')],
        brokers: 5,
        flows: 7,
        readyFlows: 6,
      };
      await report('hub', 'hub', status);
      const [heading, row] = await columns('hub', 'hub');
      expect(heading).to.deep.equal(['NAME', 'READY', 'BROKERS', 'FLOWS', 'READY FLOWS', 'AGE']);
      expect(row!.slice(0, -1)).to.deep.equal(['hub', 'True', '5', '7', '6']);
    });

    it('and all of them under one name', async () => {
      const names = (await kubectl(['get', 'ihub', '-o', 'name'])).split('\n');
      expect(names).to.include.members([
        `integrationflow.${group}/phw-to-mpi`,
        `destination.${group}/mpi`,
        `hub.${group}/hub`,
      ]);
    });

    it('but take no condition without a reason', async () => {
      const status = { conditions: [{ ...condition('Ready'), reason: '' }] };
      const { code, stderr } = await api.kubectl([
        ...['patch', 'iflow', 'phw-to-mpi', '--subresource=status', '--type=merge'],
        ...['-p', JSON.stringify({ status })],
      ]);
      expect(code).to.equal(1);
      expect(stderr).to.contain('status.conditions[0].reason');
    });
  });

  it('scale a flow in each zone', async () => {
    await kubectl(['scale', 'iflow/paris-to-mpi', '--replicas=3']);
    const { spec } = await json<{ spec: { availability: unknown } }>('get', 'iflow', 'paris-to-mpi');
    expect(spec.availability).to.deep.equal({ replicasPerZone: 3 });
    const { code } = await api.kubectl(['scale', 'iflow/paris-to-mpi', '--replicas=0']);
    expect(code).to.equal(1);
  });
});
