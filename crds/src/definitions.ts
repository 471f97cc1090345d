/** The CustomResourceDefinitions. */
import {
  apiVersion,
  celKey,
  destination,
  destinationStatus,
  flowStatus,
  hub,
  hubStatus,
  integrationFlow,
  messageReplay,
  replayStatus,
  resourceName,
  type CelValidation,
} from '@integration-hub/api';
import type { z } from 'zod';
import { structuralSchema, type StructuralSchema } from './structural-schema.js';

/** A column of `kubectl get`. One of priority 1 is shown with `-o wide` only. */
interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  readonly priority?: 1;
}

interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly shortName: string;
  readonly schema: z.ZodObject<{ spec: z.ZodType }>;
  readonly status: z.ZodType;
  readonly columns: readonly Column[];
  readonly scale?: { readonly specReplicasPath: string; readonly statusReplicasPath: string };
}

const readyColumn: Column = {
  name: 'Ready',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].status',
  description: 'Whether all of it works.',
};
const zonesColumn: Column = {
  name: 'Zones',
  type: 'string',
  jsonPath: '.status.zones',
  description: 'Zones in which every stage has a ready worker, of all zones.',
};
/** @param condition the one whose message says how the resource is */
const lastColumns = (condition: string, description: string): readonly Column[] => [
  {
    name: 'Age',
    type: 'date',
    jsonPath: '.metadata.creationTimestamp',
    description: 'Time since it was made.',
  },
  {
    name: 'Message',
    type: 'string',
    jsonPath: `.status.conditions[?(@.type=="${condition}")].message`,
    description,
    priority: 1,
  },
];
const whetherReady = lastColumns('Ready', 'Why it is ready or not.');
const count = (name: string, field: string, description: string): Column => ({
  name,
  type: 'integer',
  jsonPath: `.status.counts.${field}`,
  description,
});
const deliveryColumns: readonly Column[] = [
  count('Sent', 'sent', 'Messages delivered or sent on.'),
  count('Backlog', 'backlog', 'Messages stored and not yet dealt with.'),
  count('Dead', 'deadLetters', 'Messages set aside.'),
];

const kinds: readonly Kind[] = [
  {
    kind: 'IntegrationFlow',
    plural: 'integrationflows',
    shortName: 'iflow',
    schema: integrationFlow,
    status: flowStatus,
    columns: [
      readyColumn,
      zonesColumn,
      count('Received', 'received', 'Messages stored and acknowledged.'),
      ...deliveryColumns,
      ...whetherReady,
    ],
    // For `kubectl scale`: so many workers in each zone. It names no pods, since a flow has several kinds of them;
    // an autoscaler belongs on a flow's Deployments, whose replicas the operator then leaves alone.
    scale: {
      specReplicasPath: '.spec.availability.replicasPerZone',
      statusReplicasPath: '.status.replicasPerZone',
    },
  },
  {
    kind: 'Destination',
    plural: 'destinations',
    shortName: 'dest',
    schema: destination,
    status: destinationStatus,
    columns: [
      readyColumn,
      zonesColumn,
      {
        name: 'Host',
        type: 'string',
        jsonPath: '.spec.mllp.host',
        description: 'Where the receiving system listens.',
        priority: 1,
      },
      ...deliveryColumns,
      ...whetherReady,
    ],
  },
  {
    kind: 'Hub',
    plural: 'hubs',
    shortName: 'hub',
    schema: hub,
    status: hubStatus,
    columns: [
      readyColumn,
      {
        name: 'Brokers',
        type: 'integer',
        jsonPath: '.status.brokers',
        description: 'Kafka brokers reachable.',
      },
      { name: 'Flows', type: 'integer', jsonPath: '.status.flows', description: 'Flows in the namespace.' },
      {
        name: 'Ready Flows',
        type: 'integer',
        jsonPath: '.status.readyFlows',
        description: 'Flows that are ready.',
      },
      ...whetherReady,
    ],
  },
  {
    kind: 'MessageReplay',
    plural: 'messagereplays',
    shortName: 'replay',
    schema: messageReplay,
    status: replayStatus,
    columns: [
      { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where it is.' },
      { name: 'Done', type: 'integer', jsonPath: '.status.done', description: 'Messages dealt with.' },
      { name: 'Total', type: 'integer', jsonPath: '.status.total', description: 'Messages that it sends.' },
      {
        name: 'Left out',
        type: 'integer',
        jsonPath: '.status.leftOut',
        description: 'Messages that can’t be sent.',
      },
      ...lastColumns('Complete', 'Why it is complete or not.'),
    ],
  },
];

/** A CustomResourceDefinition (apiextensions.k8s.io/v1). */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly versions: readonly [
      {
        readonly name: string;
        readonly schema: { readonly openAPIV3Schema: StructuralSchema };
        readonly [field: string]: unknown;
      },
    ];
    readonly [field: string]: unknown;
  };
}

/** The CustomResourceDefinitions of all kinds, made from their zod schemas. */
export function customResourceDefinitions(): CustomResourceDefinition[] {
  return kinds.map(definition);
}

function definition(kind: Kind): CustomResourceDefinition {
  const [group = '', version = ''] = apiVersion.split('/');
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        shortNames: [kind.shortName],
        categories: ['ihub'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          additionalPrinterColumns: kind.columns,
          subresources: { status: {}, ...(kind.scale && { scale: kind.scale }) },
          schema: { openAPIV3Schema: resourceSchema(kind) },
        },
      ],
    },
  };
}

function resourceSchema({ schema, status }: Kind): StructuralSchema {
  return {
    type: 'object',
    ...(schema.description !== undefined && { description: schema.description }),
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: `Version of this form of resource: ${apiVersion}.` },
      kind: { type: 'string', description: 'Kind of the resource, as in the heading.' },
      metadata: { type: 'object', properties: { name: { type: 'string' } } },
      spec: structuralSchema(schema.shape.spec),
      status: structuralSchema(status),
    },
    // Kubernetes lets no rule stand in metadata itself.
    [celKey]: structuralSchema(resourceName)[celKey]!.map(({ rule, message }): CelValidation => {
      return { rule: rule.replaceAll('self', 'self.metadata.name'), message, fieldPath: '.metadata.name' };
    }),
  };
}
