/** Watches the brokers of one Kafka by zone, and keeps `min.insync.replicas` as a lost zone wants it. */
import {
  applyZoneRedundancy,
  decideZoneRedundancy,
  observeZones,
  type LostZone,
  type TopicAdmin,
  type TopicChange,
} from '@integration-hub/kafka';

/** Kafka's own topics, without which no group reads and no transaction ends. */
const ownTopics = ['__consumer_offsets', '__transaction_state'];

export interface ZonesState {
  /** The zones that brokers have named. */
  readonly zones: readonly string[];
  /** The zone of which no broker is there. */
  readonly lost: { readonly name: string; readonly since: string; readonly isLowered: boolean } | undefined;
}

export class ZoneWatch {
  readonly #lowerAfterMs: number | undefined;
  readonly #recheckMs: number;
  #zones: ReadonlyMap<number, string> = new Map();
  #alive = '';
  #lost: LostZone | undefined;
  #lostAt = '';
  #lookedAt = -Infinity;
  #isWhole = false;

  /**
   * @param lowerAfterMs for how long a zone must be lost before topics are lowered; undefined: a person does that
   * @param recheckMs how often topics are looked at where all is well, in milliseconds
   */
  constructor(lowerAfterMs: number | undefined, recheckMs: number) {
    this.#lowerAfterMs = lowerAfterMs;
    this.#recheckMs = recheckMs;
  }

  get state(): ZonesState {
    const zones = [...new Set(this.#zones.values())].filter((zone) => zone !== '').sort();
    if (this.#lost === undefined) return { zones, lost: undefined };
    const { name, since } = this.#lost;
    const isLowered = this.#lowerAfterMs !== undefined && this.#lookedAt - since >= this.#lowerAfterMs;
    return { zones, lost: { name, since: this.#lostAt, isLowered } };
  }

  /**
   * Looks at the brokers, and at the topics where there may be something to change.
   *
   * @param wanted what each topic is to have while no zone is lost
   * @returns what it changed, and how many brokers are there
   */
  async look(
    admin: TopicAdmin,
    wanted: ReadonlyMap<string, number>,
  ): Promise<{ readonly brokers: number; readonly changes: readonly TopicChange[] }> {
    const now = performance.now();
    const present = (await admin.brokers()).map(({ id }) => id).sort((a, b) => a - b);
    const alive = present.join(' ');
    const isQuiet = alive === this.#alive && this.#lost === undefined && this.#isWhole;
    if (isQuiet && now - this.#lookedAt < this.#recheckMs) return { brokers: present.length, changes: [] };

    const most = Math.max(0, ...wanted.values());
    const all = this.#lowerAfterMs === undefined ? wanted : new Map([...wanted, ...ownTopics.map((name) => [name, most] as const)]); // prettier-ignore
    const observation = await observeZones(admin, all, this.#zones);
    // One that has fewer copies than our topics is not made to need more than half of them.
    const topics = observation.topics.map((topic) => {
      if (!ownTopics.includes(topic.name)) return topic;
      const copies = Math.min(...topic.partitions.map(({ replicas }) => replicas.length));
      return { ...topic, wanted: Math.min(topic.wanted, Math.floor(copies / 2) + 1) };
    });
    const decision = decideZoneRedundancy(
      { ...observation, topics },
      this.#lost,
      now,
      this.#lowerAfterMs ?? Infinity,
    );
    if (decision.lostZone?.name !== this.#lost?.name) this.#lostAt = new Date().toISOString();
    const changes = await applyZoneRedundancy(admin, decision.changes);
    this.#zones = observation.zones;
    this.#lost = decision.lostZone;
    this.#alive = alive;
    this.#lookedAt = now;
    this.#isWhole = topics.every(({ current, wanted: value, partitions }) => {
      const inSync = partitions.every(({ replicas, inSync: copies }) => replicas.length === copies.length);
      return inSync && current >= value;
    });
    return { brokers: present.length, changes };
  }
}
