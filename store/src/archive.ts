/** The archive: writes steps of messages, finds messages, tells one message's road. */
import type { Pool } from 'pg';
import { ArchiveError } from './archive-error.js';
import { type ArchivedStep, dayOf, type StepToWrite } from './archived-step.js';
import { ContentCipher } from './content-cipher.js';
import { type DatabaseAddress, inTransaction, openDatabase, told } from './database.js';
import { contentPlace, envelopePlace, writeEnvelope } from './envelope.js';
import { dropDaysBefore, makeDays } from './days.js';
import { IdentifierKeys, type IdentifierPolicy } from './patient-identifiers.js';
import { Replays } from './replays.js';
import { migrate } from './schema.js';
import { type FoundMessage, type MessageSearch, searchStatement } from './search.js';

export interface ArchiveOptions {
  readonly database: DatabaseAddress;
  /** 32 bytes each; the first encrypts, all decrypt. */
  readonly contentKeys: readonly Buffer[];
  /** 32 bytes each; the first is for what is written, all for what is searched. */
  readonly identifierKeys: readonly Buffer[];
  readonly identifierPolicy: IdentifierPolicy;
}

/** A step with what was kept of the message then. */
export interface StepOnRoad extends ArchivedStep {
  /** None: nothing was kept. */
  readonly contentPolicy: 'None' | 'Redacted' | 'Full';
  /** Decrypts what was kept. @throws ArchiveError UNKNOWN_KEY, ALTERED_CONTENT */
  readonly content: () => Buffer | undefined;
}

/** Longest text that an index is to hold. */
const LONGEST_INDEXED = 200;
const LONGEST_REASON = 2_000;

/** All methods throw ArchiveError DATABASE_AWAY; those that write, DATABASE_REFUSES too. */
export class Archive {
  readonly #pool: Pool;
  readonly #cipher: ContentCipher;
  readonly #identifiers: IdentifierKeys;
  /** What is sent again, and how far each replay has come. */
  readonly replays: Replays;
  /** Those whose partitions are there. */
  readonly #days = new Set<string>();

