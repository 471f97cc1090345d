/** Replays as the database knows them: what is sent again, in which order, how far each has come, who did it and why. */
import type { Pool, PoolClient } from 'pg';
import { ArchiveError } from './archive-error.js';
import { dayOf, type Envelope } from './archived-step.js';
import type { ContentCipher } from './content-cipher.js';
import { inTransaction, slowly, told } from './database.js';
import { contentPlace, envelopePlace, readEnvelope } from './envelope.js';
import type { IdentifierKeys } from './patient-identifiers.js';
import { choose, type MessageCriteria, type Parameter } from './search.js';

/** From where a message goes its way again: as it was received, or as it was written for its destination. */
export type ReplayStage = 'received' | 'outbound';

/** What is to be sent again. */
export interface ReplaySelection extends MessageCriteria {
  readonly stage: ReplayStage;
  /** Of what was written for destinations: for this one only. */
  readonly destination?: string | undefined;
}

/** A replay as it is asked for. */
export interface NewReplay {
  /** A UUID. Who asks again with the same one gets the replay that is there already. */
  readonly id: string;
  /** For people; '' where it has none. */
  readonly name: string;
  readonly namespace: string;
  readonly selection: ReplaySelection;
  /** The destination to write for in place of where each message stood; absent: there. */
  readonly toDestination?: string | undefined;
  /** The most messages a second; absent: as fast as it goes. */
  readonly perSecond?: number | undefined;
  readonly who: string;
  readonly reason: string;
}

/** running: waits for whoever runs it, or is being run. failed: `error` says why; what was sent is counted. */
export type ReplayState = 'running' | 'paused' | 'cancelled' | 'completed' | 'failed';

export interface Replay {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly createdAt: Date;
  readonly who: string;
  readonly reason: string;
  /** Without a patient's identifier, of which only is said that there was one. */
  readonly selection: Readonly<Record<string, unknown>>;
  readonly stage: ReplayStage;
  /** '' where each message goes to where it stood. */
  readonly toDestination: string;
  readonly perSecond: number | null;
  /** Messages that are sent. */
  readonly total: number;
  /** Messages that were chosen and can't be sent. */
  readonly leftOut: number;
  /** When the first and the last were received, in the order in which they are sent. */
  readonly firstAt: Date | null;
  readonly lastAt: Date | null;
  readonly state: ReplayState;
  /** Of one that failed: why. */
  readonly error: string;
  /** How many of `total` are dealt with; all of them where it is completed. */
  readonly done: number;
  readonly finishedAt: Date | null;
}

/** Why a message can't be sent again. */
export type ReplayObstacle =
  /** It was rejected, or went to no such destination, so nothing stands there. */
  | 'NOT_WRITTEN'
  /** Its content is not kept in full, and Kafka does not hold it any more. */
  | 'GONE';

export interface LeftOut {
  readonly correlationId: string;
  readonly receivedAt: Date;
  readonly flow: string;
  readonly controlId: string;
  readonly obstacle: ReplayObstacle;
}

/** What a replay would send. */
export interface ReplaySurvey {
  readonly total: number;
  readonly firstAt: Date | undefined;
  readonly lastAt: Date | undefined;
  /** Messages by flow. */
  readonly flows: Readonly<Record<string, number>>;
  /** Messages by the topic that they stand in. */
  readonly topics: Readonly<Record<string, number>>;
  /** Of how many the archive has the content; that of the others is read from Kafka. */
  readonly inArchive: number;
  readonly inKafka: number;
  readonly leftOut: number;
  /** The first of those that are left out. */
  readonly examples: readonly LeftOut[];
  /** Of the correlation ids that were given: those that the archive doesn't have. */
  readonly unknown: readonly string[];
}

/** A message to be sent again. */
export interface ReplayMessage {
  readonly position: number;
  readonly correlationId: string;
  readonly receivedAt: Date;
  readonly flow: string;
  readonly controlId: string;
  /** Where it stood, as topic/partition/offset. */
  readonly origin: string;
  /** As which it stood there. */
  readonly kind: string;
  /** From the archive; absent where only Kafka may have it. */
  readonly kept?: { readonly bytes: Buffer; readonly envelope: Envelope } | undefined;
}

