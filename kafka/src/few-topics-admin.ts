import type { Admin, Kafka } from 'kafkajs';

/** The most topics that one of kafkajs's admins is asked of. */
const MOST_TOPICS = 32;

interface Asked {
  readonly admin: Promise<Admin>;
  readonly topics: Set<string>;
  uses: number;
}

/**
 * Asks of many topics, one after another, through admins each of which is asked of few. kafkajs remembers every topic
 * that an admin was ever asked of, and with each new one fetches the metadata of all of them anew.
 */
export class FewTopicsAdmin {
  readonly #kafka: Kafka;
  #asked: Asked | undefined;

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  /** Asks of one topic; others may be asked of meanwhile. */
  async ask<T>(topic: string, question: (admin: Admin) => Promise<T>): Promise<T> {
    const asked = this.#askedFor(topic);
    asked.topics.add(topic);
    asked.uses += 1;
    try {
      return await question(await asked.admin);
    } finally {
      asked.uses -= 1;
      if (asked !== this.#asked) void endUnused(asked);
    }
  }

  /** Disconnects what nobody waits for any more; the rest ends with its last answer. */
  async close(): Promise<void> {
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked !== undefined) await endUnused(asked);
  }

  #askedFor(topic: string): Asked {
    const former = this.#asked;
    if (former !== undefined && (former.topics.has(topic) || former.topics.size < MOST_TOPICS)) return former;
    const asked: Asked = { admin: this.#connect(), topics: new Set(), uses: 0 };
    this.#asked = asked;
    // Whoever asks is told; the next one tries anew.
    asked.admin.catch(() => {
      if (this.#asked === asked) this.#asked = undefined;
    });
    if (former !== undefined) void endUnused(former);
    return asked;
  }

  async #connect(): Promise<Admin> {
    const admin = this.#kafka.admin();
    await admin.connect();
    return admin;
  }
}

async function endUnused({ admin, uses }: Asked): Promise<void> {
  if (uses > 0) return;
  // One that could not connect has nothing to end.
  await admin.then(
    (connected) => connected.disconnect(),
    () => undefined,
  );
}
