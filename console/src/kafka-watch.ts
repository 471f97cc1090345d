/** What Kafka says: its brokers, and how far each group has come. */
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import type { ConsoleConfiguration, ConsolePlan } from '@integration-hub/api';
import { type GroupProgress, type KafkaConnection, TopicAdmin } from '@integration-hub/kafka';
import { kafkaConnection } from '@integration-hub/workers';
import type { ZoneSummary } from './api.js';

/** Where so few offsets lie between, the messages among them are counted. */
const mostCounted = 1_000;
const everyMs = 2_000;
/** A stop does not wait longer for Kafka. */
const stopMs = 5_000;

interface Measured {
  readonly progress: GroupProgress;
  /** Messages that wait, at most; exactly where the group stands still. */
  readonly waiting: number;
  readonly isExact: boolean;
}

export class KafkaWatch {
  readonly #connection: KafkaConnection;
  readonly #plan: () => ConsolePlan;
  readonly #groups = new Map<string, Measured>();
  readonly #stopping = new AbortController();
  /** Of all brokers that were ever seen. */
  readonly #zoneOf = new Map<number, string>();
  #alive: ReadonlySet<number> | undefined;
  #ended: Promise<void> | undefined;

  constructor({ kafka }: ConsoleConfiguration, plan: () => ConsolePlan) {
    this.#connection = kafkaConnection(kafka, 'console');
    this.#plan = plan;
  }

  start(): void {
    this.#ended = this.#untilStopped();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.race([this.#ended, delay(stopMs, undefined, { ref: false })]);
  }

  /** Whether it answers. */
  get answers(): boolean {
    return this.#alive !== undefined;
  }

  /** Messages that a group has yet to take from a topic; null where it is not known now. */
  waiting(group: string, topic: string): number | null {
    return this.#groups.get(`${group} ${topic}`)?.waiting ?? null;
  }

  /** @param wanted the Hub's zones, which are told of though no broker names them */
  zones(wanted: readonly string[]): ZoneSummary[] {
    const alive = this.#alive;
    if (alive === undefined) return [];
    const names = [...new Set([...wanted, ...this.#zoneOf.values()])].sort();
    return names.map((name) => {
      const ids = [...this.#zoneOf].filter(([, zone]) => zone === name).map(([id]) => id);
      const brokers = ids.sort((a, b) => a - b).map((id) => ({ id, up: alive.has(id) }));
      return { name, brokers, redundant: brokers.some(({ up }) => up) };
    });
  }

  async #untilStopped(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const admin = await TopicAdmin.connect({ connection: this.#connection });
        try {
          for (;;) {
            const begun = performance.now();
            await this.#lookAtBrokers(admin);
            await this.#lookAtGroups(admin);
            // Where there are many groups it takes long, and Kafka is not asked all the time.
            await delay(Math.max(everyMs, performance.now() - begun), undefined, { signal });
          }
        } finally {
          await admin.close();
        }
      } catch {
        // Told to stop, by which the delay ends; or Kafka does not answer, and nothing is known.
        this.#alive = undefined;
        this.#groups.clear();
        await delay(everyMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #lookAtBrokers(admin: TopicAdmin): Promise<void> {
    const alive = new Set((await admin.brokers()).map(({ id }) => id));
    const unknown = [...alive].filter((id) => !this.#zoneOf.has(id));
    if (unknown.length > 0) {
      for (const [id, zone] of await admin.brokerZones(unknown)) this.#zoneOf.set(id, zone);
    }
    this.#alive = alive;
  }

  async #lookAtGroups(admin: TopicAdmin): Promise<void> {
    const { flows, destinations } = this.#plan();
    const wanted = [...flows.flatMap(({ transformer }) => transformer ?? []), ...destinations];
    for (const { group, topic } of wanted) {
      if (this.#stopping.signal.aborted) return;
      const key = `${group} ${topic}`;
      this.#groups.set(key, await measure(admin, group, topic, this.#groups.get(key)));
    }
    const keys = new Set(wanted.map(({ group, topic }) => `${group} ${topic}`));
    for (const key of this.#groups.keys()) if (!keys.has(key)) this.#groups.delete(key);
  }
}

/** Markers of transactions have offsets too. They are told apart only where a group stands still, for that costs. */
async function measure(
  admin: TopicAdmin,
  group: string,
  topic: string,
  former: Measured | undefined,
): Promise<Measured> {
  const progress = await admin.progress(group, topic);
  const behind = Number(progress.behind);
  if (behind === 0) return { progress, waiting: 0, isExact: true };
  const standsStill = isDeepStrictEqual(progress, former?.progress);
  if (standsStill && former?.isExact) return former;
  if (standsStill && behind <= mostCounted) {
    return { progress, waiting: await admin.remaining(group, topic, mostCounted), isExact: true };
  }
  return { progress, waiting: behind, isExact: false };
}
