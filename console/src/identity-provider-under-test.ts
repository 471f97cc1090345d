/** A real OpenID Connect provider on this machine; who logs in is whoever the test says. */
import { createServer, type Server } from 'node:http';
import { freePort } from '@integration-hub/kafka';
import Provider from 'oidc-provider';

export interface Account {
  readonly name: string;
  readonly roles: readonly string[];
}

export class IdentityProviderUnderTest {
  readonly issuer: string;
  readonly #server: Server;
  /** Who logs in next. */
  account: Account = { name: 'nobody', roles: [] };

  private constructor(issuer: string, server: Server) {
    this.issuer = issuer;
    this.#server = server;
  }

  static async start(
    clientId: string,
    clientSecret: string,
    redirectUris: readonly string[],
  ): Promise<IdentityProviderUnderTest> {
    const port = await freePort();
    const issuer = `http://127.0.0.1:${port}`;
    const server = createServer();
    const made = new IdentityProviderUnderTest(issuer, server);
    const accounts = new Map<string, Account>();
    const provider: Provider = new Provider(issuer, {
      clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [...redirectUris] }],
      claims: { openid: ['sub'], profile: ['preferred_username', 'roles'] },
      conformIdTokenClaims: false,
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
      cookies: { keys: ['of no meaning'] },
      findAccount: (_context, id) => {
        const { name = '', roles = [] } = accounts.get(id) ?? {};
        return { accountId: id, claims: () => ({ sub: id, preferred_username: name, roles: [...roles] }) };
      },
      loadExistingGrant: async ({ oidc }) => {
        const grant = new provider.Grant({
          clientId: oidc.client!.clientId,
          accountId: oidc.session!.accountId!,
        });
        grant.addOIDCScope('openid profile');
        await grant.save();
        return grant;
      },
    });
    const answer = provider.callback();
    server.on('request', (request, response) => {
      if (!request.url!.startsWith('/interaction/')) {
        void answer(request, response);
        return;
      }
      const accountId = `id-of-${made.account.name}`;
      accounts.set(accountId, made.account);
      void provider.interactionFinished(request, response, { login: { accountId } });
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return made;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
