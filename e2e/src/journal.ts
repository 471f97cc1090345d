/**
 * The proof that nothing acknowledged was lost: what senders got acknowledged is written down as it happens, what the
 * receiver got is written down as it happens, and at the end the two are compared.
 *
 * Messages are named by control ids of the form `<sender>-<number>`; numbers of one sender grow.
 */

/** What the comparison found. Each list holds control ids. */
export interface Verdict {
  readonly acknowledged: number;
  readonly delivered: number;
  /** Acknowledged to its sender, and never received. */
  readonly lost: string[];
  /** Received again after a later message of its sender: it was not in flight any more. */
  readonly doubled: string[];
  /**
   * Received again, with no later message of its sender in between, or sent again by its sender, which had no answer:
   * it may have been in flight. How many of these there may be is for the test to say, which knows what it broke.
   */
  readonly doubledInFlight: string[];
  /** Received after a later message of the same sender. */
  readonly outOfOrder: string[];
  /** Received with other content than was to be received. */
  readonly altered: string[];
}

interface Arrival {
  readonly controlId: string;
  readonly bytes: Buffer;
  /** Monotonic, in milliseconds. */
  readonly at: number;
}

export class Journal {
  readonly #sent = new Map<string, number>();
  readonly #acknowledged = new Set<string>();
  readonly #arrivals: Arrival[] = [];
  readonly #altered = new Set<string>();
  readonly #expected = new Map<string, Buffer>();

  /** A sender is about to send a message, perhaps again. */
  sending(controlId: string): void {
    this.#sent.set(controlId, (this.#sent.get(controlId) ?? 0) + 1);
  }

  /** What must come out at the receiver for a message, byte for byte. */
  expect(controlId: string, bytes: Buffer): void {
    this.#expected.set(controlId, bytes);
  }

  acknowledged(controlId: string): void {
    this.#acknowledged.add(controlId);
  }

  /** The receiver got a message. */
  arrived(controlId: string, bytes: Buffer): void {
    this.#arrivals.push({ controlId, bytes, at: performance.now() });
    const expected = this.#expected.get(controlId);
    if (expected && !expected.equals(bytes)) this.#altered.add(controlId);
  }

  /** The bytes of each arrival of a message. */
  arrivals(controlId: string): Buffer[] {
    return this.#arrivals
      .filter((arrival) => arrival.controlId === controlId)
      .map((arrival) => arrival.bytes);
  }

  /** Numbers of a sender's messages in the order of their arrival. */
  order(sender: string): number[] {
    return this.#arrivals.flatMap(({ controlId }) =>
      controlId.startsWith(`${sender}-`) ? [Number(controlId.slice(sender.length + 1))] : [],
    );
  }

  /** When each message arrived, in milliseconds of a monotonic clock. */
  get arrivalTimes(): number[] {
    return this.#arrivals.map((arrival) => arrival.at);
  }

  /** When each message first arrived, by its control id; the same clock. */
  firstArrivals(): Map<string, number> {
    return new Map(this.#arrivals.toReversed().map(({ controlId, at }) => [controlId, at]));
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  /** Distinct messages that the receiver got. */
  get arrivedCount(): number {
    return new Set(this.#arrivals.map((arrival) => arrival.controlId)).size;
  }

  /** Whether everything acknowledged has arrived. */
  get complete(): boolean {
    const arrived = new Set(this.#arrivals.map((arrival) => arrival.controlId));
    return [...this.#acknowledged].every((controlId) => arrived.has(controlId));
  }

  verdict(): Verdict {
    const times = new Map<string, number[]>();
    this.#arrivals.forEach(({ controlId }, at) =>
      times.set(controlId, [...(times.get(controlId) ?? []), at]),
    );
    const doubledIds = [...times].filter(([, at]) => at.length > 1);
    const inFlight = ([controlId, at]: [string, number[]]): boolean =>
      (this.#sent.get(controlId) ?? 0) > 1 || !this.#overtaken(controlId, at[0]!, at.at(-1)!);
    return {
      acknowledged: this.#acknowledged.size,
      delivered: this.#arrivals.length,
      lost: [...this.#acknowledged].filter((controlId) => !times.has(controlId)),
      doubled: doubledIds.filter((entry) => !inFlight(entry)).map(([controlId]) => controlId),
      doubledInFlight: doubledIds.filter(inFlight).map(([controlId]) => controlId),
      outOfOrder: this.#outOfOrder(),
      altered: [...this.#altered],
    };
  }

  /** Whether a later message of the same sender arrived between two arrivals. */
  #overtaken(controlId: string, first: number, last: number): boolean {
    const [sender, number] = parts(controlId);
    return this.#arrivals.slice(first + 1, last).some((arrival) => {
      const [otherSender, otherNumber] = parts(arrival.controlId);
      return otherSender === sender && otherNumber > number;
    });
  }

  #outOfOrder(): string[] {
    const highest = new Map<string, number>();
    return this.#arrivals.flatMap(({ controlId }) => {
      const [sender, number] = parts(controlId);
      const before = highest.get(sender) ?? 0;
      highest.set(sender, Math.max(before, number));
      return number < before ? [controlId] : [];
    });
  }
}

/** The sender and the number in a control id. */
function parts(controlId: string): [sender: string, number: number] {
  const dash = controlId.lastIndexOf('-');
  return [controlId.slice(0, dash), Number(controlId.slice(dash + 1))];
}
