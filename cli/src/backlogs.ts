/** What waits in front of each stage: the messages of its topic that its group has yet to take. */
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { type KafkaAccess, passesOn, type Stage } from '@integration-hub/api';
import { type GroupProgress, TopicAdmin } from '@integration-hub/kafka';
import { kafkaConnection } from '@integration-hub/workers';

/** A number of messages. */
export interface Waiting {
  readonly messages: number;
  /** Where false, there are at most so many: markers of transactions, which have offsets too, are not told apart. */
  readonly isExact: boolean;
}

/** How often it is measured, and how many messages are read to count them, at most. */
const [everyMs, mostRead] = [2_000, 1_000];
/** A stop does not wait longer for Kafka. */
const stopMs = 5_000;

interface Measured {
  readonly progress: GroupProgress;
  readonly waiting: Waiting;
}

/** Measures again and again until it is stopped. While Kafka doesn't answer nothing is known. */
export class Backlogs {
  readonly #stages: readonly Stage[];
  readonly #measured = new Map<Stage, Measured>();
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;

  constructor(kafka: KafkaAccess, stages: readonly Stage[]) {
    this.#stages = stages;
    this.#ended = this.#measureUntilStopped(kafka);
  }

  /** Undefined where it isn't known, and for listeners. */
  waiting(stage: Stage): Waiting | undefined {
    return this.#measured.get(stage)?.waiting;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.race([this.#ended, delay(stopMs, undefined, { ref: false })]);
  }

  async #measureUntilStopped(kafka: KafkaAccess): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      try {
        const connection = kafkaConnection(kafka, 'ihub-up-backlogs');
        const admin = await TopicAdmin.connect({ connection });
        try {
          for (;;) {
            await this.#measureAll(admin);
            await delay(everyMs, undefined, { signal });
          }
        } finally {
          await admin.close();
        }
      } catch {
        // Told to stop, by which the delay ends: what was measured last stays. Or Kafka does not answer.
        if (signal.aborted) return;
        this.#measured.clear();
        await delay(everyMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #measureAll(admin: TopicAdmin): Promise<void> {
    for (const stage of this.#stages) {
      if (this.#stopping.signal.aborted) return;
      const { configuration } = stage;
      if (!passesOn(configuration)) continue;
      const measured = await measure(admin, configuration, this.#measured.get(stage));
      this.#measured.set(stage, measured);
    }
  }
}

async function measure(
  admin: TopicAdmin,
  { group, topic }: { readonly group: string; readonly topic: string },
  former: Measured | undefined,
): Promise<Measured> {
  const progress = await admin.progress(group, topic);
  if (isDeepStrictEqual(progress, former?.progress)) return former!;
  const behind = Number(progress.behind);
  if (behind > mostRead) return { progress, waiting: { messages: behind, isExact: false } };
  const messages = behind === 0 ? 0 : await admin.remaining(group, topic, mostRead);
  return { progress, waiting: { messages, isExact: true } };
}
