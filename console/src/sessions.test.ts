import type { Session } from 'fastify';
import { expect } from 'chai';
import { Sessions } from './sessions.js';
import { localUser } from './user.js';

describe('sessions', () => {
  const user = localUser('me');
  let now = 0;
  const made = (): Sessions => new Sessions({ idleMs: 100, absoluteMs: 250 }, () => now);
  const put = (sessions: Sessions, id: string, session: object): void =>
    sessions.set(id, session as Session, () => undefined);
  const has = (sessions: Sessions, sessionId: string): boolean => sessions.isAlive({ sessionId });

  it('end when nobody uses them, and after their time however much they are used', () => {
    const sessions = made();
    put(sessions, 'a', { user });
    put(sessions, 'b', { user });
    for (now = 90; now < 250; now += 80) sessions.use('a');
    now = 200;
    expect([has(sessions, 'a'), has(sessions, 'b')]).to.deep.equal([true, false]);
    sessions.use('a');
    now = 249;
    expect(has(sessions, 'a')).to.equal(true);
    put(sessions, 'a', { user });
    now = 251;
    expect(has(sessions, 'a')).to.equal(false);
  });

  it('are not brought back by a request that was under way when they ended', () => {
    const sessions = made();
    put(sessions, 'a', { user });
    sessions.destroy('a', () => undefined);
    put(sessions, 'a', { user });
    expect(has(sessions, 'a')).to.equal(false);
  });

  it('are bounded, and logins that are begun push out nobody who is logged in', () => {
    const sessions = made();
    put(sessions, 'user', { user });
    for (let number = 0; number < 5_000; number++) put(sessions, `login-${number}`, { login: {} });
    expect(has(sessions, 'user')).to.equal(true);
    expect(has(sessions, 'login-0')).to.equal(false);
    expect(has(sessions, 'login-4999')).to.equal(true);
  });
});