/** Something that was done with a replay. */
export interface ReplayAudit {
  readonly id: string;
  readonly replay: string;
  readonly at: Date;
  readonly action: 'started' | 'paused' | 'resumed' | 'cancelled' | 'completed' | 'failed';
  readonly who: string;
  readonly why: string;
}

/**
 * Where Kafka's topics begin at present: of those that it has, by topic and partition. What stood before is gone.
 */
export type TopicStarts = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

/** The most messages of one replay: its list is made in one statement. */
const MOST_MESSAGES = 1_000_000;
const MOST_EXAMPLES = 100;
/** All methods throw ArchiveError DATABASE_AWAY. */
export class Replays {
  readonly #pool: Pool;
  readonly #cipher: ContentCipher;
  readonly #identifiers: IdentifierKeys;

  constructor(pool: Pool, cipher: ContentCipher, identifiers: IdentifierKeys) {
    this.#pool = pool;
    this.#cipher = cipher;
    this.#identifiers = identifiers;
  }

  /** The topics in which messages stand that only Kafka may have. */
  async topicsNeeded(selection: ReplaySelection): Promise<string[]> {
    const values: unknown[] = [];
    const text = `WITH ${this.#standing(selection, (one) => `$${values.push(one)}`)}
      SELECT DISTINCT topic FROM standing WHERE NOT kept AND topic IS NOT NULL`;
    const rows = await this.#list<{ topic: string }>(text, values);
    return rows.map(({ topic }) => topic);
  }

