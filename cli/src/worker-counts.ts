/** Reads what workers have counted off their /metrics. */
import type { WorkerProcess } from './worker-process.js';

/** What one stage has counted since `ihub up` began, over all starts of its process. */
export interface Counts {
  readonly received: number;
  readonly acknowledged: number;
  readonly rejected: number;
  readonly transformed: number;
  readonly sent: number;
  readonly failures: number;
  readonly deadLetters: number;
}

const names: Readonly<Record<keyof Counts, string>> = {
  received: 'ihub_messages_received_total',
  acknowledged: 'ihub_messages_acknowledged_total',
  rejected: 'ihub_messages_rejected_total',
  transformed: 'ihub_messages_transformed_total',
  sent: 'ihub_messages_sent_total',
  failures: 'ihub_delivery_failures_total',
  deadLetters: 'ihub_dead_letters_total',
};
const none: Counts = {
  received: 0,
  acknowledged: 0,
  rejected: 0,
  transformed: 0,
  sent: 0,
  failures: 0,
  deadLetters: 0,
};

/** Sums the samples of each counter in a Prometheus text exposition. */
export function sumCounters(exposition: string): Counts {
  const sums: Record<keyof Counts, number> = { ...none };
  for (const [count, name] of Object.entries(names) as [keyof Counts, string][]) {
    for (const [, value] of exposition.matchAll(new RegExp(`^${name}(?:\\{.*\\})? ([0-9.e+]+)$`, 'gm'))) {
      sums[count] += Number(value);
    }
  }
  return sums;
}

/** Keeps a stage's counts going over restarts of its process, each of which begins at nought. */
export class StageCounts {
  #ofFormerProcesses = none;
  #ofThisProcess = none;
  #pid: number | undefined;

  get counts(): Counts {
    return add(this.#ofFormerProcesses, this.#ofThisProcess);
  }

  /** Asks the worker; a worker that does not answer has counted what it had when it last did. */
  async refresh(worker: WorkerProcess): Promise<void> {
    const { httpPort, pid } = worker;
    if (httpPort === undefined) return;
    try {
      const response = await fetch(`http://127.0.0.1:${httpPort}/metrics`, {
        signal: AbortSignal.timeout(1_000),
      });
      const counts = sumCounters(await response.text());
      if (pid !== this.#pid) {
        this.#ofFormerProcesses = this.counts;
        this.#pid = pid;
      }
      this.#ofThisProcess = counts;
    } catch {
      // It is starting or ending.
    }
  }
}

function add(one: Counts, other: Counts): Counts {
  const keys = Object.keys(none) as (keyof Counts)[];
  return Object.fromEntries(keys.map((key) => [key, one[key] + other[key]])) as Record<keyof Counts, number>;
}
