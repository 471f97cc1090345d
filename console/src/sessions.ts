/**
 * Sessions of browsers, in this process's memory: one that is lost by a restart costs a login, which an identity
 * provider with a session of its own does without asking. A browser has nothing but a random name of its session.
 */
import type { FastifySessionObject, SessionStore } from '@fastify/session';
import type { Session } from 'fastify';
import type { User } from './user.js';

/** A login that a browser was sent away for. */
export interface PendingLogin {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** The console's page to come back to. */
  readonly page: string;
}

declare module 'fastify' {
  interface Session {
    user?: User;
    login?: PendingLogin;
  }
}

export interface SessionLimits {
  /** How long nothing may be asked before the session ends. */
  readonly idleMs: number;
  /** How long it lasts at most. */
  readonly absoluteMs: number;
}

interface Kept {
  readonly session: Session;
  readonly since: number;
  usedAt: number;
}

/** A login takes no longer. */
const loginMs = 10 * 60_000;
/** Beyond these the oldest go; whoever is logged in is not pushed out by those who are not. */
const [mostUsers, mostLogins, mostEnded] = [5_000, 2_000, 10_000];

/** The store that @fastify/session asks. */
export class Sessions implements SessionStore {
  readonly #limits: SessionLimits;
  readonly #now: () => number;
  readonly #users = new Map<string, Kept>();
  readonly #logins = new Map<string, Kept>();
  /** So that a request that was under way when its session ended does not bring it back. */
  readonly #ended = new Set<string>();

  constructor(limits: SessionLimits, now: () => number = Date.now) {
    this.#limits = limits;
    this.#now = now;
  }

  get(id: string, callback: (error: unknown, session?: Session | null) => void): void {
    callback(null, this.#alive(id)?.session ?? null);
  }

  set(id: string, session: Session, callback: (error?: unknown) => void): void {
    if (!this.#ended.has(id)) this.#keep(id, session);
    callback();
  }

  destroy(id: string, callback: (error?: unknown) => void): void {
    this.#users.delete(id);
    this.#logins.delete(id);
    this.#ended.add(id);
    trim(this.#ended, mostEnded);
    callback();
  }

  /** Somebody has used it: its idle time begins anew. */
  use(id: string): void {
    const kept = this.#alive(id);
    if (kept !== undefined) kept.usedAt = this.#now();
  }

  isAlive({ sessionId }: Pick<FastifySessionObject, 'sessionId'>): boolean {
    return this.#alive(sessionId) !== undefined;
  }

  #keep(id: string, session: Session): void {
    const now = this.#now();
    const kept = { session, since: this.#alive(id)?.since ?? now, usedAt: now };
    const [map, other] =
      session.user === undefined ? [this.#logins, this.#users] : [this.#users, this.#logins];
    other.delete(id);
    map.set(id, kept);
    trim(this.#logins, mostLogins);
    trim(this.#users, mostUsers);
  }

  #alive(id: string): Kept | undefined {
    const now = this.#now();
    const login = this.#logins.get(id);
    if (login !== undefined && now - login.since < loginMs) return login;
    this.#logins.delete(id);
    const user = this.#users.get(id);
    const { idleMs, absoluteMs } = this.#limits;
    if (user !== undefined && now - user.usedAt < idleMs && now - user.since < absoluteMs) return user;
    this.#users.delete(id);
    return undefined;
  }
}

/** Takes out the first, which are the oldest. */
function trim(all: Map<string, unknown> | Set<string>, most: number): void {
  for (const id of all.keys()) {
    if (all.size <= most) return;
    all.delete(id);
  }
}