  /** Says what a replay of a selection would send. */
  async survey(selection: ReplaySelection, starts: TopicStarts): Promise<ReplaySurvey> {
    const values: unknown[] = [];
    const value: Parameter = (one) => `$${values.push(one)}`;
    const listed = `WITH ${this.#standing(selection, value)}, ${judged(starts, value)}`;
    const groups = await this.#list<{
      flow: string;
      topic: string;
      obstacle: '' | ReplayObstacle;
      kept: boolean;
      count: number;
      first: Date;
      last: Date;
    }>(
      `${listed} SELECT flow, topic, obstacle, kept, count(*)::integer AS count, min(received_at) AS first,
        max(received_at) AS last FROM judged GROUP BY 1, 2, 3, 4 ORDER BY 1, 2`,
      values,
    );
    const able = groups.filter(({ obstacle }) => obstacle === '');
    const leftOut = sum(groups) - sum(able);
    const examples =
      leftOut === 0
        ? []
        : await this.#list<LeftOut>(
            `${listed} SELECT correlation_id AS "correlationId", received_at AS "receivedAt", flow,
              control_id AS "controlId", obstacle FROM judged WHERE obstacle <> ''
              ORDER BY received_at, correlation_id LIMIT ${MOST_EXAMPLES}`,
            values,
          );
    return {
      total: sum(able),
      firstAt: able.map(({ first }) => first).sort(byTime)[0],
      lastAt: able
        .map(({ last }) => last)
        .sort(byTime)
        .at(-1),
      flows: counts(able, ({ flow }) => flow),
      topics: counts(able, ({ topic }) => topic),
      inArchive: sum(able.filter(({ kept }) => kept)),
      inKafka: sum(able.filter(({ kept }) => !kept)),
      leftOut,
      examples,
      unknown: await this.#unknown(selection.correlationIds ?? []),
    };
  }

  /**
   * Makes a replay, with the list of what it sends as the archive is at this moment. From then on it is run.
   *
   * @param state `paused` where it is to wait for a person
   * @returns it, or the one that was made with this id before
   * @throws ArchiveError NOTHING_TO_REPLAY, TOO_MUCH_TO_REPLAY
   */
  async create(
    wish: NewReplay,
    starts: TopicStarts,
    state: 'running' | 'paused' = 'running',
  ): Promise<Replay> {
    const { id, selection, who, reason } = wish;
    await inTransaction(this.#pool, async (client) => {
      if (!(await insert(client, wish, state))) return;
      const values: unknown[] = [];
      const value: Parameter = (one) => `$${values.push(one)}`;
      const text = `WITH ${this.#standing(selection, value)}, ${judged(starts, value)}, timed AS (
          -- Within a partition the offset is the order, over partitions the time, as far as that lets it be.
          SELECT *, max(received_at) OVER (PARTITION BY topic, partition ORDER BY "offset") AS place
          FROM judged WHERE obstacle = ''
        )
        INSERT INTO ihub.replay_message (replay, position, correlation_id, received_at, origin, obstacle)
        SELECT ${value(id)}::uuid, row_number() OVER (ORDER BY place, topic, partition, "offset") - 1, correlation_id,
          received_at, origin, '' FROM timed
        UNION ALL
        SELECT ${value(id)}::uuid, -row_number() OVER (ORDER BY received_at, correlation_id), correlation_id, received_at,
          coalesce(origin, ''), obstacle FROM judged WHERE obstacle <> ''`;
      await slowly(client, { text, values });
      const { rows } = await client.query<{ total: number }>(
        `UPDATE ihub.replay SET total = n.total, left_out = n.left_out, first_at = n.first_at, last_at = n.last_at
         FROM (SELECT count(*) FILTER (WHERE position >= 0)::integer AS total,
           count(*) FILTER (WHERE position < 0)::integer AS left_out,
           min(received_at) FILTER (WHERE position >= 0) AS first_at,
           max(received_at) FILTER (WHERE position >= 0) AS last_at
           FROM ihub.replay_message WHERE replay = $1) AS n
         WHERE id = $1 RETURNING replay.total`,
        [id],
      );
      const { total } = rows[0]!;
      if (total === 0) {
        const sentence = 'There is nothing to replay: no message that was chosen can be sent again.';
        throw new ArchiveError('NOTHING_TO_REPLAY', sentence);
      }
      if (total > MOST_MESSAGES) {
        const sentence = `These are ${total} messages, and one replay sends at most ${MOST_MESSAGES}: narrow the time, and make several.`;
        throw new ArchiveError('TOO_MUCH_TO_REPLAY', sentence);
      }
      await note(client, id, 'started', who, reason);
    });
    return this.get(id);
  }

  /** Notes a replay that was asked for and can't be made, for those who look for it. */
  async createFailed(wish: NewReplay, error: string): Promise<void> {
    await inTransaction(this.#pool, async (client) => {
      if (await insert(client, wish, 'failed', error)) await note(client, wish.id, 'failed', wish.who, error);
    });
  }

  /** @throws ArchiveError NO_REPLAY */
  async get(id: string): Promise<Replay> {
    const rows = await this.#query<Replay>(`${selectReplay} WHERE id = $1`, [id]);
    if (rows[0] === undefined) throw noReplay(id);
    return rows[0];
  }

  /** Those that are there, the latest first. */
  async list(limit: number): Promise<Replay[]> {
    return this.#query<Replay>(`${selectReplay} ORDER BY created_at DESC, id LIMIT $1`, [limit]);
  }

  /** Those of given ids that are there. */
  async some(ids: readonly string[]): Promise<Replay[]> {
    return this.#query<Replay>(`${selectReplay} WHERE id = ANY($1::uuid[])`, [ids]);
  }

  /** What was done with a replay, in the order of time. */
  async audit(id: string): Promise<ReplayAudit[]> {
    return this.#query<ReplayAudit>(`${selectAudit} WHERE replay = $1 ORDER BY at, id`, [id]);
  }

  /** Messages that a replay leaves out, the first of them. */
  async leftOut(id: string): Promise<LeftOut[]> {
    return this.#query<LeftOut>(
      `SELECT r.correlation_id AS "correlationId", r.received_at AS "receivedAt", coalesce(m.flow, '') AS flow,
         coalesce(m.control_id, '') AS "controlId", r.obstacle
       FROM ihub.replay_message r LEFT JOIN ihub.message m USING (correlation_id, received_at)
       WHERE r.replay = $1 AND r.obstacle <> '' ORDER BY r.received_at, r.correlation_id LIMIT ${MOST_EXAMPLES}`,
      [id],
    );
  }

  /**
   * Has a replay paused, go on, or end. What is being written at this moment is written.
   *
   * @throws ArchiveError NO_REPLAY, REPLAY_OVER
   */
  async want(
    id: string,
    state: 'running' | 'paused' | 'cancelled',
    who: string,
    why: string,
  ): Promise<Replay> {
    await inTransaction(this.#pool, async (client) => {
      const { rows } = await client.query<{ state: ReplayState; total: number }>(
        'SELECT state, total FROM ihub.replay WHERE id = $1 FOR UPDATE',
        [id],
      );
      const former = rows[0]?.state;
      if (former === undefined) throw noReplay(id);
      if (former === state) return;
      // One that failed may be tried again: what it has sent it doesn't send again. One that could not be made has no list.
      const canGoOn = former === 'failed' && state === 'running' && rows[0]!.total > 0;
      if (former !== 'running' && former !== 'paused' && !canGoOn) {
        throw new ArchiveError('REPLAY_OVER', `The replay ${id} is over: it was ${former}.`);
      }
      await client.query(
        `UPDATE ihub.replay SET state = $2, error = '',
           finished_at = CASE WHEN $2 = 'cancelled' THEN now() END WHERE id = $1`,
        [id, state],
      );
      await note(
        client,
        id,
        ({ running: 'resumed', paused: 'paused', cancelled: 'cancelled' } as const)[state],
        who,
        why,
      );
    });
    return this.get(id);
  }

  /**
   * Takes the replays of a namespace that nobody runs, for a while.
   *
   * @param runner who takes them
   * @param leaseMs for how long, unless `progress` is told meanwhile
   */
  async take(namespace: string, runner: string, leaseMs: number, most: number): Promise<Replay[]> {
    const rows = await this.#query<{ id: string }>(
      `UPDATE ihub.replay SET runner = $1, lease_until = now() + $2 * interval '1 ms'
       WHERE id IN (SELECT id FROM ihub.replay WHERE state = 'running' AND lease_until < now() AND namespace = $4
         ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING id`,
      [runner, leaseMs, most, namespace],
    );
    return this.some(rows.map(({ id }) => id));
  }

  /**
   * Notes how far a replay has come.
   *
   * @returns its state; undefined where it is another runner's by now
   */
  async progress(
    id: string,
    runner: string,
    done: number,
    leaseMs: number,
  ): Promise<ReplayState | undefined> {
    const rows = await this.#query<{ state: ReplayState }>(
      `UPDATE ihub.replay SET done = greatest(done, $3), lease_until = now() + $4 * interval '1 ms'
       WHERE id = $1 AND runner = $2 RETURNING state`,
      [id, runner, done, leaseMs],
    );
    return rows[0]?.state;
  }

  /** Gives a replay back: to be run by another, or at once again. */
  async release(id: string, runner: string): Promise<void> {
    await this.#query(
      "UPDATE ihub.replay SET lease_until = '-infinity' WHERE id = $1 AND runner = $2 RETURNING id",
      [id, runner],
    );
  }

  /** Ends a replay that was running. */
  async finish(id: string, runner: string, state: 'completed' | 'failed', error = ''): Promise<void> {
    await inTransaction(this.#pool, async (client) => {
      const { rowCount } = await client.query(
        `UPDATE ihub.replay SET state = $3, error = $4, finished_at = now()
         WHERE id = $1 AND runner = $2 AND state = 'running'`,
        [id, runner, state, error],
      );
      if (rowCount === 1) await note(client, id, state, 'integration-hub', error);
    });
  }

  /** Notes that messages turned out to be gone, when it was their turn. */
  async gone(id: string, positions: readonly number[]): Promise<void> {
    if (positions.length === 0) return;
    await inTransaction(this.#pool, async (client) => {
      const { rowCount } = await client.query(
        `UPDATE ihub.replay_message SET obstacle = 'GONE' WHERE replay = $1 AND position = ANY($2::integer[])
         AND obstacle = ''`,
        [id, positions],
      );
      await client.query('UPDATE ihub.replay SET left_out = left_out + $2 WHERE id = $1', [id, rowCount]);
    });
  }

  /** The next messages of a replay, in order. @throws ArchiveError UNKNOWN_KEY, ALTERED_CONTENT */
  async portion(id: string, from: number, count: number): Promise<ReplayMessage[]> {
    const rows = await this.#query<
      Omit<ReplayMessage, 'kept'> & { content: Buffer | null; envelope: Buffer | null }
    >(
      `SELECT r.position, r.correlation_id AS "correlationId", r.received_at AS "receivedAt", r.origin,
         coalesce(s.kind, '') AS kind, coalesce(m.flow, '') AS flow, coalesce(m.control_id, '') AS "controlId",
         CASE WHEN s.content_policy = 'Full' THEN s.content END AS content, s.envelope
       FROM ihub.replay_message r
       LEFT JOIN ihub.step s USING (correlation_id, received_at, origin)
       LEFT JOIN ihub.message m USING (correlation_id, received_at)
       WHERE r.replay = $1 AND r.position >= $2 AND r.position < $3 ORDER BY r.position`,
      [id, from, from + count],
    );
    return rows.map(({ content, envelope, ...message }) => {
      if (content === null || envelope === null) return message;
      const day = dayOf(message.receivedAt);
      return {
        ...message,
        kept: {
          bytes: this.#cipher.decrypt(content, day, contentPlace(message)),
          envelope: readEnvelope(this.#cipher.decrypt(envelope, day, envelopePlace(message))),
        },
      };
    });
  }

  /** What was done and is not told yet, the oldest first. */
  async untold(limit: number): Promise<(ReplayAudit & { readonly namespace: string })[]> {
    return this.#query(
      `SELECT a.id, a.replay, a.at, a.action, a.who, a.why, r.namespace
       FROM ihub.replay_audit a JOIN ihub.replay r ON r.id = a.replay WHERE NOT a.told ORDER BY a.at, a.id LIMIT $1`,
      [limit],
    );
  }

  /** Notes that audit entries have been told. */
  async toldOf(ids: readonly string[]): Promise<void> {
    await this.#query('UPDATE ihub.replay_audit SET told = true WHERE id = ANY($1::uuid[]) RETURNING id', [
      ids,
    ]);
  }

  /** Has the last that was done with a replay told once more, for a Kafka that may not know it. */
  async tellAgain(id: string): Promise<void> {
    await this.#query(
      `UPDATE ihub.replay_audit SET told = false WHERE id =
         (SELECT id FROM ihub.replay_audit WHERE replay = $1 ORDER BY at DESC, id DESC LIMIT 1) RETURNING id`,
      [id],
    );
  }

  /**
   * The common tables of a selection. Of `standing`, a row for each record that a chosen message has at the stage, and
   * one without an origin for each message that has none.
   */
  #standing(selection: ReplaySelection, value: Parameter): string {
    const choice = choose(selection, (identifier) => this.#identifiers.searched(identifier), value);
    const { stage, destination } = selection;
    const at =
      stage === 'received'
        ? "s.kind = 'received'"
        : `s.kind IN ('received', 'transformed') AND s.destination ${
            destination === undefined ? "<> ''" : `= ${value(destination)}`
          }`;
    // Where it was written more than once, as a replay does, the first is its place in the order.
    return `chosen AS MATERIALIZED (
        SELECT received_at, correlation_id, flow, control_id FROM ${choice.from} ${choice.where}
      ), standing AS MATERIALIZED (
        SELECT DISTINCT ON (c.received_at, c.correlation_id, s.destination) c.received_at, c.correlation_id, c.flow,
          c.control_id, s.origin, split_part(s.origin, '/', 1) AS topic,
          split_part(s.origin, '/', 2)::integer AS partition, split_part(s.origin, '/', 3)::bigint AS "offset",
          coalesce(s.content_policy = 'Full' AND s.content IS NOT NULL AND s.envelope IS NOT NULL, false) AS kept
        FROM chosen c LEFT JOIN ihub.step s
          ON s.correlation_id = c.correlation_id AND s.received_at = c.received_at AND ${at}
        ORDER BY c.received_at, c.correlation_id, s.destination, s.replayed, s.at
      )`;
  }

  async #unknown(correlationIds: readonly string[]): Promise<string[]> {
    if (correlationIds.length === 0) return [];
    const rows = await this.#query<{ id: string }>(
      `SELECT DISTINCT id::text FROM unnest($1::uuid[]) AS id
       WHERE NOT EXISTS (SELECT FROM ihub.message WHERE correlation_id = id) ORDER BY 1`,
      [correlationIds],
    );
    return rows.map(({ id }) => id);
  }

  async #query<T extends object>(text: string, values: unknown[]): Promise<T[]> {
    return told(this.#pool, async () => (await this.#pool.query<T>(text, values)).rows);
  }

  /** For statements that may take long. */
  async #list<T extends object>(text: string, values: unknown[]): Promise<T[]> {
    return inTransaction(this.#pool, (client) => slowly<T>(client, { text, values }));
  }
}

