/** Reads what workers have counted off their /metrics. */
import { readExposition } from '@integration-hub/workers';
import type { WorkerProcess } from './worker-process.js';

const names = {
  received: 'ihub_messages_received_total',
  acknowledged: 'ihub_messages_acknowledged_total',
  rejected: 'ihub_messages_rejected_total',
  transformed: 'ihub_messages_transformed_total',
  sent: 'ihub_messages_sent_total',
  archived: 'ihub_archived_records_total',
  failures: 'ihub_delivery_failures_total',
  deadLetters: 'ihub_dead_letters_total',
} as const;
type Count = keyof typeof names;
const counted = Object.keys(names) as Count[];

/** What one stage has counted since `ihub up` began, over all starts of its process. */
export interface Counts extends Readonly<Record<Count, number>> {
  /** Of what is counted by its code, how often each: `{ rejected: { BAD_VERSION: 2 } }`. */
  readonly codes: Readonly<Partial<Record<Count, Readonly<Record<string, number>>>>>;
}

const none: Counts = {
  received: 0,
  acknowledged: 0,
  rejected: 0,
  transformed: 0,
  sent: 0,
  archived: 0,
  failures: 0,
  deadLetters: 0,
  codes: {},
};

/** Sums the samples of each counter in a Prometheus text exposition. */
export function sumCounters(exposition: string): Counts {
  let sum = none;
  for (const { name, labels, value } of readExposition(exposition)) {
    const count = counted.find((one) => names[one] === name);
    if (count === undefined) continue;
    const { code } = labels;
    const codes = code === undefined ? {} : { [count]: { [code]: value } };
    sum = add(sum, { ...none, [count]: value, codes });
  }
  return sum;
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
  const sums = Object.fromEntries(counted.map((count) => [count, one[count] + other[count]]));
  const codes: Partial<Record<Count, Record<string, number>>> = {};
  for (const { codes: each } of [one, other]) {
    for (const [count, values] of Object.entries(each) as [Count, Record<string, number>][]) {
      const sum = (codes[count] ??= {});
      for (const [code, value] of Object.entries(values)) sum[code] = (sum[code] ?? 0) + value;
    }
  }
  return { ...(sums as Record<Count, number>), codes };
}
