/** Resources with a field or two set to values at the borders of what is allowed, to see who accepts and refuses them. */
import type { Destination, Hub, IntegrationFlow, MessageReplay } from '@integration-hub/api';

export type Kind = (IntegrationFlow | Destination | Hub | MessageReplay)['kind'];

/** Such a part of a CustomResourceDefinition's schema as a field is tried by. */
export interface FieldSchema {
  readonly type: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly items?: FieldSchema;
}

/** A value for a field; undefined takes the field away. */
export interface Change {
  /** Names of fields and, in a list, places. */
  readonly path: readonly string[];
  readonly value: unknown;
}

export type Tree = Record<string, unknown>;

const heading = (kind: Kind): object => ({
  apiVersion: 'integrationhub.dev/v1alpha1',
  kind,
  metadata: { name: 'made' },
});

/** A resource of each kind with a value in each field that has no default, so that each can be changed alone. */
const complete: Record<Kind, object> = {
  IntegrationFlow: {
    ...heading('IntegrationFlow'),
    spec: {
      listener: {
        mllp: {},
        service: { type: 'NodePort', nodePort: 30_075, annotations: { a: 'b' } },
        accept: {
          versions: ['2.5'],
          sendingApplications: ['252'],
          rules: [{ name: 'a', when: 'true', message: 'm' }],
        },
        schema: { set: 'phw' },
      },
      ordering: { by: 'Field', path: 'PID-3.1', partitions: 6 },
      transformer: { mapping: { name: 'phw' } },
      destinations: [{ name: 'mpi', when: 'true' }],
    },
  },
  Destination: {
    ...heading('Destination'),
    spec: { mllp: { host: 'mpi', port: 2576 }, throttle: { messagesPerMinute: 600 } },
  },
  Hub: {
    ...heading('Hub'),
    spec: {
      kafka: { bootstrapServers: ['kafka:9092'], replicationFactor: 4, minInsyncReplicas: 3 },
      zones: ['zone-a', 'zone-b'],
      workers: { imagePullSecrets: [{ name: 'registry' }] },
    },
  },
  MessageReplay: {
    ...heading('MessageReplay'),
    spec: {
      selection: { flow: 'phw-to-mpi', from: '2026-11-20T09:00:00Z', until: '2026-11-20T10:00:00Z' },
      stage: 'Outbound',
      of: 'mpi',
      reason: 'INC-4711',
      requestedBy: 'siân',
    },
  },
};

/** The resource of a kind after some changes; one whose place is not there is left out. */
export function changed(kind: Kind, changes: readonly Change[]): Tree {
  const resource = structuredClone(complete[kind]) as Tree;
  for (const { path, value } of changes) put(resource, path, value);
  return resource;
}

function put(resource: Tree, path: readonly string[], value: unknown): void {
  let parent = resource;
  for (const name of path.slice(0, -1)) {
    parent[name] ??= {};
    if (typeof parent[name] !== 'object') return;
    parent = parent[name] as Tree;
  }
  const last = path.at(-1)!;
  if (value !== undefined) parent[last] = value;
  else if (Array.isArray(parent)) parent.pop();
  else Reflect.deleteProperty(parent, last);
}

/** What each field under one, itself included, may be changed to; of a list's entries the first. */
export function changesWithin(schema: FieldSchema, path: readonly string[]): Change[][] {
  const children = Object.entries({ ...schema.properties, ...(schema.items && { 0: schema.items }) });
  return [
    candidates(schema).map((value) => ({ path, value })),
    ...children.flatMap(([name, child]) => changesWithin(child, [...path, name])),
  ];
}

const words = (text: string): string[] => text.split(' ');
const plain = ['', ' ', 'two words', '\n', 'é', '’', ...words('a A 0 a.b a- 1st a-b')];
const addresses = words('kafka:9092 kafka: kafka:999999 tcp://mpi ::1 10.0.0.1');
const times = words(
  '2026-11-20T08:59:59Z 2026-11-20T09:00:00Z 2026-11-20T10:00:00Z 2026-11-20T10:00:01Z 2026-11-20 2026-11-20T09:00Z',
);
const quantities = words(
  '9ms 10ms 99ms 100ms 1000ms 0s 1s 01s 1.5s 1S -1s 601s 5m 301s 10m 11m 1h 3599s 61m 24h 25h 7d 8d 3650d 3651d ' +
    '999999999d 9999999999s 1023 1024 1Ki 1M 63Mi 64Mi 100Mi 101Mi 104857600 64Gi 65Gi 999999999Gi 9999999999Gi ' +
    '9m 10m 64 65 64000m 64001m',
);

/** Values on both sides of a field's borders, and of other types. */
function candidates({ type, ...schema }: FieldSchema): unknown[] {
  const others = [undefined, 7, true, {}];
  switch (type) {
    case 'integer': {
      const { minimum = 0, maximum = 0 } = schema;
      return [minimum - 1, minimum, minimum + 1, maximum - 1, maximum, maximum + 1, 1.5, '1', ...others];
    }
    case 'boolean':
      return [true, false, 'true', ...others];
    case 'string': {
      if (schema.enum) return [...schema.enum, schema.enum[0]!.toLowerCase(), '', ...others];
      const { minLength = 0, maxLength = 0 } = schema;
      const lengths = [minLength, maxLength, maxLength + 1].map((length) => 'a'.repeat(length));
      return [
        ...plain,
        ...(schema.pattern === undefined ? [] : [...addresses, ...quantities]),
        ...(maxLength === 20 ? times : []),
        ...lengths,
        ...others,
      ];
    }
    case 'array': {
      const full = Array.from({ length: schema.maxItems ?? 0 }, (_, index) => `k:${index}`);
      const lists = [[], ['a'], ['a', 'a'], ['k:1', 'k:1'], ['k:1', 'l:1'], full, [...full, 'one:1']];
      const names = lists.map((list) => list.map((name) => ({ name: name.replace(':', '') })));
      return [...lists, ...names, [{ name: 'a' }, { name: 'a', when: 'true' }], ...others];
    }
    default:
      return [{ unknown: 1 }, ...others];
  }
}