/** The common table that says of each standing record what keeps it from being sent again; '' where nothing does. */
function judged(starts: TopicStarts, value: Parameter): string {
  const rows = [...starts].flatMap(([topic, partitions]) =>
    [...partitions].map(([partition, start]) => ({ topic, partition, start: String(start) })),
  );
  const topics = value(rows.map(({ topic }) => topic));
  const partitions = value(rows.map(({ partition }) => partition));
  const offsets = value(rows.map(({ start }) => start));
  return `starts AS (
      SELECT * FROM unnest(${topics}::text[], ${partitions}::integer[], ${offsets}::bigint[])
        AS s (topic, partition, start)
    ), judged AS MATERIALIZED (
      SELECT s.*, CASE WHEN s.origin IS NULL THEN 'NOT_WRITTEN'
        WHEN s.kept OR s."offset" >= starts.start THEN '' ELSE 'GONE' END AS obstacle
      FROM standing s LEFT JOIN starts USING (topic, partition)
    )`;
}

/** A selection as it may be seen by everybody. */
function publicSelection({ patient, correlationIds, ...selection }: ReplaySelection): object {
  return {
    ...selection,
    ...(patient !== undefined && { patient: true }),
    ...(correlationIds !== undefined && { correlationIds: correlationIds.length }),
  };
}

