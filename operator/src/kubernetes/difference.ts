/**
 * Whether an object in the cluster still is as the operator wants it. What the operator doesn't say (the server's
 * defaults, what others have added) may be anything; what it says must be so.
 */
import type { KubeObject } from './object.js';

/**
 * Lists whose entries are merged by a key in server-side apply, so that others may add entries of their own
 * (x-kubernetes-list-type: map in Kubernetes' OpenAPI). All other lists are replaced as a whole.
 */
const mergedLists: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  env: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  ownerReferences: ['uid'],
  imagePullSecrets: ['name'],
};
/** Lists of this name are merged, but for those of a NetworkPolicy. */
const mergedPorts = ['port', 'containerPort', 'protocol'];

/** @returns the path of the first field that is otherwise, such as `spec.replicas`, or undefined where none is */
export function firstDifference(wanted: KubeObject, present: KubeObject): string | undefined {
  return differenceIn(wanted, present, '', wanted.kind === 'NetworkPolicy');
}

function differenceIn(wanted: unknown, present: unknown, path: string, atomic: boolean): string | undefined {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(present)) return wanted.length === 0 && present === undefined ? undefined : path;
    return differenceInList(wanted, present, path, atomic);
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof present !== 'object' || present === null) {
      // The server leaves out what is empty.
      return Object.keys(wanted).length === 0 && present === undefined ? undefined : path;
    }
    for (const [name, value] of Object.entries(wanted)) {
      if (value === undefined) continue;
      const field = path === '' ? name : `${path}.${name}`;
      const found = differenceIn(value, (present as Record<string, unknown>)[name], field, atomic);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return wanted === present ? undefined : path;
}

function differenceInList(
  wanted: readonly unknown[],
  present: readonly unknown[],
  path: string,
  atomic: boolean,
): string | undefined {
  const name = path.slice(path.lastIndexOf('.') + 1);
  const keys = atomic ? undefined : name === 'ports' ? mergedPorts : mergedLists[name];
  if (!keys && wanted.length !== present.length) return path;
  for (const [index, entry] of wanted.entries()) {
    const counterpart = keys ? present.find((other) => haveSameKey(entry, other, keys)) : present[index];
    const found = differenceIn(entry, counterpart, `${path}[${index}]`, atomic);
    if (found !== undefined) return found;
  }
  return undefined;
}

function haveSameKey(one: unknown, other: unknown, keys: readonly string[]): boolean {
  const [a, b] = [one as Record<string, unknown>, other as Record<string, unknown>];
  return keys.every((key) => a[key] === undefined || a[key] === b[key]);
}
