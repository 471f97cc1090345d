import { readFileSync } from 'node:fs';
import { loadAllYaml } from '@kubernetes/client-node';
import type { KafkaUser } from '../../kafka/dist/rules-under-test.js';

/** The users of manifests/strimzi/authorized, with their rights. */
export function authorizedUsers(): KafkaUser[] {
  const file = new URL('../../manifests/strimzi/authorized/users.yaml', import.meta.url);
  return (loadAllYaml(readFileSync(file, 'utf8')) as (KafkaUser | null)[]).filter((user) => user !== null);
}
