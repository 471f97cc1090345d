/** A day of what went through each flow, minute by minute, in memory. */
import type { History as HistoryAnswer } from './api.js';

type Point = HistoryAnswer['points'][number];

/** What was counted of a flow in a stretch of time. */
export interface Counted {
  readonly received: number;
  readonly delivered: number;
  readonly failed: number;
  /** By the upper bounds of their buckets, in seconds: deliveries that took no longer than that. */
  readonly latencies: ReadonlyMap<number, number>;
}

interface Minute {
  /** Milliseconds since 1970. */
  readonly at: number;
  received: number;
  delivered: number;
  failed: number;
  readonly latencies: Map<number, number>;
}

const minuteMs = 60_000;
const mostMinutes = 24 * 60;

export class History {
  readonly #minutes = new Map<string, Minute[]>();

  /** @param now in milliseconds since 1970 */
  add(flow: string, { received, delivered, failed, latencies }: Counted, now: number): void {
    const minute = this.#minute(flow, now);
    minute.received += received;
    minute.delivered += delivered;
    minute.failed += failed;
    for (const [bound, count] of latencies) {
      minute.latencies.set(bound, (minute.latencies.get(bound) ?? 0) + count);
    }
  }

  /** Forgets flows that are not there any more. */
  keep(flows: ReadonlySet<string>): void {
    for (const flow of this.#minutes.keys()) if (!flows.has(flow)) this.#minutes.delete(flow);
  }

  /** The last minutes, the present one last; those before the console began to look are left out. */
  points(flow: string, minutes: number, now: number): Point[] {
    const since = now - minutes * minuteMs;
    return (this.#minutes.get(flow) ?? [])
      .filter(({ at }) => at > since - minuteMs)
      .map(({ at, received, delivered, failed, latencies }) => ({
        ...{ at: new Date(at).toISOString(), received, delivered, failed },
        p50Ms: quantile(latencies, 0.5),
        p99Ms: quantile(latencies, 0.99),
      }));
  }

  /** What was counted in the last minute, the present and the former one by their shares. */
  lastMinute(flow: string, now: number): Omit<Counted, 'latencies'> {
    const [former, present] = [-1, 0].map((offset) => {
      const at = Math.floor(now / minuteMs) * minuteMs + offset * minuteMs;
      return this.#minutes.get(flow)?.findLast((minute) => minute.at === at);
    });
    const share = 1 - (now % minuteMs) / minuteMs;
    const sum = (of: 'received' | 'delivered' | 'failed'): number =>
      (present?.[of] ?? 0) + share * (former?.[of] ?? 0);
    return { received: sum('received'), delivered: sum('delivered'), failed: sum('failed') };
  }

  #minute(flow: string, now: number): Minute {
    const at = Math.floor(now / minuteMs) * minuteMs;
    const minutes = this.#minutes.get(flow) ?? [];
    this.#minutes.set(flow, minutes);
    const last = minutes.at(-1);
    // A clock that was set back goes on with the minute that it had.
    if (last !== undefined && last.at >= at) return last;
    const made = { at, received: 0, delivered: 0, failed: 0, latencies: new Map<number, number>() };
    minutes.push(made);
    if (minutes.length > mostMinutes) minutes.shift();
    return made;
  }
}

/**
 * Within its bucket by a straight line, as Prometheus does.
 *
 * @returns milliseconds; null where nothing was delivered
 */
export function quantile(latencies: ReadonlyMap<number, number>, share: number): number | null {
  const buckets = [...latencies].sort(([a], [b]) => a - b);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return null;
  const wanted = share * total;
  let [lower, below] = [0, 0];
  for (const [bound, upTo] of buckets) {
    if (upTo >= wanted) {
      if (bound === Infinity) return lower * 1_000;
      return 1_000 * (lower + (bound - lower) * (upTo === below ? 1 : (wanted - below) / (upTo - below)));
    }
    [lower, below] = [bound, upTo];
  }
  return lower * 1_000;
}
