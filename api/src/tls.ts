/** TLS on MLLP: what resources say of it, and which Secrets it needs. */
import { z } from 'zod';
import { distinct, textMatching, withRule } from './cel-rule.js';
import { kubernetesName } from './metadata.js';

const minVersion = z
  .enum(['TLSv1.2', 'TLSv1.3'], 'must be TLSv1.2 or TLSv1.3')
  .default('TLSv1.2')
  .describe('The least version of TLS. The highest that both sides have is used.');

/** A name as it stands in a certificate: letters, digits, and what stands between them in a host's or a CN's. */
const certificateName = textMatching(
  /^[A-Za-z0-9]([A-Za-z0-9 ._@-]*[A-Za-z0-9])?$/,
  253,
  'must be a name as it stands in the certificate, such as pas.hospital.example',
);

/**
 * TLS of a listener. That clients must have a certificate is the default whatever the Secret holds: a ca.crt that goes
 * missing must not let everybody in.
 */
export const listenerTls = withRule(
  z.strictObject({
    secretName: kubernetesName.describe(
      'Secret with the listener’s tls.crt and tls.key, and ca.crt, the authorities that issue the clients’ certificates. It is read again when it changes, without a restart.',
    ),
    clientAuth: z
      .enum(['None', 'Request', 'Require'], 'must be None, Request or Require')
      .default('Require')
      .describe(
        'Whether clients need a certificate that ca.crt has issued: Require, each does; Request, it may have none, but no wrong one; None, it is not asked, and ca.crt is not needed.',
      ),
    allowedNames: distinct(z.array(certificateName).min(1).max(50), 'must not name a name twice')
      .optional()
      .describe(
        'A client’s certificate must have one of these as a DNS name (subjectAltName) or as its common name. Absent: any that ca.crt has issued.',
      ),
    minVersion,
  }),
  {
    cel: "!has(self.allowedNames) || self.clientAuth == 'Require'",
    holds: ({ allowedNames, clientAuth }) => allowedNames === undefined || clientAuth === 'Require',
    message: 'belongs to clientAuth Require; remove it or set clientAuth',
    field: 'allowedNames',
  },
);

/** TLS to a destination. */
export const destinationTls = z.strictObject({
  secretName: kubernetesName
    .optional()
    .describe(
      'Secret with tls.crt and tls.key, the certificate that is shown to the receiver. It is read again for each new connection. Absent: none is shown.',
    ),
  caSecretName: kubernetesName
    .optional()
    .describe(
      'Secret whose ca.crt has the authorities that issue the receiver’s certificate. Absent: the ca.crt of secretName; where there is none either, the public authorities.',
    ),
  serverName: certificateName
    .optional()
    .describe('Name that the receiver’s certificate must have, also sent as SNI. Absent: host.'),
  minVersion,
});

/** Where a Secret's keys are files for a worker on Kubernetes: `<folder>/<secret>/<key>`. */
export const secretsFolder = '/etc/ihub-secrets';

/** A Secret that a stage's workers read. */
export interface SecretUse {
  readonly name: string;
  /** Those it must have, and that are files; none: all that it has. */
  readonly keys: readonly string[];
}

/** One use for each Secret, of several that may be of the same. */
export function joinedUses(uses: readonly SecretUse[]): SecretUse[] {
  return [...Map.groupBy(uses, ({ name }) => name)].map(([name, same]) => ({
    name,
    keys: same.some(({ keys }) => keys.length === 0) ? [] : [...new Set(same.flatMap(({ keys }) => keys))],
  }));
}

type Files = { certificateFile: string | null; keyFile: string | null; caFile: string | null };

/** The files for the Secrets of a resource's TLS, and the Secrets that must be there. */
export function tlsFiles(
  folder: string,
  pairSecret: string | undefined,
  caSecret: string | undefined,
): { readonly files: Files; readonly secrets: SecretUse[] } {
  const file = (secret: string | undefined, key: string): string | null =>
    secret === undefined ? null : `${folder}/${secret}/${key}`;
  const pair = ['tls.crt', 'tls.key'];
  const same = pairSecret === caSecret;
  return {
    files: {
      certificateFile: file(pairSecret, 'tls.crt'),
      keyFile: file(pairSecret, 'tls.key'),
      caFile: file(caSecret, 'ca.crt'),
    },
    secrets: [
      ...(pairSecret === undefined ? [] : [{ name: pairSecret, keys: same ? [...pair, 'ca.crt'] : pair }]),
      ...(caSecret === undefined || same ? [] : [{ name: caSecret, keys: ['ca.crt'] }]),
    ],
  };
}
