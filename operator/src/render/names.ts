/** Labels and annotations, by which objects are found again. */
import { createHash } from 'node:crypto';
import { apiVersion, type Stage } from '@integration-hub/api';

const domain = apiVersion.split('/')[0]!;

/** What all objects of the operator carry. */
export const managedLabels = {
  'app.kubernetes.io/part-of': 'integration-hub',
  'app.kubernetes.io/managed-by': 'integration-hub-operator',
} as const;

/** It watches by this. */
export const managedBySelector = `app.kubernetes.io/managed-by=${managedLabels['app.kubernetes.io/managed-by']}`;

/** The kinds whose messages are worked on, and the Hub that keeps them: each owns the objects that are made for it. */
export type OwnerKind = 'IntegrationFlow' | 'Destination' | 'Hub';

/** The label that says for which resource an object was made. */
export const ownerLabels: Readonly<Record<OwnerKind, string>> = {
  IntegrationFlow: `${domain}/flow`,
  Destination: `${domain}/destination`,
  Hub: `${domain}/hub`,
};

export const annotations = {
  /** On a resource of ours, or a Hub for all of its namespace: "true" has the operator leave it alone. */
  paused: `${domain}/paused`,
  /** On made objects: the hash of all that the operator said of it, so that what it no longer says is noticed. */
  appliedHash: `${domain}/applied-hash`,
  /** On pods: the hash of their configuration, so that a change rolls them. */
  configurationHash: `${domain}/configuration-hash`,
} as const;

/** Holds a resource that is deleted until its messages are delivered. */
export const drainFinalizer = `${domain}/drain`;

/** Labels that tell the pods of one stage from all others; a Deployment's can't be changed. */
export function selectorLabels(stageName: string): Record<string, string> {
  return { 'app.kubernetes.io/name': 'integration-hub', 'app.kubernetes.io/instance': stageName };
}

/** Labels of the pods of all stages. */
export const workerSelector: Readonly<Record<string, string>> = {
  'app.kubernetes.io/name': 'integration-hub',
  'app.kubernetes.io/managed-by': 'integration-hub-operator',
};

/** All labels of a stage's objects. */
export function stageLabels(stage: Pick<Stage, 'name' | 'role' | 'owner'>): Record<string, string> {
  const [kind, name] = stage.owner.split('/') as [OwnerKind, string];
  return {
    ...selectorLabels(stage.name),
    'app.kubernetes.io/component': stage.role,
    ...managedLabels,
    [ownerLabels[kind]]: name,
  };
}

/** A short hash of JSON; the order of its keys counts. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
