/** Who uses the console, and what they may do. */
import type { ConsoleConfiguration } from '@integration-hub/api';
import type { Role } from './api.js';
import { ConsoleError } from './console-error.js';

export interface User {
  /** As the audit names them. */
  readonly name: string;
  /** The roles that they have; an administrator has all, an operator is a viewer too. */
  readonly roles: readonly Role[];
  readonly mayReadContent: boolean;
}

type RoleValues = NonNullable<ConsoleConfiguration['login']>['roles'];

/** What each role brings with it. */
const rolesOf: Readonly<Record<Role, readonly Role[]>> = {
  viewer: ['viewer'],
  operator: ['viewer', 'operator'],
  administrator: ['viewer', 'operator', 'administrator'],
};

/**
 * @param claim the value of the claim that names roles: a text or texts; anything else gives none
 * @returns undefined where the claim gives no role at all
 */
export function userOf(name: string, claim: unknown, values: RoleValues): User | undefined {
  const claimed = (Array.isArray(claim) ? claim : [claim]).filter((one) => typeof one === 'string');
  const has = (wanted: readonly string[]): boolean => wanted.some((one) => claimed.includes(one));
  const highest = (['administrator', 'operator', 'viewer'] as const).find((role) => has(values[role]));
  if (highest === undefined) return undefined;
  return { name, roles: rolesOf[highest], mayReadContent: has(values.mayReadContent) };
}

/** Whoever sits at this machine. */
export function localUser(name: string): User {
  return { name, roles: rolesOf.administrator, mayReadContent: true };
}

/** @throws ConsoleError NOT_ALLOWED */
export function mustBe(user: User, role: Role): void {
  if (user.roles.includes(role)) return;
  throw new ConsoleError(
    'NOT_ALLOWED',
    `This needs the role ${role}, which you don’t have: ask whoever administers the hub’s users.`,
  );
}
