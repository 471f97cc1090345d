import type { ApiClient } from './api-client.js';
import type { ResourceType } from './object.js';

export interface OptionalKindOptions {
  readonly type: ResourceType;
  readonly client: ApiClient;
  /** How often the API server is asked while it does not serve the kind, in milliseconds. */
  readonly everyMs: number;
  /** Is told once that it serves it. */
  readonly onServed: () => void;
}

/** A kind that others may install, now or later, or never. */
export class OptionalKind {
  readonly #options: OptionalKindOptions;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: OptionalKindOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { client, type, everyMs, onServed } = this.#options;
    // An API server that does not answer now is asked again like one that says no.
    const isServed = await client.serves(type).catch(() => false);
    if (this.#isStopped) return;
    if (isServed) onServed();
    else this.#timer = setTimeout(() => void this.#look(), everyMs);
  }
}
