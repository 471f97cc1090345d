/** Kubernetes objects as this program handles them: plain JSON with typed metadata. */
import type { V1ManagedFieldsEntry, V1OwnerReference } from '@kubernetes/client-node';

/** A type of @kubernetes/client-node as plain JSON: no class, and `from` where the library says `_from`. */
export type Plain<T> = T extends readonly (infer Entry)[]
  ? Plain<Entry>[]
  : T extends object
    ? { [Name in keyof T as Name extends `_${infer Real}` ? Real : Name]: Plain<T[Name]> }
    : T;

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: Plain<V1OwnerReference>[];
  /** RFC 3339. */
  creationTimestamp?: string;
  /** RFC 3339. */
  deletionTimestamp?: string;
  managedFields?: Plain<V1ManagedFieldsEntry>[];
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
  data?: Record<string, string>;
}

/** A kind of object, and where the API serves it. */
export interface ResourceType {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

function namespaced(apiVersion: string, kind: string, plural: string): ResourceType {
  return { apiVersion, kind, plural, namespaced: true };
}

const ours = 'integrationhub.dev/v1alpha1';

/** Every kind that the operator reads or writes; rbac.yaml grants these and nothing else. */
export const resourceTypes = {
  hub: namespaced(ours, 'Hub', 'hubs'),
  flow: namespaced(ours, 'IntegrationFlow', 'integrationflows'),
  destination: namespaced(ours, 'Destination', 'destinations'),
  replay: namespaced(ours, 'MessageReplay', 'messagereplays'),
  deployment: namespaced('apps/v1', 'Deployment', 'deployments'),
  service: namespaced('v1', 'Service', 'services'),
  configMap: namespaced('v1', 'ConfigMap', 'configmaps'),
  serviceAccount: namespaced('v1', 'ServiceAccount', 'serviceaccounts'),
  role: namespaced('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  roleBinding: namespaced('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings'),
  disruptionBudget: namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  networkPolicy: namespaced('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  autoscaler: namespaced('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  pod: namespaced('v1', 'Pod', 'pods'),
  node: { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false },
  /** Single ones only, those that a Hub connects to Kafka with; no cluster-wide rule grants that. */
  secret: namespaced('v1', 'Secret', 'secrets'),
  lease: namespaced('coordination.k8s.io/v1', 'Lease', 'leases'),
  /** Of the Prometheus Operator, where that is installed. */
  prometheusRule: namespaced('monitoring.coreos.com/v1', 'PrometheusRule', 'prometheusrules'),
  event: namespaced('events.k8s.io/v1', 'Event', 'events'),
} as const satisfies Record<string, ResourceType>;

/** The path of a collection; without a namespace, of all namespaces. */
export function collectionPath(type: ResourceType, namespace?: string): string {
  const root = type.apiVersion.includes('/') ? `/apis/${type.apiVersion}` : `/api/${type.apiVersion}`;
  const inNamespace =
    type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${inNamespace}/${type.plural}`;
}

/** The path of one object, or of a subresource of it such as `status`. */
export function objectPath(
  type: ResourceType,
  metadata: Pick<ObjectMeta, 'name' | 'namespace'>,
  subresource?: string,
): string {
  const path = `${collectionPath(type, metadata.namespace)}/${encodeURIComponent(metadata.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** Whether one resourceVersion of a kind is later than another (they are decimal numbers that only grow). */
export function isLaterVersion(version: string | undefined, than: string | undefined): boolean {
  if (version === undefined || than === undefined || than === '') return true;
  return version.length === than.length ? version > than : version.length > than.length;
}
