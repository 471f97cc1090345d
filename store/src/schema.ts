/**
 * The tables, made and changed step by step. Every table has a partition for each day (UTC) on which its messages were
 * received, so that what is too old goes by dropping a table.
 */
import type { ClientBase } from 'pg';
import { slowly } from './database.js';

/** Tables that are partitioned by day. */
export const partitioned = ['message', 'patient_identifier', 'step'] as const;

/** Never change one that has been released: add another. */
const migrations: readonly string[] = [
  `
  CREATE TABLE ihub.message (
    received_at timestamptz(3) NOT NULL,
    correlation_id uuid NOT NULL,
    flow text NOT NULL,
    control_id text NOT NULL,
    message_type text NOT NULL,
    sending_application text NOT NULL,
    PRIMARY KEY (correlation_id, received_at)
  ) PARTITION BY RANGE (received_at);
  CREATE INDEX message_time ON ihub.message (received_at, correlation_id);
  CREATE INDEX message_flow ON ihub.message (flow, received_at, correlation_id);
  CREATE INDEX message_control_id ON ihub.message (control_id, received_at, correlation_id);
  CREATE INDEX message_type ON ihub.message (message_type, received_at, correlation_id);

  CREATE TABLE ihub.patient_identifier (
    identifier bytea NOT NULL,
    received_at timestamptz(3) NOT NULL,
    correlation_id uuid NOT NULL,
    PRIMARY KEY (identifier, received_at, correlation_id)
  ) PARTITION BY RANGE (received_at);

  CREATE TABLE ihub.step (
    received_at timestamptz(3) NOT NULL,
    correlation_id uuid NOT NULL,
    origin text NOT NULL,
    kind text NOT NULL,
    at timestamptz(3) NOT NULL,
    stage text NOT NULL,
    destination text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    replayed boolean NOT NULL,
    content_policy text NOT NULL,
    content bytea,
    PRIMARY KEY (correlation_id, received_at, origin)
  ) PARTITION BY RANGE (received_at);
  -- It is encrypted, so there is nothing to compress.
  ALTER TABLE ihub.step ALTER COLUMN content SET STORAGE EXTERNAL;
  `,
  `
  -- The replay that the step is part of; '' where it is none's.
  ALTER TABLE ihub.step ADD COLUMN replay text NOT NULL DEFAULT '';
  -- What the record had beside the content, to be written again as it was; encrypted like the content.
  ALTER TABLE ihub.step ADD COLUMN envelope bytea;

  CREATE TABLE ihub.replay (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    namespace text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    who text NOT NULL,
    reason text NOT NULL,
    selection jsonb NOT NULL,
    stage text NOT NULL,
    to_destination text NOT NULL,
    per_second double precision,
    total integer NOT NULL DEFAULT 0,
    left_out integer NOT NULL DEFAULT 0,
    first_at timestamptz(3),
    last_at timestamptz(3),
    state text NOT NULL,
    error text NOT NULL DEFAULT '',
    done integer NOT NULL DEFAULT 0,
    finished_at timestamptz(3),
    runner text NOT NULL DEFAULT '',
    lease_until timestamptz(3) NOT NULL DEFAULT '-infinity'
  );
  CREATE INDEX replay_open ON ihub.replay (created_at) WHERE state IN ('running', 'paused');

  -- What is to be sent, by position; what can't be, by negative positions, with the reason.
  CREATE TABLE ihub.replay_message (
    replay uuid NOT NULL REFERENCES ihub.replay ON DELETE CASCADE,
    position integer NOT NULL,
    correlation_id uuid NOT NULL,
    received_at timestamptz(3) NOT NULL,
    origin text NOT NULL,
    obstacle text NOT NULL DEFAULT '',
    PRIMARY KEY (replay, position)
  );

  -- Who did what and why; told to the topic of events as well, by whoever runs replays.
  CREATE TABLE ihub.replay_audit (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    replay uuid NOT NULL REFERENCES ihub.replay ON DELETE CASCADE,
    at timestamptz(3) NOT NULL DEFAULT now(),
    action text NOT NULL,
    who text NOT NULL,
    why text NOT NULL,
    told boolean NOT NULL DEFAULT false
  );
  CREATE INDEX replay_audit_untold ON ihub.replay_audit (at) WHERE NOT told;
  CREATE INDEX replay_audit_replay ON ihub.replay_audit (replay, at);
  `,
  `
  -- What went another way than most, which a person looks for among all that went well.
  CREATE INDEX step_notable ON ihub.step (kind, received_at, correlation_id)
    WHERE kind IN ('filtered', 'duplicate', 'failed', 'dead-letter', 'letter-dropped');
  `,
];

/** Held by whoever changes tables: two archivists may start, or need a new day, at the same time. */
export const SCHEMA_LOCK = 0x1_4b_75_b2;

/**
 * Brings the tables to the form that this program needs. To be called within a transaction.
 *
 * @returns false where a newer program has been here, whose form this one does not know
 */
export async function migrate(client: ClientBase): Promise<boolean> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
  await client.query('CREATE SCHEMA IF NOT EXISTS ihub');
  await client.query(
    'CREATE TABLE IF NOT EXISTS ihub.migration (number integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())',
  );
  const { rows } = await client.query<{ done: number }>(
    'SELECT coalesce(max(number), 0) AS done FROM ihub.migration',
  );
  const { done } = rows[0]!;
  for (const [index, sql] of migrations.entries()) {
    if (index < done) continue;
    await slowly(client, { text: sql });
    await client.query('INSERT INTO ihub.migration (number) VALUES ($1)', [index + 1]);
  }
  return done <= migrations.length;
}
