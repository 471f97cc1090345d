/** The CustomResourceDefinitions in a real API server: what it accepts, refuses, fills in and shows. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  destination,
  hub,
  integrationFlow,
  readResources,
  type DestinationStatus,
  type FlowStatus,
  type HubStatus,
} from '@integration-hub/api';
import { CustomObjectsApi, KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import fc from 'fast-check';
import { startApiServer, type ApiServer } from './cluster/api-server.js';

const folder = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const group = 'integrationhub.dev';
const version = 'v1alpha1';

type Kind = 'IntegrationFlow' | 'Destination' | 'Hub';
const schemas = { IntegrationFlow: integrationFlow, Destination: destination, Hub: hub };
const plurals = { IntegrationFlow: 'integrationflows', Destination: 'destinations', Hub: 'hubs' };

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
    await kubectl([
      ...['wait', '--for=condition=Established', '--timeout=30s'],
      ...Object.values(plurals).map((plural) => `crd/${plural}.${group}`),
    ]);
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
    const wrong: [name: string, text: string, sentence: string][] = [
      ['a misspelt field', flow(`{${listener}, ${mpi}, tranformer: {}}`), 'unknown field "spec.tranformer"'],
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

  it('refuse and accept what zod refuses and accepts', async () => {
    const config = new KubeConfig();
    config.loadFromFile(api.kubeconfig);
    const client = config.makeApiClient(CustomObjectsApi);
    const accepts = async (kind: Kind, body: Tree): Promise<boolean> => {
      const where = { group, version, namespace: 'default', plural: plurals[kind] };
      try {
        await client.createNamespacedCustomObject({
          ...{ ...where, body, dryRun: 'All', fieldValidation: 'Strict' },
        });
        return true;
      } catch (error) {
        const { code } = error as { code?: number };
        if (code !== 400 && code !== 422) throw error;
        return false;
      }
    };
    const fields = await fieldsOf((plural) => json('get', 'crd', `${plural}.${group}`));
    let [accepted, refused] = [0, 0];
    const change = fc
      .constantFrom(...fields)
      .chain((field) =>
        fc.record({ field: fc.constant(field), value: fc.constantFrom(...candidates(field)) }),
      );
    // Several at once, of one kind: rules over two fields are among what is tried.
    const changes = fc.constantFrom<Kind>('IntegrationFlow', 'Destination', 'Hub').chain((kind) =>
      fc.tuple(
        fc.constant(kind),
        fc.array(
          change.filter(({ field }) => field.kind === kind),
          { minLength: 1, maxLength: 2 },
        ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(changes, async ([kind, made]) => {
        const body = structuredClone(complete[kind]) as Tree;
        for (const { field, value } of made) put(body, field.path, value);
        const { success } = schemas[kind].safeParse(body);
        expect(await accepts(kind, body), JSON.stringify(body)).to.equal(success);
        if (success) accepted += 1;
        else refused += 1;
      }),
      { numRuns: 600 },
    );
    expect(Math.min(accepted, refused)).to.be.greaterThan(100);
  });

  it('explain every field', async () => {
    const explained = await kubectl(['explain', 'iflow.spec.listener.onReject']);
    expect(explained).to.match(/ENUM:\s+Close\s+Nak/);
    expect(explained.replace(/\s+/g, ' ')).to.contain(
      'What the sender of a rejected message gets: Close closes its connection without a word, Nak answers AE or AR. Default: Close.',
    );
    const timeout = await kubectl(['explain', 'dest.spec.ackTimeout']);
    expect(timeout.replace(/\s+/g, ' ')).to.contain('From 100ms to 10m. Default: 30s.');
    for (const kind of ['iflow', 'dest', 'hub']) {
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
      await kubectl(['wait', 'iflow/phw-to-mpi', '--for=condition=Ready', '--timeout=10s']);
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

/** A resource with a value in each field that has no default, so that each can be changed alone. */
const complete: Record<Kind, object> = {
  IntegrationFlow: {
    ...{ apiVersion: `${group}/${version}`, kind: 'IntegrationFlow', metadata: { name: 'made' } },
    spec: {
      listener: {
        mllp: {},
        service: { type: 'NodePort', annotations: {} },
        accept: {
          versions: ['2.5'],
          sendingApplications: ['252'],
          rules: [{ name: 'a', when: 'true', message: 'm' }],
        },
        schema: { set: 'phw' },
      },
      ordering: { by: 'Field', path: 'PID-3.1' },
      transformer: { mapping: { name: 'phw' } },
      destinations: [{ name: 'mpi', when: 'true' }],
    },
  },
  Destination: {
    ...{ apiVersion: `${group}/${version}`, kind: 'Destination', metadata: { name: 'made' } },
    spec: { mllp: { host: 'mpi', port: 2576 }, throttle: { messagesPerMinute: 600 } },
  },
  Hub: {
    ...{ apiVersion: `${group}/${version}`, kind: 'Hub', metadata: { name: 'made' } },
    spec: {
      kafka: { bootstrapServers: ['kafka:9092'], replicationFactor: 4, minInsyncReplicas: 3 },
      zones: ['zone-a', 'zone-b'],
      workers: { imagePullSecrets: [{ name: 'registry' }] },
    },
  },
};

