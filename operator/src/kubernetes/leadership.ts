/**
 * Leader election by a Lease of coordination.k8s.io/v1: one of several processes writes, the others stand by with warm
 * copies. A holder that could not renew for two thirds of the lease's duration takes itself for deposed; a candidate
 * waits the whole duration, measured on its own clock from when it saw the last renewal. So clocks need not agree, and
 * there are never two.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1LeaseSpec } from '@kubernetes/client-node';
import type { ApiClient } from './api-client.js';
import { ApiError, isNotFound } from './api-error.js';
import { resourceTypes, type KubeObject, type Plain } from './object.js';

export interface LeadershipOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly name: string;
  readonly identity: string;
  /** After so long without a renewal another takes over, in milliseconds; whole seconds. */
  readonly durationMs: number;
  /** This process is the leader now. Called once. */
  readonly onElected: () => void;
  /** It was, and is no more: end the process. */
  readonly onDeposed: () => void;
  readonly onError: (error: unknown) => void;
}

export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #renewedAt = -Infinity;
  #isLeader = false;
  /** The Lease as it was seen last, and when that was first seen. */
  #seen = { version: '', at: 0 };
  #lease: KubeObject | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** Whether it may write now: a process that was suspended may have been followed meanwhile. */
  get isLeader(): boolean {
    return this.#isLeader && performance.now() - this.#renewedAt < this.#renewWithinMs;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Gives the Lease back where it is held, so that the next need not wait. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    const held = this.#isLeader ? this.#lease : undefined;
    this.#isLeader = false;
    if (held === undefined) return;
    const spec = { ...(held.spec as Plain<V1LeaseSpec>), holderIdentity: '', leaseDurationSeconds: 1 };
    await this.#options.client
      .replace(resourceTypes.lease, { ...held, spec }, 2_000)
      .catch((error: unknown) => this.#options.onError(error));
  }

  get #renewWithinMs(): number {
    return (this.#options.durationMs * 2) / 3;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { durationMs, onDeposed, onElected, onError } = this.#options;
    while (!signal.aborted) {
      const askedAt = performance.now();
      try {
        const holder = await this.#acquireOrRenew(askedAt);
        // From when it was asked for: a candidate can't have begun to count before.
        if (holder === 'this') this.#renewedAt = askedAt;
        if (holder === 'this' && !this.#isLeader) {
          this.#isLeader = true;
          onElected();
        }
        if (holder === 'another') this.#renewedAt = -Infinity;
      } catch (error) {
        onError(error);
      }
      if (this.#isLeader && performance.now() - this.#renewedAt >= this.#renewWithinMs) {
        this.#isLeader = false;
        onDeposed();
        return;
      }
      await sleep(durationMs / 6, undefined, { signal }).catch(() => undefined);
    }
  }

  /** @returns whose the Lease is now; unknown where another write came between */
  async #acquireOrRenew(now: number): Promise<'this' | 'another' | 'unknown'> {
    const { client, namespace, name, identity, durationMs } = this.#options;
    // So short that a request that hangs can be made again in time.
    const timeoutMs = durationMs / 4;
    const lease = await client
      .get(resourceTypes.lease, { namespace, name }, timeoutMs)
      .catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
    if (lease === undefined) {
      const made = {
        apiVersion: resourceTypes.lease.apiVersion,
        kind: resourceTypes.lease.kind,
        metadata: { name, namespace },
        spec: this.#spec(undefined),
      };
      return this.#write(() => client.create(resourceTypes.lease, made));
    }
    const version = lease.metadata.resourceVersion!;
    if (this.#seen.version !== version) this.#seen = { version, at: now };
    const spec = (lease.spec ?? {}) as Plain<V1LeaseSpec>;
    const heldMs = (spec.leaseDurationSeconds ?? 0) * 1000;
    const isFree = !spec.holderIdentity || now - this.#seen.at >= heldMs;
    if (spec.holderIdentity !== identity && !isFree) return 'another';
    const renewed = { ...lease, spec: this.#spec(spec) };
    return this.#write(() => client.replace(resourceTypes.lease, renewed, timeoutMs));
  }

  async #write(write: () => Promise<KubeObject>): Promise<'this' | 'unknown'> {
    try {
      this.#lease = await write();
      return 'this';
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) return 'unknown';
      throw error;
    }
  }

  #spec(former: Plain<V1LeaseSpec> | undefined): object {
    const { identity, durationMs } = this.#options;
    const now = new Date().toISOString().replace('Z', '000Z');
    const isOurs = former?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1000),
      acquireTime: isOurs ? (former.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (former?.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
    };
  }
}
