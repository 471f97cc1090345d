/**
 * Login by OpenID Connect: authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, section 3.1;
 * RFC 7636). The provider is asked when somebody first logs in, so the console starts without it.
 */
import { readFile } from 'node:fs/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { ConsoleConfiguration } from '@integration-hub/api';
import { errorShape, type Log } from '@integration-hub/workers';
import type { FastifyInstance, preHandlerHookHandler } from 'fastify';
import * as openid from 'openid-client';
import type { Audit } from './audit.js';
import { ConsoleError } from './console-error.js';
import type { PendingLogin } from './sessions.js';
import { userOf } from './user.js';

type Login = NonNullable<ConsoleConfiguration['login']>;

/** A provider's answer that takes longer does not come. */
const providerSeconds = 10;
/** Logins that one address may begin or end in a minute. */
const mostLogins = 30;

export interface LoginParts {
  readonly login: Login;
  readonly publicUrl: string;
  readonly audit: Audit;
  readonly log: Log;
}

/** Adds /auth/login, /auth/callback and /auth/logout. */
export function registerLogin(server: FastifyInstance, { login, publicUrl, audit, log }: LoginParts): void {
  const provider = new Provider(login, log);
  const redirectUri = new URL('/auth/callback', publicUrl).href;
  const config = { rateLimit: { max: mostLogins, timeWindow: '1 minute' } };

  server.get<{ Querystring: { page?: string } }>('/auth/login', { config }, async (request, reply) => {
    const client = await provider.client();
    const verifier = openid.randomPKCECodeVerifier();
    const pending: PendingLogin = {
      state: openid.randomState(),
      nonce: openid.randomNonce(),
      verifier,
      page: ownPage(request.query.page),
    };
    const url = openid.buildAuthorizationUrl(client, {
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: login.scopes.join(' '),
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    request.session.login = pending;
    return reply.redirect(url.href);
  });

  server.get('/auth/callback', { config }, async (request, reply) => {
    const { login: pending } = request.session;
    if (pending === undefined) {
      throw new ConsoleError('LOGIN_FAILED', 'No login was begun in this browser, or long ago: begin anew.');
    }
    // Good for one answer, whatever that is. And who knows the session's name from before the login has nothing of it.
    await request.session.regenerate();
    const client = await provider.client();
    const claims = await claimsOf(client, new URL(request.url, publicUrl), pending, log);
    const user = userOf(nameOf(claims), claimAt(claims, login.rolesClaim), login.roles);
    if (user === undefined) {
      await audit.write({ who: nameOf(claims), action: 'refused', about: ['login'] });
      const sentence =
        'You are known, but have no role in this hub: ask whoever administers its users for one.';
      throw new ConsoleError('NOT_ALLOWED', sentence);
    }
    await audit.write({ who: user.name, action: 'login', about: [...user.roles] });
    request.session.user = user;
    return reply.redirect(pending.page);
  });

  const preHandler: preHandlerHookHandler = (request, reply, done) =>
    server.csrfProtection(request, reply, done);
  server.post('/auth/logout', { preHandler }, async (request, reply) => {
    const { user } = request.session;
    await request.session.destroy();
    if (user !== undefined) await audit.write({ who: user.name, action: 'logout', about: [] });
    return reply.status(204).send();
  });
}

/** The identity provider, asked once how it is used, and again where that failed. */
class Provider {
  readonly #login: Login;
  readonly #log: Log;
  #client: Promise<openid.Configuration> | undefined;

  constructor(login: Login, log: Log) {
    this.#login = login;
    this.#log = log;
  }

  /** @throws ConsoleError PROVIDER_AWAY */
  async client(): Promise<openid.Configuration> {
    this.#client ??= this.#discover();
    try {
      return await this.#client;
    } catch (error) {
      this.#client = undefined;
      this.#log.error('the identity provider can’t be used', {
        issuer: this.#login.issuer,
        ...errorShape(error),
      });
      const sentence =
        'The identity provider does not answer as it must: try again, or tell who runs the hub.';
      throw new ConsoleError('PROVIDER_AWAY', sentence, { cause: error });
    }
  }

  async #discover(): Promise<openid.Configuration> {
    const { issuer, clientId, clientSecretFile, caFile } = this.#login;
    if (caFile !== null) {
      setDefaultCACertificates([...getCACertificates('default'), await readFile(caFile, 'utf8')]);
    }
    const secret = (await readFile(clientSecretFile, 'utf8')).trim();
    const url = new URL(issuer);
    // Without TLS only a provider on this machine is trusted, as tests have one.
    const isLocal = url.protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(url.hostname);
    return openid.discovery(url, clientId, secret, undefined, {
      timeout: providerSeconds,
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- so its author marks that it is not for production
      ...(isLocal && { execute: [openid.allowInsecureRequests] }),
    });
  }
}

type Claims = Readonly<Record<string, unknown>>;

/** @throws ConsoleError LOGIN_FAILED */
async function claimsOf(
  client: openid.Configuration,
  url: URL,
  { state, nonce, verifier }: PendingLogin,
  log: Log,
): Promise<Claims> {
  try {
    const tokens = await openid.authorizationCodeGrant(client, url, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    });
    return tokens.claims() ?? {};
  } catch (error) {
    log.warn('a login has failed', errorShape(error));
    const sentence = 'The login did not succeed: begin anew. Where it fails again, tell who runs the hub.';
    throw new ConsoleError('LOGIN_FAILED', sentence, { cause: error });
  }
}

/** As the audit names a user. */
function nameOf(claims: Claims): string {
  const names = [claims['preferred_username'], claims['email'], claims['sub']];
  return names.find((one): one is string => typeof one === 'string' && one !== '') ?? 'unknown';
}

/** A claim by its name, or on its way through objects, as `realm_access.roles`. */
function claimAt(claims: Claims, name: string): unknown {
  if (name in claims) return claims[name];
  return name
    .split('.')
    .reduce<unknown>(
      (value, part) => (typeof value === 'object' && value !== null ? (value as Claims)[part] : undefined),
      claims,
    );
}

/** A page of the console's own; anything else would make the login a way to send people elsewhere. */
function ownPage(page: string | undefined): string {
  return page !== undefined && /^\/(?![/\\])[^\\\s]*$/.test(page) && !page.startsWith('/auth/') ? page : '/';
}
