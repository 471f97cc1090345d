/** Posts alarms as JSON to a program. */
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { NotifierConfiguration } from '@integration-hub/api';
import type { Channel } from './channel.js';
import { NotificationError } from './notification-error.js';

const timeoutMs = 10_000;

/**
 * The value of the header `ihub-signature`: HMAC-SHA256, in hexadecimal, of the time, a full stop and the body.
 *
 * @param key as in the Secret
 * @param at seconds since 1970; who checks it refuses what is older than some minutes
 * @param body as it is sent
 */
export function signatureOf(key: string, at: number, body: string): string {
  return `t=${at},v1=${createHmac('sha256', key).update(`${at}.${body}`).digest('hex')}`;
}

export function webhookChannel(webhook: NotifierConfiguration['webhooks'][number]): Channel {
  const { name, url, keyFile, leastSeverity } = webhook;
  return {
    name: `webhook ${name}`,
    leastSeverity,
    async send({ id, json }) {
      const key = (await readFile(keyFile, 'utf8')).trim();
      if (key === '') {
        throw new NotificationError('NO_KEY', `${keyFile} is empty; put the key into the Secret.`);
      }
      const body = JSON.stringify(json);
      const response = await fetch(url, {
        method: 'POST',
        // Another address would get what is meant for this one.
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          'content-type': 'application/json',
          'user-agent': 'integration-hub',
          'ihub-delivery': id,
          'ihub-signature': signatureOf(key, Math.floor(Date.now() / 1_000), body),
        },
        body,
      });
      await response.body?.cancel();
      if (!response.ok) {
        const sentence = `The webhook ${name} answered ${response.status} instead of 2xx.`;
        throw new NotificationError('WEBHOOK_REFUSES', sentence);
      }
    },
  };
}
