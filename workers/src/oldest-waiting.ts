/** How long the oldest message of each partition has waited for its stage, as /metrics shows it. */
import type { IncomingBatch } from '@integration-hub/kafka';
import { Gauge, type Registry } from 'prom-client';

/** So long after a batch its last record still counts: the next one, which is no older, may be on its way. */
const betweenBatchesMs = 5_000;

interface Partition {
  readonly lost: AbortSignal;
  readonly labels: Partial<Record<Label, string>>;
  /** Milliseconds since 1970; undefined where nothing is known to wait. */
  oldest: () => number | undefined;
  readonly last: number;
  endedAt: number | undefined;
}

type Label = 'stage' | 'flow' | 'destination' | 'partition';

export class OldestWaiting {
  readonly #partitions = new Map<string, Partition>();

  constructor(registry: Registry) {
    const partitions = this.#partitions;
    new Gauge({
      name: 'ihub_oldest_waiting_seconds',
      help: 'Time that the oldest message has waited in the stage’s topic; 0: none waits',
      labelNames: ['stage', 'flow', 'destination', 'partition'] satisfies Label[],
      registers: [registry],
      collect() {
        this.reset();
        const now = Date.now();
        const ages = new Map<string, { labels: Partition['labels']; seconds: number }>();
        for (const [key, partition] of partitions) {
          // Another has it now, and says so.
          if (partition.lost.aborted) partitions.delete(key);
          else {
            const seconds = secondsSince(oldestOf(partition, now), now);
            const series = JSON.stringify(partition.labels);
            const former = ages.get(series)?.seconds ?? 0;
            ages.set(series, { labels: partition.labels, seconds: Math.max(former, seconds) });
          }
        }
        for (const { labels, seconds } of ages.values()) this.set(labels, seconds);
      },
    });
  }

  /**
   * A batch is in hand.
   *
   * @param labels of the series; partitions that have the same make one, of the oldest of all
   * @param oldest the time of the oldest record that is not done, in milliseconds since 1970, also after the batch's
   *   end, for those who keep records in hand; without it, the whole batch waits until its end
   * @returns what is to be called at its end
   */
  begin(batch: IncomingBatch, labels: Partition['labels'], oldest?: () => number | undefined): () => void {
    const { topic, partition, records, lost } = batch;
    const [first, last] = [records[0]!.timestamp, records.at(-1)!.timestamp];
    const entry: Partition = { lost, labels, oldest: oldest ?? (() => first), last, endedAt: undefined };
    this.#partitions.set(`${topic}/${partition}`, entry);
    return () => {
      if (oldest === undefined) entry.oldest = () => undefined;
      entry.endedAt = Date.now();
    };
  }
}

function oldestOf({ oldest, last, endedAt }: Partition, now: number): number | undefined {
  return oldest() ?? (endedAt !== undefined && now - endedAt < betweenBatchesMs ? last : undefined);
}

function secondsSince(at: number | undefined, now: number): number {
  return at === undefined ? 0 : Math.max(0, now - at) / 1_000;
}
