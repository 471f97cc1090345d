/**
 * A copy of one kind's objects that follows the API server: list, then watch. It lists anew on a timer, when the
 * server has forgotten where the watch was (410, as a status or as an event), when nothing was heard for too long,
 * and when the connection was lost. A watch that the server ends in its time goes on from where it was.
 *
 * The informer of @kubernetes/client-node stops at the first error that isn't 410, and trusts a silent connection.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient, ListOptions, WatchEvent } from './api-client.js';
import { ApiError } from './api-error.js';
import { isLaterVersion, type KubeObject, type ResourceType } from './object.js';

export interface ReflectorOptions extends ListOptions {
  readonly client: ApiClient;
  readonly type: ResourceType;
  /** No event and no bookmark for so long, in milliseconds: the connection is taken for dead. */
  readonly silenceMs: number;
  /** A whole list at least so often, in milliseconds. */
  readonly relistMs: number;
  /** Objects are indexed by these; see `indexed`. */
  readonly indexBy?: (object: KubeObject) => string | undefined;
  /** Keeps only what is needed of an object. */
  readonly trim?: (object: KubeObject) => KubeObject;
  /** Is told of every difference: `object` undefined: gone; `former` undefined: new. */
  readonly onChange: (object: KubeObject | undefined, former: KubeObject | undefined) => void;
  /** Is told why a watch ended otherwise than in its time. */
  readonly onRestart?: (reason: string, error: unknown) => void;
}

const [firstWaitMs, longestWaitMs] = [200, 10_000];

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #objects = new Map<string, KubeObject>();
  readonly #index = new Map<string, Set<string>>();
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** The version that has been seen wholly; empty: a list is needed. */
  #version = '';
  /** The latest version heard of, also when a list is needed. */
  #seen = '';
  #listedAt = 0;
  #failures = 0;
  #synced = false;
  #denied = false;

  constructor(options: ReflectorOptions) {
    this.#options = options;
  }

  /** Whether it has had a whole list. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Whether the API server refuses the list (403): what is missing is then unknown, not absent. */
  get denied(): boolean {
    return this.#denied;
  }

  get(namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#objects.get(keyOf(namespace, name));
  }

  values(): Iterable<KubeObject> {
    return this.#objects.values();
  }

  /** The objects for which `indexBy` gives this. */
  indexed(index: string): KubeObject[] {
    return [...(this.#index.get(index) ?? [])].map((key) => this.#objects.get(key)!);
  }

  /**
   * Takes an object as the API server answered a write, so that what was just written is not written again before the
   * watch tells of it.
   */
  remember(object: KubeObject): void {
    // Up to #version the watch has told everything, the object's deletion perhaps as well.
    if (isLaterVersion(object.metadata.resourceVersion, this.#version)) this.#put(object);
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!this.#isStopped()) {
      try {
        if (this.#version === '' || Date.now() - this.#listedAt >= this.#options.relistMs) await this.#list();
        await this.#watch();
        this.#failures = 0;
      } catch (error) {
        if (this.#isStopped()) return;
        this.#version = '';
        this.#options.onRestart?.(error instanceof ApiError ? error.code : 'Error', error);
        await sleep(this.#waitMs(error), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #waitMs(error: unknown): number {
    // Neither says that the server is in trouble, so there is no reason to wait.
    if (error instanceof ApiError && (error.status === 410 || error.code === 'Silent')) return 0;
    this.#failures += 1;
    const wait = Math.min(longestWaitMs, firstWaitMs * 2 ** (this.#failures - 1));
    return Math.max(wait * (0.8 + 0.4 * Math.random()), error instanceof ApiError ? error.retryAfterMs : 0);
  }

  async #list(): Promise<void> {
    const { client, type } = this.#options;
    let list: Awaited<ReturnType<ApiClient['list']>>;
    try {
      list = await client.list(type, this.#options);
      this.#denied = false;
    } catch (error) {
      this.#denied ||= error instanceof ApiError && error.status === 403;
      throw error;
    }
    // Versions only grow, unless etcd was restored from a backup: then what is known counts for nothing.
    const wasRestored = this.#seen !== '' && isLaterVersion(this.#seen, list.resourceVersion);
    const gone = new Set(this.#objects.keys());
    for (const item of list.items) {
      gone.delete(keyOf(item.metadata.namespace, item.metadata.name));
      this.#put(item, wasRestored);
    }
    for (const key of gone) {
      const { resourceVersion } = this.#objects.get(key)!.metadata;
      // Else it was made, and remembered, after the list was taken.
      if (wasRestored || isLaterVersion(list.resourceVersion, resourceVersion)) this.#drop(key);
    }
    this.#version = list.resourceVersion;
    this.#seen = list.resourceVersion;
    this.#listedAt = Date.now();
    this.#synced = true;
  }

  async #watch(): Promise<void> {
    const { client, type, relistMs, silenceMs } = this.#options;
    const leftMs = Math.max(1_000, this.#listedAt + relistMs - Date.now());
    await client.watch(
      type,
      {
        ...this.#options,
        resourceVersion: this.#version,
        // Spread, so that all watches don't end together.
        timeoutSeconds: Math.ceil((Math.min(leftMs, 300_000) * (0.8 + 0.2 * Math.random())) / 1000),
        silenceMs,
        signal: this.#stop.signal,
      },
      (event) => this.#take(event),
    );
  }

  #take({ type, object }: WatchEvent): void {
    this.#failures = 0;
    if (type === 'ERROR') {
      throw new ApiError(object.code ?? 0, 'WatchError', object.message ?? 'the watch ended with an error');
    }
    if (type === 'DELETED') this.#drop(keyOf(object.metadata.namespace, object.metadata.name), object);
    else if (type !== 'BOOKMARK') this.#put(object);
    this.#version = object.metadata.resourceVersion ?? this.#version;
    this.#seen = this.#version;
  }

  #put(received: KubeObject, evenOlder = false): void {
    const key = keyOf(received.metadata.namespace, received.metadata.name);
    const former = this.#objects.get(key);
    // The same, or an older one that the watch tells of after the answer to a write was remembered.
    const isNews = isLaterVersion(received.metadata.resourceVersion, former?.metadata.resourceVersion);
    if (former && !isNews && !evenOlder) return;
    const object = this.#options.trim?.(received) ?? received;
    this.#unindex(key, former);
    this.#objects.set(key, object);
    const index = this.#options.indexBy?.(object);
    if (index !== undefined) {
      const keys = this.#index.get(index);
      if (keys) keys.add(key);
      else this.#index.set(index, new Set([key]));
    }
    this.#options.onChange(object, former);
  }

  #drop(key: string, as?: KubeObject): void {
    const former = this.#objects.get(key);
    if (!former) return;
    if (as && !isLaterVersion(as.metadata.resourceVersion, former.metadata.resourceVersion)) return;
    this.#unindex(key, former);
    this.#objects.delete(key);
    this.#options.onChange(undefined, former);
  }

  #unindex(key: string, object: KubeObject | undefined): void {
    const index = object && this.#options.indexBy?.(object);
    if (index === undefined) return;
    const keys = this.#index.get(index);
    keys?.delete(key);
    if (keys?.size === 0) this.#index.delete(index);
  }
}

function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}
