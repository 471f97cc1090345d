/** Brings objects into the cluster, and writes only what differs from what is there. */
import type { ApiClient } from './kubernetes/api-client.js';
import { firstDifference } from './kubernetes/difference.js';
import type { KubeObject, ResourceType } from './kubernetes/object.js';
import type { Reflector } from './kubernetes/reflector.js';
import { annotations, hashOf } from './render/names.js';
import type { Rendered } from './render/stage-objects.js';

export interface ApplierOptions {
  readonly client: ApiClient;
  /** The copies of the objects, by kind. */
  readonly caches: ReadonlyMap<ResourceType, Reflector>;
  /** Is told what is written and why. */
  readonly onApply: (object: KubeObject, why: string) => void;
}

export class Applier {
  readonly #options: ApplierOptions;
  /** What the API server made of a write that did not come out as asked, for example for a webhook's changes. */
  readonly #settled = new Map<string, string>();

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  /** @returns whether something was written */
  async apply({ type, object }: Rendered): Promise<boolean> {
    const { client, caches, onApply } = this.#options;
    const { name, namespace } = object.metadata;
    const cache = caches.get(type)!;
    const present = cache.get(namespace, name);
    const wanted = stamped(object);
    const key = `${type.kind}/${namespace ?? ''}/${name}`;
    if (present) {
      const difference = firstDifference(wanted, present);
      if (difference === undefined) return false;
      if (this.#settled.get(key) === settlement(wanted, present)) return false;
      onApply(object, `${difference} differed`);
    } else {
      onApply(object, 'it was missing');
    }
    const made = await client.apply(type, wanted);
    cache.remember(made);
    if (firstDifference(wanted, made) === undefined) this.#settled.delete(key);
    else this.#settled.set(key, settlement(wanted, made));
    return true;
  }

  /** Deletes an object; it is out of the copy when the watch says so. */
  async remove(type: ResourceType, object: KubeObject, why: string): Promise<void> {
    if (object.metadata.deletionTimestamp !== undefined) return;
    this.#options.onApply(object, `removed: ${why}`);
    await this.#options.client.delete(type, object);
    this.#settled.delete(`${type.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name}`);
  }
}

/** With the hash of all that is said, so that a field which is no longer said makes a difference. */
export function stamped(object: KubeObject): KubeObject {
  const { metadata } = object;
  return {
    ...object,
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [annotations.appliedHash]: hashOf(object) },
    },
  };
}

/** What was asked for and what is there, but for what changes by itself. */
function settlement(wanted: KubeObject, present: KubeObject): string {
  const { metadata, ...content } = present;
  const { labels, annotations: notes, ownerReferences } = metadata;
  return hashOf([wanted, { ...content, status: undefined }, labels, notes, ownerReferences]);
}
