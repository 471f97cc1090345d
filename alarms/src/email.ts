/** Sends alarms by SMTP, to each address in a mail of its own. */
import { readFile } from 'node:fs/promises';
import type { NotifierConfiguration } from '@integration-hub/api';
import { createTransport } from 'nodemailer';
import type { Channel } from './channel.js';
import { NotificationError } from './notification-error.js';

type Email = NonNullable<NotifierConfiguration['email']>;

const [connectMs, silenceMs] = [10_000, 30_000];

export function emailChannels(email: Email): Channel[] {
  return email.to.map((to) => ({
    name: `e-mail to ${to}`,
    leastSeverity: email.leastSeverity,
    send: async ({ id, subject, text }) => {
      const transport = await transportOf(email);
      try {
        await transport.sendMail({
          from: email.from,
          to,
          subject,
          text,
          // The same again where it is sent again, so that a server can tell.
          messageId: `<${id}@${email.from.split('@')[1]!}>`,
          headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
        });
      } catch (error) {
        // Servers quote what they were sent, the login perhaps as well: only the number of their answer is told.
        const { code, responseCode } = error as { code?: string; responseCode?: number };
        const said =
          responseCode === undefined ? (code ?? 'unknown') : `${code ?? ''} ${responseCode}`.trim();
        throw new NotificationError(
          'MAIL_REFUSED',
          `${email.host}:${email.port} did not take a mail: ${said}.`,
        );
      } finally {
        transport.close();
      }
    },
  }));
}

/** With what the Secrets' files hold now. */
async function transportOf(email: Email): Promise<ReturnType<typeof createTransport>> {
  const { host, port, security, userFile, passwordFile, caFile } = email;
  const read = async (file: string): Promise<string> => (await readFile(file, 'utf8')).trim();
  return createTransport({
    host,
    port,
    secure: security === 'Tls',
    requireTLS: security === 'StartTls',
    ignoreTLS: security === 'None',
    ...(caFile !== null && { tls: { ca: await read(caFile) } }),
    ...(userFile !== null &&
      passwordFile !== null && { auth: { user: await read(userFile), pass: await read(passwordFile) } }),
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    socketTimeout: silenceMs,
    // Nothing but the text goes out: no file, no address is read for it.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}
