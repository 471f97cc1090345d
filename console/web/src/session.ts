/** Who looks at the page, and what they may do. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Role, Session } from './api.js';

const SessionContext = createContext<Session | undefined>(undefined);
export const SessionProvider = SessionContext.Provider;

/** The session of the one who looks; there is always one where pages are shown. */
export function useSession(): Session {
  return useContext(SessionContext)!;
}

/** Whether the user has a role or one that stands above it. The server checks it again, whatever the page shows. */
export function hasRole({ user }: Session, wanted: Role): boolean {
  const enough: readonly Role[] = { viewer: ALL, operator: ALL.slice(1), administrator: ALL.slice(2) }[
    wanted
  ];
  return user.roles.some((role) => enough.includes(role));
}

const ALL: readonly Role[] = ['viewer', 'operator', 'administrator'];
