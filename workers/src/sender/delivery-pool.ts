/** A destination's connections: as many deliveries at a time, in the order in which they were asked for. */
import type { SenderConfiguration } from '@integration-hub/api';
import { Delivery } from './delivery.js';

export class DeliveryPool {
  readonly #free: Delivery[];
  readonly #all: readonly Delivery[];
  readonly #waiting: ((delivery: Delivery) => void)[] = [];

  constructor(configuration: Pick<SenderConfiguration, 'mllp' | 'ackTimeoutMs' | 'destination'>) {
    this.#all = Array.from({ length: configuration.mllp.connections }, () => new Delivery(configuration));
    this.#free = [...this.#all].reverse();
  }

  /** Works with a connection that nobody else uses meanwhile. Of those that are free, the one used last is taken. */
  async with<T>(work: (delivery: Delivery) => Promise<T>): Promise<T> {
    const delivery = this.#free.pop() ?? (await new Promise<Delivery>((turn) => this.#waiting.push(turn)));
    try {
      return await work(delivery);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(delivery);
      else next(delivery);
    }
  }

  close(): void {
    for (const delivery of this.#all) delivery.close();
  }
}
