/** What the workers say of themselves: asked at their /metrics and /readyz, again and again. */
import { lookup } from 'node:dns/promises';
import type { ConsoleConfiguration, ConsolePlan } from '@integration-hub/api';
import { readExposition, type Sample } from '@integration-hub/workers';

export interface WatchedWorker {
  readonly address: string;
  readonly stage: string;
  /** '' where it is not known. */
  readonly zone: string;
  readonly up: boolean;
  readonly ready: boolean;
  /** What it showed when it last answered. */
  readonly samples: readonly Sample[];
}

/** How much a counter has grown since the former look, over all workers. */
export type Growth = (name: string, labels: Readonly<Record<string, string>>) => number;

/** One look at all workers. */
export interface WorkersLook {
  /** Of a monotonic clock, in milliseconds. */
  readonly at: number;
  readonly workers: readonly WatchedWorker[];
  readonly grown: readonly Sample[];
}

interface Address {
  readonly host: string;
  readonly port: number;
  /** Where it is known beforehand. */
  readonly stage?: string;
}

interface Known extends WatchedWorker {
  readonly missed: number;
}

const answerMs = 2_000;
const atOnce = 32;
/** A worker that has not answered so often and is not named any more is gone. */
const mostMissed = 15;
const STARTED = 'ihub_worker_started_timestamp_seconds';

export class WorkerWatch {
  readonly #service: ConsoleConfiguration['workers'];
  readonly #known = new Map<string, Known>();

  constructor(service: ConsoleConfiguration['workers']) {
    this.#service = service;
  }

  /** Asks all workers once. Never rejects: who doesn't answer is not up. */
  async look(plan: ConsolePlan): Promise<WorkersLook> {
    const addresses = await this.#addresses(plan);
    const named = new Set(addresses.map(({ host, port }) => `${host}:${port}`));
    const grown: Sample[] = [];
    const waiting = [...addresses];
    const ask = async (): Promise<void> => {
      for (let address = waiting.pop(); address !== undefined; address = waiting.pop()) {
        const key = `${address.host}:${address.port}`;
        const former = this.#known.get(key);
        const answer = await askWorker(address);
        if (answer === undefined) {
          const lost = former ?? unknown(key, address.stage ?? '');
          this.#known.set(key, { ...lost, up: false, ready: false, missed: lost.missed + 1 });
          continue;
        }
        const started = answer.samples.find(({ name }) => name === STARTED);
        const stage = started?.labels['stage'] ?? address.stage ?? '';
        const zone = started?.labels['zone'] ?? '';
        if (stage === '') continue; // No worker of ours.
        grown.push(...growthOf(former?.samples, answer.samples));
        this.#known.set(key, { address: key, stage, zone, up: true, missed: 0, ...answer });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, ask));
    for (const [key, { missed }] of this.#known) {
      if (!named.has(key) || missed > mostMissed) this.#known.delete(key);
    }
    return { at: performance.now(), workers: [...this.#known.values()], grown };
  }

  async #addresses({ workers }: ConsolePlan): Promise<Address[]> {
    if (this.#service === null) return workers ?? [];
    const { host, port } = this.#service;
    const found = await lookup(host, { all: true }).catch(() => []);
    return found.map(({ address, family }) => ({ host: family === 6 ? `[${address}]` : address, port }));
  }
}

function unknown(address: string, stage: string): Known {
  return { address, stage, zone: '', up: false, ready: false, samples: [], missed: 0 };
}

async function askWorker({
  host,
  port,
}: Address): Promise<Pick<WatchedWorker, 'ready' | 'samples'> | undefined> {
  const signal = AbortSignal.timeout(answerMs);
  try {
    const [metrics, ready] = await Promise.all(
      ['metrics', 'readyz'].map((path) => fetch(`http://${host}:${port}/${path}`, { signal })),
    );
    const text = await metrics!.text();
    await ready!.body?.cancel();
    const samples = readExposition(text).filter(({ name }) => name.startsWith('ihub_'));
    return { ready: ready!.ok, samples };
  } catch {
    return undefined;
  }
}

/** By how much counters and the counts of histograms have grown; a worker that was started anew began at nought. */
function growthOf(former: readonly Sample[] | undefined, now: readonly Sample[]): Sample[] {
  const keyOf = ({ name, labels }: Sample): string => name + JSON.stringify(labels);
  // What it had counted before the console first looked says nothing of now.
  if (former === undefined) return [];
  const before = new Map(former.map((sample) => [keyOf(sample), sample.value]));
  const startOf = (samples: readonly Sample[]): number | undefined =>
    samples.find(({ name }) => name === STARTED)?.value;
  const isAnew = startOf(former) !== startOf(now);
  return now.flatMap((sample) => {
    if (!/_(total|bucket|count)$/.test(sample.name)) return [];
    const base = isAnew ? 0 : (before.get(keyOf(sample)) ?? 0);
    return sample.value > base ? [{ ...sample, value: sample.value - base }] : [];
  });
}
