/**
 * The audit: who read, replayed, dropped or changed what, in a topic of its own that is kept for ever, and in the log.
 * What can't be written there is not done.
 */
import { randomUUID } from 'node:crypto';
import type { ConsoleConfiguration } from '@integration-hub/api';
import { GatheringProducer, TopicAdmin } from '@integration-hub/kafka';
import { kafkaConnection } from '@integration-hub/workers';
import type { Log } from '@integration-hub/workers';
import { z } from 'zod';
import { type AuditRecord, auditRecord } from './api.js';
import { ConsoleError } from './console-error.js';

/** Latest records that are shown. */
const mostShown = 5_000;
const retryForMs = 10_000;

const stored = auditRecord.extend({ version: z.literal(1), namespace: z.string() });

export type Audited = Omit<AuditRecord, 'at'>;

export class Audit {
  readonly #configuration: ConsoleConfiguration;
  readonly #log: Log;
  readonly #producer: GatheringProducer;

  constructor(configuration: ConsoleConfiguration, log: Log) {
    this.#configuration = configuration;
    this.#log = log;
    const { kafka } = configuration;
    this.#producer = new GatheringProducer({
      connection: kafkaConnection(kafka, 'console-audit'),
      retryForMs,
    });
  }

  /**
   * Resolves once Kafka has it. To be awaited before what it tells of is done or shown.
   *
   * @throws ConsoleError KAFKA_AWAY
   */
  async write(audited: Audited): Promise<void> {
    const { auditTopic, namespace } = this.#configuration;
    const at = new Date().toISOString();
    const record = { version: 1, namespace, at, ...audited };
    this.#log.info('audit', { audit: record });
    try {
      await this.#producer.produce({
        topic: auditTopic,
        key: null,
        value: Buffer.from(JSON.stringify(record)),
        headers: {
          ce_specversion: '1.0',
          ce_id: randomUUID(),
          ce_source: `/ihub/${namespace}/console`,
          ce_type: `dev.integrationhub.audit.${audited.action}.v1`,
          ce_time: at,
          'content-type': 'application/json',
        },
      });
    } catch (error) {
      const sentence =
        'It was not done, for it could not be written into the audit: Kafka does not answer. Try again.';
      throw new ConsoleError('KAFKA_AWAY', sentence, { cause: error });
    }
  }

  /**
   * The latest records, the latest first.
   *
   * @throws ConsoleError KAFKA_AWAY
   */
  async read(): Promise<AuditRecord[]> {
    const { auditTopic, kafka } = this.#configuration;
    try {
      const connection = kafkaConnection(kafka, 'console-audit');
      const admin = await TopicAdmin.connect({ connection });
      try {
        const records = await admin.readAll(auditTopic, { last: mostShown });
        return records.reverse().flatMap(({ value }) => readRecord(value) ?? []);
      } finally {
        await admin.close();
      }
    } catch (error) {
      throw new ConsoleError('KAFKA_AWAY', 'The audit can’t be read now: Kafka does not answer. Try again.', {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    await this.#producer.close().catch(() => undefined);
  }
}

function readRecord(value: Buffer): AuditRecord | undefined {
  let json: unknown;
  try {
    json = JSON.parse(value.toString('utf8'));
  } catch {
    return undefined;
  }
  const parsed = stored.safeParse(json);
  if (!parsed.success) return undefined;
  const { at, who, action, about, why } = parsed.data;
  return { at, who, action, about, ...(why !== undefined && { why }) };
}
