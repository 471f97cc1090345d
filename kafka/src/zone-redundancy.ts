/**
 * What becomes of `min.insync.replicas` when a zone is lost. With two copies in each of two zones and three that must
 * be in sync, every acknowledged message is in both zones; and with a zone gone nothing can be acknowledged until the
 * setting is lowered to what the other zone holds. It is raised again when all copies are in sync.
 */
import type { PartitionCopies, TopicAdmin, TopicChange } from './topic-admin.js';

/** The setting that this is about, and that no other part changes in topics that are there. */
export const minInsyncReplicas = 'min.insync.replicas';

/** A topic, and how many of its copies must be in sync. */
export interface TopicRedundancy {
  readonly name: string;
  /** As it should be while no zone is lost. */
  readonly wanted: number;
  readonly current: number;
  readonly partitions: readonly PartitionCopies[];
}

/** What is known of the brokers and topics at one time. */
export interface ZoneObservation {
  /** The zone of every broker that belongs to the cluster, whether it is there or not, by its id. */
  readonly zones: ReadonlyMap<number, string>;
  /** The brokers that are there. */
  readonly alive: ReadonlySet<number>;
  readonly topics: readonly TopicRedundancy[];
}

/** A zone of whose brokers none is there, and since when it has been seen so, in milliseconds of the caller's clock. */
export interface LostZone {
  readonly name: string;
  readonly since: number;
}

export interface ZoneDecision {
  /** Goes into the next decision. */
  readonly lostZone: LostZone | undefined;
  /** What `min.insync.replicas` is to be, by topic; only what must change. */
  readonly changes: ReadonlyMap<string, number>;
}

/**
 * Decides what to change; does no I/O.
 *
 * A zone is lost when none of its brokers is there while each other zone has one. One broker's restart is no loss of
 * a zone that has more, and where no other zone is left nothing is changed. A topic is never lowered below the number
 * of its copies in the zones that are left: what is acknowledged then is on all of these.
 * @param formerlyLost of the decision before; undefined the first time
 * @param now in milliseconds, of a clock that does not jump
 * @param waitMs for how long a zone must have been lost before anything is lowered
 */
export function decideZoneRedundancy(
  observation: ZoneObservation,
  formerlyLost: LostZone | undefined,
  now: number,
  waitMs: number,
): ZoneDecision {
  const { zones, alive, topics } = observation;
  const living = new Set([...zones].filter(([id]) => alive.has(id)).map(([, zone]) => zone));
  const dead = [...new Set(zones.values())].filter((zone) => !living.has(zone));
  const [name] = dead;
  const isOneLost = dead.length === 1 && name !== undefined && living.size > 0;
  const since = formerlyLost?.name === name ? formerlyLost?.since : undefined;
  const lostZone = isOneLost ? { name, since: since ?? now } : undefined;
  const changes = new Map<string, number>();
  for (const topic of topics) {
    const next = nextValue(
      topic,
      zones,
      lostZone !== undefined && now - lostZone.since >= waitMs ? name : undefined,
    );
    if (next !== topic.current) changes.set(topic.name, next);
  }
  return { lostZone, changes };
}

function nextValue(
  { wanted, current, partitions }: TopicRedundancy,
  zones: ReadonlyMap<number, string>,
  lost: string | undefined,
): number {
  if (lost !== undefined) {
    const left = Math.min(
      ...partitions.map(({ replicas }) => replicas.filter((id) => zones.get(id) !== lost).length),
    );
    return left > 0 && left < current ? left : current;
  }
  const isWhole = partitions.every(({ replicas, inSync }) => inSync.length === replicas.length);
  return current < wanted && isWhole ? wanted : current;
}

/**
 * Looks at topics that have their `min.insync.replicas` managed.
 *
 * @param wanted what each topic is to have while no zone is lost; those that are not there yet are left out
 */
export async function observeTopics(
  admin: TopicAdmin,
  wanted: ReadonlyMap<string, number>,
): Promise<TopicRedundancy[]> {
  const copies = await admin.copies([...wanted.keys()]);
  const current = await admin.setting([...copies.keys()], minInsyncReplicas);
  return [...copies].map(([name, partitions]) => ({
    name,
    wanted: wanted.get(name)!,
    current: Number(current.get(name)),
    partitions,
  }));
}

/**
 * Brokers that were gone before anybody could ask them for their zone: where exactly one of the zones that there
 * should be has no broker that is known, they are taken to be that one's. So who begins to watch when a zone is lost
 * already knows that it is. Topics of which then fewer than all but one of the wanted copies would be left are left
 * out of the observation: such a broker may be of another zone, and dead.
 *
 * @param declared the zones that there should be
 */
export function withUnseenBrokers(
  observation: ZoneObservation,
  declared: readonly string[],
): ZoneObservation {
  const known = new Set(observation.zones.values());
  const absent = declared.filter((zone) => !known.has(zone));
  const unseen = new Set(
    observation.topics
      .flatMap(({ partitions }) => partitions.flatMap(({ replicas }) => replicas))
      .filter((id) => !observation.zones.has(id)),
  );
  const [zone] = absent;
  if (absent.length !== 1 || zone === undefined || unseen.size === 0) return observation;
  const zones = new Map([...observation.zones, ...[...unseen].map((id) => [id, zone] as const)]);
  const topics = observation.topics.filter(({ wanted, partitions }) =>
    partitions.every(({ replicas }) => replicas.filter((id) => !unseen.has(id)).length >= wanted - 1),
  );
  return { ...observation, zones, topics };
}

/** Sets what was decided; no other setting of a topic changes. */
export async function applyZoneRedundancy(
  admin: TopicAdmin,
  changes: ReadonlyMap<string, number>,
): Promise<TopicChange[]> {
  return admin.repairSettings(
    [...changes].map(([name, value]) => ({ name, config: { [minInsyncReplicas]: String(value) } })),
  );
}
