/** Who is told of alarms, by e-mail and webhook: as a Hub says it, and as the program that tells them needs it. */
import { z } from 'zod';
import { named, textMatching } from './cel-rule.js';
import type { Hub } from './hub.js';
import { kubernetesName, port } from './metadata.js';
import { duration, durationToMs } from './quantity.js';
import { tlsFiles, type SecretUse } from './tls.js';

const address = textMatching(
  /^[A-Za-z0-9._%+-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/,
  254,
  'must be an e-mail address such as integration@hospital.example',
);
const leastSeverity = z
  .enum(['Critical', 'Warning'], 'must be Critical (of critical alarms only) or Warning (of all)')
  .optional()
  .describe('Of what they are told: Critical, of critical alarms only; Warning or absent, of all.');

const told = (least: 'Critical' | 'Warning' | undefined) => least ?? 'Warning';

const email = z.strictObject({
  host: textMatching(
    /^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$/,
    253,
    'must be a host name or an IP address',
  ).describe('Host name or IP address of the mail server (SMTP).'),
  port: port.default(587).describe('Its TCP port.'),
  security: z
    .enum(['StartTls', 'Tls', 'None'], 'must be StartTls, Tls (from the first byte) or None')
    .default('StartTls')
    .describe('StartTls and Tls refuse a server whose certificate is not valid; None is plain text.'),
  caSecretName: kubernetesName
    .optional()
    .describe(
      'Secret whose ca.crt has the authorities of the server’s certificate. Absent: the public ones.',
    ),
  secretName: kubernetesName
    .optional()
    .describe('Secret with username and password. Absent: without a login.'),
  from: address.describe('Address that the mails come from.'),
  to: z
    .array(address)
    .min(1, 'must name at least one address')
    .max(50)
    .describe('Addresses that are told, each in a mail of its own.'),
  leastSeverity,
});

const webhook = z
  .strictObject({
    name: kubernetesName.describe('Name of the webhook, for logs.'),
    url: textMatching(
      /^https?:\/\/[A-Za-z0-9[][A-Za-z0-9.:/_~%?&=+,;[\]-]*$/,
      1_024,
      'must be an http or https address without a user name or a fragment',
    ).describe(
      'Address to which alarms are posted as JSON. What is secret belongs into the Secret, not here.',
    ),
    secretName: kubernetesName.describe('Secret whose key `key` signs each request (HMAC-SHA256).'),
    leastSeverity,
  })
  .describe('A program that is told.');

/** `spec.alerts.notifications` of a Hub. */
export const alertNotifications = z.strictObject({
  groupWait: duration('0s', '10m')
    .default('30s')
    .describe('How long the first alarm waits for others, so that what fails together makes one message.'),
  email: email.optional().describe('People who are told by e-mail. Absent: nobody.'),
  webhooks: named(z.array(webhook).max(10), 'must not give two webhooks one name')
    .default([])
    .describe('Programs that are told.'),
});

const file = z.string().min(1);

/** What the program that tells of alarms reads in its configuration. Files hold one value each, and are read anew. */
export const notifierConfiguration = z.strictObject({
  hub: z.string(),
  namespace: z.string(),
  groupWaitMs: z.int().min(0),
  /** Where docs/alerts.md is; an address, or its place in this repository. */
  runbooks: z.string(),
  email: z
    .strictObject({
      host: z.string(),
      port: z.int(),
      security: z.enum(['StartTls', 'Tls', 'None']),
      /** PEM; null: the public authorities. */
      caFile: file.nullable(),
      /** null: without a login. */
      userFile: file.nullable(),
      passwordFile: file.nullable(),
      from: z.string(),
      to: z.array(z.string()).min(1),
      leastSeverity: z.enum(['Critical', 'Warning']),
    })
    .nullable(),
  webhooks: z.array(
    z.strictObject({
      name: z.string(),
      url: z.string(),
      keyFile: file,
      leastSeverity: z.enum(['Critical', 'Warning']),
    }),
  ),
});

export type NotifierConfiguration = z.output<typeof notifierConfiguration>;

export const standardRunbooks = 'docs/alerts.md';

/**
 * @param secretsFolder where the program finds the keys of Secrets, as `<folder>/<secret>/<key>`
 * @returns what the program needs, and the Secrets that must be files for it
 */
export function notifierConfigurationOf(
  hub: Hub,
  secretsFolder: string,
): { readonly configuration: NotifierConfiguration; readonly secrets: readonly SecretUse[] } {
  const { notifications, runbooks = standardRunbooks } = hub.spec.alerts ?? {};
  const mail = notifications?.email;
  const webhooks = notifications?.webhooks ?? [];
  const { files, secrets } = tlsFiles(secretsFolder, undefined, mail?.caSecretName);
  const credential = (key: string): string | null =>
    mail?.secretName === undefined ? null : `${secretsFolder}/${mail.secretName}/${key}`;
  return {
    configuration: {
      hub: hub.metadata.name,
      namespace: hub.metadata.namespace,
      groupWaitMs: durationToMs(notifications?.groupWait ?? '30s'),
      runbooks,
      email:
        mail === undefined
          ? null
          : {
              host: mail.host,
              port: mail.port,
              security: mail.security,
              caFile: files.caFile,
              userFile: credential('username'),
              passwordFile: credential('password'),
              from: mail.from,
              to: mail.to,
              leastSeverity: told(mail.leastSeverity),
            },
      webhooks: webhooks.map(({ name, url, secretName, leastSeverity: least }) => ({
        name,
        url,
        keyFile: `${secretsFolder}/${secretName}/key`,
        leastSeverity: told(least),
      })),
    },
    secrets: [
      ...(mail?.secretName === undefined ? [] : [{ name: mail.secretName, keys: ['username', 'password'] }]),
      ...webhooks.map(({ secretName }) => ({ name: secretName, keys: ['key'] })),
      ...secrets,
    ],
  };
}
