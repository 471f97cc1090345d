/** `Hub`, its web console: how it is reached, and who may do what in it. */
import { z } from 'zod';
import { distinct, textMatching, withRule } from './cel-rule.js';
import { kubernetesName, port } from './metadata.js';
import { duration, notLonger } from './quantity.js';

const claimValues = (what: string) =>
  distinct(z.array(z.string().min(1, 'must not be empty').max(253)).max(50), 'must not name a value twice')
    .default([])
    .describe(what);

const oidc = z
  .strictObject({
    issuer: textMatching(
      /^https:\/\/[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(\/[A-Za-z0-9._~/-]*)?$/,
      512,
      'must be a URL with https, for example https://login.example/realms/hospital',
    ).describe('The identity provider, by its issuer identifier; it must serve OpenID Connect Discovery.'),
    clientId: z
      .string()
      .min(1, 'must not be empty')
      .max(253)
      .describe('Name of the console at the provider.'),
    secretName: kubernetesName.describe(
      'Secret whose client-secret is the console’s secret at the provider.',
    ),
    caSecretName: kubernetesName
      .optional()
      .describe(
        'Secret whose ca.crt has the authorities that issue the provider’s certificate. Absent: the public ones.',
      ),
    scopes: distinct(z.array(z.string().min(1).max(128)).max(20), 'must not name a scope twice')
      .default(['openid', 'profile'])
      .describe('Scopes that are asked for; openid is always among them.'),
    rolesClaim: z
      .string()
      .min(1, 'must not be empty')
      .max(253)
      .default('roles')
      .describe(
        'The claim of the ID token that names a user’s roles or groups, as a text or a list of texts.',
      ),
    roles: z
      .strictObject({
        viewer: claimValues('See flows, and find messages without their content.'),
        operator: claimValues('Also replay and drop dead letters, run replays, silence alarms.'),
        administrator: claimValues('Also see who did what.'),
        mayReadContent: claimValues('Beside their role: may see what is in messages, of patients too.'),
      })
      .describe('Values of the claim that give each role. Who has none may not log in.'),
  })
  .describe('Login by OpenID Connect (authorization code with PKCE).');

const fields = z.strictObject({
  publicUrl: textMatching(
    /^https:\/\/[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?\/?$/,
    512,
    'must be a URL with https and no path, for example https://hub.example',
  )
    .optional()
    .describe(
      'Where browsers find the console: what your Ingress serves with TLS. It is needed where there is a login.',
    ),
  port: port.default(8080).describe('Port of the console and its Service.'),
  oidc: oidc
    .optional()
    .describe(
      'Login. Absent: the console is reached through kubectl port-forward only, by whoever Kubernetes lets, and who does may do everything.',
    ),
  session: withRule(
    z.strictObject({
      idle: duration('1m', '24h').default('30m').describe('How long a session lasts without being used.'),
      absolute: duration('5m', '7d').default('10h').describe('How long it lasts at most.'),
    }),
    notLonger('idle', 'absolute'),
  )
    .prefault({})
    .describe('How long a login lasts.'),
});

/** The zod schema of a Hub’s console. */
export const webConsole = withRule(fields, {
  cel: 'has(self.oidc) == has(self.publicUrl)',
  holds: ({ oidc: login, publicUrl }) => (login === undefined) === (publicUrl === undefined),
  message: 'belongs to oidc, which needs it: give both or neither',
  field: 'publicUrl',
});
