import { createHash } from 'node:crypto';

/** What the ledger found. Lists hold control ids. */
export interface Findings {
  readonly acknowledged: number;
  /** Arrivals at the receiver, repeated ones included. */
  readonly delivered: number;
  /** Acknowledged to its sender, and never received. */
  readonly lost: readonly string[];
  /** Received with other bytes than were to come out. */
  readonly altered: readonly string[];
  /** Received for the first time after a later message of its sender. */
  readonly outOfOrder: readonly string[];
  /** Sent once, and received again after a later message of its sender: it was not in flight any more. */
  readonly doubled: readonly string[];
  /**
   * Sent again by its sender, which had no answer; and the copy was received after a later message of that sender, so
   * that the receiver may have put an older state over a newer one.
   */
  readonly lateCopies: readonly string[];
  /** Received again before any later message of its sender: it was in flight, at a sender or at the hub. */
  readonly doubledInFlight: readonly string[];
}

/** The lists of findings that must be empty, whatever was broken. */
export const WRONGS = ['lost', 'altered', 'outOfOrder', 'doubled', 'lateCopies'] as const;

interface Sent {
  times: number;
  readonly digest: string;
  acknowledged: boolean;
  /** When it came, in milliseconds of a monotonic clock. */
  readonly arrivals: number[];
}

/** A time without an arrival. */
export interface Gap {
  readonly ms: number;
  /** When it ended, ISO 8601; to find it in the logs. */
  readonly until: string;
}

/**
 * Compares what was acknowledged to senders with what the receiver got; both are told to it as they happen. Messages
 * are named `<sender>-<number>`, with numbers that grow, and a sender's messages have one key. Control ids that were
 * never said to be sent are left out of account.
 */
export class Ledger {
  readonly #messages = new Map<string, Sent>();
  readonly #highest = new Map<string, number>();
  readonly #wrong = {
    altered: new Set<string>(),
    outOfOrder: new Set<string>(),
    doubled: new Set<string>(),
    lateCopies: new Set<string>(),
    doubledInFlight: new Set<string>(),
  };
  #acknowledged = 0;
  #delivered = 0;
  /** Acknowledged and not arrived, and when each was acknowledged, the oldest first. */
  readonly #awaited = new Map<string, number>();
  #lastArrival = performance.now();
  #longestGap: Gap = { ms: 0, until: '' };

  /** @param expected what must come out at the receiver, byte for byte */
  sending(controlId: string, expected: Buffer): void {
    const message = this.#messages.get(controlId);
    if (message) message.times += 1;
    else
      this.#messages.set(controlId, {
        times: 1,
        digest: digest(expected),
        acknowledged: false,
        arrivals: [],
      });
  }

  acknowledged(controlId: string): void {
    const message = this.#messages.get(controlId);
    if (!message || message.acknowledged) return;
    message.acknowledged = true;
    this.#acknowledged += 1;
    if (message.arrivals.length === 0) this.#awaited.set(controlId, performance.now());
  }

  arrived(controlId: string, bytes: Buffer): void {
    const message = this.#messages.get(controlId);
    if (!message) return;
    const now = performance.now();
    this.#noteGap(now);
    this.#delivered += 1;
    message.arrivals.push(now);
    this.#awaited.delete(controlId);
    if (digest(bytes) !== message.digest) this.#wrong.altered.add(controlId);
    const dash = controlId.lastIndexOf('-');
    const [sender, number] = [controlId.slice(0, dash), Number(controlId.slice(dash + 1))];
    const highest = this.#highest.get(sender) ?? 0;
    this.#highest.set(sender, Math.max(highest, number));
    if (message.arrivals.length === 1) {
      if (number < highest) this.#wrong.outOfOrder.add(controlId);
    } else if (number >= highest) this.#wrong.doubledInFlight.add(controlId);
    else if (message.times > 1) this.#wrong.lateCopies.add(controlId);
    else this.#wrong.doubled.add(controlId);
  }

  /** The longest time without an arrival since this was last asked. */
  takeLongestGap(): Gap {
    this.#noteGap(performance.now());
    const gap = this.#longestGap;
    this.#longestGap = { ms: 0, until: '' };
    return gap;
  }

  #noteGap(now: number): void {
    const ms = Math.round(now - this.#lastArrival);
    if (ms > this.#longestGap.ms) this.#longestGap = { ms, until: new Date().toISOString() };
    this.#lastArrival = now;
  }

  get acknowledgedCount(): number {
    return this.#acknowledged;
  }

  /** Arrivals at the receiver, repeated ones included. */
  get deliveredCount(): number {
    return this.#delivered;
  }

  /** Messages that are acknowledged and have not arrived. */
  get awaitedCount(): number {
    return this.#awaited.size;
  }

  /** Whether all has arrived that had been acknowledged by then, in milliseconds of a monotonic clock. */
  hasArrived(acknowledgedBy = Infinity): boolean {
    const [oldest] = this.#awaited.values();
    return oldest === undefined || oldest > acknowledgedBy;
  }

  /** When a message arrived, in seconds since another time of the same monotonic clock. */
  arrivalsOf(controlId: string, since: number): number[] {
    const arrivals = this.#messages.get(controlId)?.arrivals ?? [];
    return arrivals.map((at) => Math.round((at - since) / 100) / 10);
  }

  /** @param isOver whether what has not arrived is lost; otherwise it may be on its way */
  findings(isOver = true): Findings {
    const lost = [...this.#messages].filter(
      ([, { acknowledged, arrivals }]) => isOver && acknowledged && arrivals.length === 0,
    );
    return {
      acknowledged: this.#acknowledged,
      delivered: this.#delivered,
      lost: lost.map(([controlId]) => controlId),
      altered: [...this.#wrong.altered],
      outOfOrder: [...this.#wrong.outOfOrder],
      doubled: [...this.#wrong.doubled],
      lateCopies: [...this.#wrong.lateCopies],
      doubledInFlight: [...this.#wrong.doubledInFlight],
    };
  }
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64');
}