/** Such a part of a CustomResourceDefinition's schema as it is tried by. */
interface Schema {
  readonly type: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}
interface Field {
  readonly kind: Kind;
  readonly path: readonly string[];
  readonly schema: Schema;
}
type Tree = Record<string, unknown>;

/** Every field of every kind's spec, and its name; of a list its first entry. */
async function fieldsOf(definition: (plural: string) => Promise<unknown>): Promise<Field[]> {
  const fields: Field[] = [];
  for (const kind of Object.keys(schemas) as Kind[]) {
    const { spec } = (await definition(plurals[kind])) as {
      spec: { versions: [{ schema: { openAPIV3Schema: Schema } }] };
    };
    const visit = (schema: Schema, path: readonly string[]): void => {
      fields.push({ kind, path, schema });
      for (const [name, property] of Object.entries(schema.properties ?? {}))
        visit(property, [...path, name]);
      if (schema.items) visit(schema.items, [...path, '0']);
    };
    visit(spec.versions[0].schema.openAPIV3Schema.properties!.spec!, ['spec']);
    fields.push({ kind, path: ['metadata', 'name'], schema: { type: 'string', maxLength: 45 } });
  }
  return fields;
}

const texts = [
  ...[
    '',
    ' ',
    'a',
    'A',
    '0',
    'a.b',
    'a-',
    'kafka:9092',
    'kafka:',
    'two words',
    'tcp://mpi',
    '::1',
    '\n',
    'é',
  ],
  ...['9ms', '10ms', '99ms', '100ms', '1000ms', '0s', '1s', '30s', '5m', '10m', '11m', '601s', '1h', '61m'],
  ...[
    '24h',
    '25h',
    '7d',
    '8d',
    '3650d',
    '3651d',
    '01s',
    '1.5s',
    '1S',
    '-1s',
    ' 1s',
    '999999999d',
    '9999999999s',
  ],
  ...[
    '1023',
    '1024',
    '1Ki',
    '64Mi',
    '63Mi',
    '100Mi',
    '101Mi',
    '64Gi',
    '65Gi',
    '1M',
    '9999999999Gi',
    '104857600',
  ],
  ...['9m', '64', '65', '64000m', '64001m'],
];

/** Values that lie at a field's borders, on both sides; undefined takes the field away. */
function candidates({ schema }: Field): unknown[] {
  const others = [undefined, 7, true, {}];
  switch (schema.type) {
    case 'integer': {
      const { minimum = 0, maximum = 0 } = schema;
      return [minimum - 1, minimum, minimum + 1, maximum - 1, maximum, maximum + 1, 1.5, ...others];
    }
    case 'string': {
      if (schema.enum) return [...schema.enum, ...schema.enum, 'Other', '', ...others];
      const longest = schema.maxLength ?? 0;
      const likely = texts.filter((text) => schema.pattern && new RegExp(schema.pattern).test(text));
      return [
        ...likely,
        ...likely,
        ...likely,
        ...texts,
        'a'.repeat(longest),
        'a'.repeat(longest + 1),
        ...others,
      ];
    }
    case 'array': {
      const lists = [
        ['a'],
        ['a', 'b'],
        ['a', 'a'],
        ['k:1', 'k:1'],
        ['k:1', 'l:1'],
        [{ name: 'a' }, { name: 'b' }],
      ];
      const twice = [{ name: 'a' }, { name: 'a', when: 'true' }];
      const full = Array.from({ length: schema.maxItems ?? 0 }, (_, index) => `k:${index}`);
      const named = full.map((name) => ({ name: name.replace(':', '') }));
      return [...lists, twice, full, [...full, 'one:1'], named, [...named, { name: 'one' }], ...others];
    }
    default:
      return [{ unknown: 1 }, ...others];
  }
}

/** Puts a value into a tree of objects and lists, where the way to it is there or can be made. */
function put(tree: Tree, path: readonly string[], value: unknown): void {
  let parent: Tree = tree;
  for (const name of path.slice(0, -1)) {
    if (parent[name] === undefined) parent[name] = {};
    if (typeof parent[name] !== 'object' || parent[name] === null) return;
    parent = parent[name] as Tree;
  }
  const last = path.at(-1)!;
  if (value === undefined && !Array.isArray(parent)) Reflect.deleteProperty(parent, last);
  else parent[last] = value ?? {};
}
