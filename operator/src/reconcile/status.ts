/** Writes a resource's status where it differs, and tells of what is new in it by events. */
import { isDeepStrictEqual } from 'node:util';
import type { Condition } from '@integration-hub/api';
import type { KubeObject, ResourceType } from '../kubernetes/object.js';
import { conditionsOf, news, type Finding } from './conditions.js';
import type { World } from './world.js';

/** What a webhook or another version of the CRD made of a status that was written, by uid. */
const settled = new Map<string, string>();

/**
 * @param findings become the conditions
 * @param rest the other fields of the status, without those that are undefined
 */
export async function writeStatus(
  world: World,
  type: ResourceType,
  resource: KubeObject,
  findings: readonly Finding[],
  rest: object = {},
): Promise<void> {
  const { name, namespace, uid, generation } = resource.metadata;
  const present = (resource.status ?? {}) as { conditions?: Condition[] };
  const former = present.conditions ?? [];
  const now = `${new Date(world.now()).toISOString().slice(0, 19)}Z`;
  const status = {
    ...(generation !== undefined && { observedGeneration: generation }),
    conditions: conditionsOf(findings, former, generation, now),
    ...rest,
  };
  if (isDeepStrictEqual(status, present)) return;
  const outcome = JSON.stringify([status, present]);
  if (settled.get(uid!) === outcome) return;
  const written = await world.client.apply(
    type,
    {
      apiVersion: resource.apiVersion,
      kind: resource.kind,
      metadata: { name, ...(namespace !== undefined && { namespace }), uid: uid! },
      status,
    },
    'status',
  );
  world.caches.get(type)!.remember(written);
  if (isDeepStrictEqual(written.status, status)) settled.delete(uid!);
  else settled.set(uid!, JSON.stringify([status, written.status]));
  for (const { type: about, status: is, reason, message } of news(findings, former)) {
    await world.events.record(resource, is === 'True' ? 'Normal' : 'Warning', reason, `${about}: ${message}`);
  }
}