  constructor(options: ArchiveOptions) {
    this.#pool = openDatabase(options.database);
    this.#cipher = new ContentCipher(options.contentKeys);
    this.#identifiers = new IdentifierKeys(options.identifierPolicy, options.identifierKeys);
    this.replays = new Replays(this.#pool, this.#cipher, this.#identifiers);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /** Makes the tables, or brings them to the form that this program needs. */
  async prepare(): Promise<void> {
    const isKnown = await inTransaction(this.#pool, migrate);
    if (!isKnown) {
      const sentence =
        'The tables are those of a newer Integration Hub: run that one, or restore the database.';
      throw new ArchiveError('DATABASE_AWAY', sentence);
    }
  }

  /** Writes all of the steps, or none; a step that is there already is left as it is. */
  async write(steps: readonly StepToWrite[]): Promise<void> {
    if (steps.length === 0) return;
    await this.#makeDays(steps);
    const headers = steps.flatMap((step) => (step.header ? [{ ...step, ...step.header }] : []));
    const identifiers = steps.flatMap((step) =>
      step.patientIdentifiers.map((text) => ({ ...step, identifier: this.#identifiers.stored(text) })),
    );
    const of = <T, V>(rows: readonly T[], value: (row: T) => V): V[] => rows.map(value);
    const values = [
      of(headers, ({ receivedAt }) => receivedAt),
      of(headers, ({ correlationId }) => correlationId),
      of(headers, ({ flow }) => flow),
      of(headers, ({ controlId }) => plain(controlId, LONGEST_INDEXED)),
      of(headers, ({ messageType }) => plain(messageType, LONGEST_INDEXED)),
      of(headers, ({ sendingApplication }) => plain(sendingApplication, LONGEST_INDEXED)),
      of(identifiers, ({ identifier }) => identifier),
      of(identifiers, ({ receivedAt }) => receivedAt),
      of(identifiers, ({ correlationId }) => correlationId),
      of(steps, ({ receivedAt }) => receivedAt),
      of(steps, ({ correlationId }) => correlationId),
      of(steps, ({ origin }) => origin),
      of(steps, ({ kind }) => kind),
      of(steps, ({ at }) => at),
      of(steps, ({ stage }) => stage),
      of(steps, ({ destination }) => destination),
      of(steps, ({ code }) => code),
      of(steps, ({ reason }) => plain(reason, LONGEST_REASON)),
      of(steps, ({ attempts }) => attempts),
      of(steps, ({ replayed }) => replayed),
      of(steps, ({ content }) => content?.policy ?? 'None'),
      of(steps, (step) => this.#encrypted(step)),
      of(steps, ({ replay }) => replay),
      of(steps, (step) => this.#encryptedEnvelope(step)),
    ];
    try {
      // One statement, so one transaction.
      await told(this.#pool, () => this.#pool.query({ name: 'write', text: writeStatement, values }));
    } catch (error) {
      // Somebody may have dropped a day that was there.
      this.#days.clear();
      throw error;
    }
  }

  /** Drops what was received before a day, as 2026-11-21. @returns the days that are gone */
  async dropBefore(day: string): Promise<string[]> {
    const gone = await inTransaction(this.#pool, (client) => dropDaysBefore(client, day));
    for (const one of gone) this.#days.delete(one);
    return gone;
  }

  /**
   * Finds messages, the latest first.
   *
   * @throws ArchiveError BAD_SEARCH where `after` is no cursor
   */
  async search(search: MessageSearch): Promise<FoundMessage[]> {
    const { text, values } = searchStatement(search, (identifier) => this.#identifiers.searched(identifier));
    const { rows } = await told(this.#pool, () => this.#pool.query<FoundMessage>(text, values));
    return rows;
  }

  /** The steps of messages that were found, in the order of time. */
  async roads(
    messages: readonly Pick<FoundMessage, 'correlationId' | 'receivedAt'>[],
  ): Promise<StepOnRoad[]> {
    const { rows } = await told(this.#pool, () =>
      this.#pool.query<
        ArchivedStep & { contentPolicy: 'None' | 'Redacted' | 'Full'; content: Buffer | null }
      >(roadStatement, [
        messages.map(({ receivedAt }) => receivedAt),
        messages.map(({ correlationId }) => correlationId),
      ]),
    );
    return rows.map(({ content, ...step }) => ({
      ...step,
      content: () =>
        content === null
          ? undefined
          : this.#cipher.decrypt(content, dayOf(step.receivedAt), contentPlace(step)),
    }));
  }

  #encrypted(step: StepToWrite): Buffer | null {
    if (step.content === undefined) return null;
    return this.#cipher.encrypt(step.content.bytes, dayOf(step.receivedAt), contentPlace(step));
  }

  #encryptedEnvelope(step: StepToWrite): Buffer | null {
    const { envelope, receivedAt } = step;
    if (envelope === undefined) return null;
    return this.#cipher.encrypt(writeEnvelope(envelope), dayOf(receivedAt), envelopePlace(step));
  }

  async #makeDays(steps: readonly StepToWrite[]): Promise<void> {
    const days = [...new Set(steps.map(({ receivedAt }) => dayOf(receivedAt)))];
    const missing = days.filter((day) => !this.#days.has(day));
    if (missing.length === 0) return;
    await inTransaction(this.#pool, (client) => makeDays(client, missing));
    for (const day of missing) this.#days.add(day);
  }
}

/** Without the one character that PostgreSQL's text can't hold, and not too long. */
function plain(text: string, longest: number): string {
  return text.replaceAll('\0', '').slice(0, longest).toWellFormed();
}

const writeStatement = `
WITH headers AS (
  INSERT INTO ihub.message (received_at, correlation_id, flow, control_id, message_type, sending_application)
  SELECT * FROM unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
  ON CONFLICT DO NOTHING
), identifiers AS (
  INSERT INTO ihub.patient_identifier (identifier, received_at, correlation_id)
  SELECT * FROM unnest($7::bytea[], $8::timestamptz[], $9::uuid[])
  ON CONFLICT DO NOTHING
)
INSERT INTO ihub.step (received_at, correlation_id, origin, kind, at, stage, destination, code, reason, attempts,
  replayed, content_policy, content, replay, envelope)
SELECT * FROM unnest($10::timestamptz[], $11::uuid[], $12::text[], $13::text[], $14::timestamptz[], $15::text[],
  $16::text[], $17::text[], $18::text[], $19::integer[], $20::boolean[], $21::text[], $22::bytea[], $23::text[],
  $24::bytea[])
ON CONFLICT DO NOTHING`;

/** Each message by the day that it is kept with: looking for it in all of them takes the longer the more there are. */
const roadStatement = `
SELECT step.received_at AS "receivedAt", step.correlation_id AS "correlationId", origin, kind, at, stage, destination,
  code, reason, attempts, replayed, replay, content_policy AS "contentPolicy", content
FROM unnest($1::timestamptz[], $2::uuid[]) AS message (its_time, its_id)
  CROSS JOIN LATERAL (
    SELECT * FROM ihub.step WHERE received_at = its_time AND correlation_id = its_id OFFSET 0
  ) AS step
ORDER BY at, array_position(ARRAY['letter-replayed', 'received', 'transformed', 'filtered', 'duplicate', 'failed', 'delivered',
  'dead-letter', 'letter-dropped'], kind),
  origin`;