/** @returns whether it is new: one with this id may be there already */
async function insert(client: PoolClient, wish: NewReplay, state: ReplayState, error = ''): Promise<boolean> {
  const { id, name, namespace, selection, toDestination = '', perSecond = null, who, reason } = wish;
  const { rowCount } = await client.query(
    `INSERT INTO ihub.replay
       (id, name, namespace, who, reason, selection, stage, to_destination, per_second, state, error, finished_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $10 = 'failed' THEN now() END) ON CONFLICT DO NOTHING`,
    [
      ...[id, name, namespace, who, reason, publicSelection(selection), selection.stage],
      ...[toDestination, perSecond, state, error],
    ],
  );
  return rowCount === 1;
}

async function note(
  client: PoolClient,
  replay: string,
  action: ReplayAudit['action'],
  who: string,
  why: string,
): Promise<void> {
  await client.query(
    'INSERT INTO ihub.replay_audit (replay, at, action, who, why) VALUES ($1, clock_timestamp(), $2, $3, $4)',
    [replay, action, who, why],
  );
}

function noReplay(id: string): ArchiveError {
  return new ArchiveError('NO_REPLAY', `There is no replay ${id}: see ihub replay list.`);
}

function sum(groups: readonly { readonly count: number }[]): number {
  return groups.reduce((total, { count }) => total + count, 0);
}

function counts<T extends { readonly count: number }>(
  groups: readonly T[],
  nameOf: (group: T) => string,
): Record<string, number> {
  const byName: Record<string, number> = {};
  for (const group of groups) byName[nameOf(group)] = (byName[nameOf(group)] ?? 0) + group.count;
  return byName;
}

function byTime(one: Date, other: Date): number {
  return one.getTime() - other.getTime();
}

const selectReplay = `
SELECT id, name, namespace, created_at AS "createdAt", who, reason, selection, stage, to_destination AS "toDestination",
  per_second AS "perSecond", total, left_out AS "leftOut", first_at AS "firstAt", last_at AS "lastAt", state, error,
  done, finished_at AS "finishedAt"
FROM ihub.replay`;

const selectAudit = 'SELECT id, replay, at, action, who, why FROM ihub.replay_audit';
