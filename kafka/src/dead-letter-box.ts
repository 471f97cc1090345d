/** The dead letters of a namespace: reading them, sending them again, and marking them as done with. */
import {
  type DeadLetterAction,
  type DeadLetterMark,
  type DeadLetterReason,
  deadLetterTopic,
  markHeaders,
  type MessageDescription,
  readDeadLetterReason,
  readDescription,
  readMark,
  receivedTopic,
  recordHeaders,
} from '@integration-hub/api';
import type { KafkaConnection } from './connection.js';
import { ExclusiveWriter } from './exclusive-writer.js';
import type { IncomingRecord, OutgoingRecord } from './record.js';
import { TopicAdmin } from './topic-admin.js';

/** A message that a stage could not process. */
export interface DeadLetter {
  /** Names it for people: owner/partition/offset. */
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  /** The flow or destination that it is a letter of. */
  readonly owner: string;
  readonly description: MessageDescription;
  readonly reason: DeadLetterReason;
  readonly key: Buffer | null;
  /** The message as it came to the stage, or the beginning of it where `reason.truncated`. */
  readonly bytes: Buffer;
  /** What was done with it; undefined where that is still to come. */
  readonly mark: DeadLetterMark | undefined;
}

/** Which letters are meant; one that meets all that is given. */
export interface DeadLetterFilter {
  readonly ids?: readonly string[];
  readonly owner?: string;
  readonly code?: string;
  readonly stage?: string;
  readonly controlId?: string;
  /** Milliseconds since 1970: failed then or later. */
  readonly since?: number;
}

export interface Handling {
  readonly action: DeadLetterAction;
  readonly who: string;
  readonly why: string;
  /** Replay what listeners have refused, too. */
  readonly rejected: boolean;
  /** The topic to write to in place of the one that the letter came from; undefined of a letter: that one. */
  readonly to?: string | ((letter: DeadLetter) => string | undefined);
  /** What a person has made of letters, by their ids. */
  readonly corrected?: ReadonlyMap<string, CorrectedLetter>;
}

/** A letter's message as it is to be sent again, and the key of its order. */
export interface CorrectedLetter {
  readonly bytes: Buffer;
  readonly key: Buffer | null;
  /** The places that a person has changed, as `PID-7`; for the record, so without values. */
  readonly paths: readonly string[];
}

/** Why a letter can't be replayed. */
export interface Obstacle {
  readonly code: 'TRUNCATED' | 'REJECTED' | 'NO_TOPIC';
  readonly sentence: string;
}

/** A letter, and where it goes or why it can't be replayed. */
export interface Planned {
  readonly letter: DeadLetter;
  readonly target: string;
  readonly obstacle: Obstacle | undefined;
}

/** Letters of one transaction. */
const MOST_AT_ONCE = 100;
const MOST_BYTES_AT_ONCE = 4 * 1_048_576;

export class DeadLetterBox {
  readonly #connection: KafkaConnection;
  readonly #namespace: string;
  readonly #admin: TopicAdmin;

  private constructor(connection: KafkaConnection, namespace: string, admin: TopicAdmin) {
    this.#connection = connection;
    this.#namespace = namespace;
    this.#admin = admin;
  }

  /** @throws KafkaError UNREACHABLE */
  static async open(connection: KafkaConnection, namespace: string): Promise<DeadLetterBox> {
    return new DeadLetterBox(connection, namespace, await TopicAdmin.connect({ connection }));
  }

  async close(): Promise<void> {
    await this.#admin.close();
  }

  /** The letters that are meant, by owner, partition and offset: the order in which they failed. */
  async read(filter: DeadLetterFilter): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for (const owner of await this.#owners(filter)) letters.push(...(await this.#readOwner(owner, filter)));
    return letters;
  }

  /** What would be done with the letters that are meant and that nothing has been done with yet. */
  async plan(filter: DeadLetterFilter, handling: Handling): Promise<Planned[]> {
    const topics = new Set(await this.#admin.listTopics());
    return (await this.read(filter))
      .filter(({ mark }) => mark === undefined)
      .map((letter) => planned(letter, handling, this.#namespace, topics));
  }

  /**
   * Does it, each letter in one transaction with the mark that says so: whatever dies, and whoever else does the same
   * at the same time, each is replayed once. Letters that can't be are left.
   *
   * @param onDone is told of each after its transaction
   * @throws KafkaError; what was told of is done
   */
  async handle(filter: DeadLetterFilter, handling: Handling, onDone: (one: Planned) => void): Promise<void> {
    for (const owner of await this.#owners(filter)) {
      const claim = `${deadLetterTopic(this.#namespace, owner)}-handling`;
      const writer = await ExclusiveWriter.open({ connection: this.#connection, claim });
      try {
        // Read only now that nobody else can mark letters of this owner.
        const all = await this.plan({ ...filter, owner }, handling);
        const able = all.filter(({ obstacle }) => obstacle === undefined);
        for (const some of portions(able)) {
          await writer.write(some.flatMap((one) => recordsOf(one, handling)));
          for (const one of some) onDone(one);
        }
      } finally {
        await writer.close();
      }
    }
  }

  async #owners({ owner, ids }: DeadLetterFilter): Promise<string[]> {
    const [before, after] = deadLetterTopic(this.#namespace, '\n').split('\n') as [string, string];
    const named = ids && new Set(ids.map((id) => id.split('/')[0]));
    return (await this.#admin.listTopics())
      .filter((topic) => topic.startsWith(before) && topic.endsWith(after))
      .map((topic) => topic.slice(before.length, topic.length - after.length))
      .filter((one) => (owner === undefined || one === owner) && (named?.has(one) ?? true));
  }

  async #readOwner(owner: string, filter: DeadLetterFilter): Promise<DeadLetter[]> {
    const topic = deadLetterTopic(this.#namespace, owner);
    const records = await this.#admin.readAll(topic);
    const marks = new Map<string, DeadLetterMark>();
    for (const { headers } of records) {
      const mark = readMark(headers);
      if (mark !== undefined) marks.set(mark.letter, mark);
    }
    return records
      .flatMap((record) => readLetter(owner, record, marks) ?? [])
      .filter((letter) => meets(letter, filter));
  }
}

/**
 * Reads a letter from a record of its owner's dead-letter topic.
 *
 * @param marks what was done with letters, by partition/offset
 * @returns undefined where the record is none
 */
export function readLetter(
  owner: string,
  { topic, partition, offset, key, value, headers }: IncomingRecord,
  marks: ReadonlyMap<string, DeadLetterMark>,
): DeadLetter | undefined {
  const reason = readDeadLetterReason(headers);
  if (reason === undefined) return undefined;
  const place = `${partition}/${offset}`;
  const [id, mark] = [`${owner}/${place}`, marks.get(place)];
  return {
    id,
    topic,
    partition,
    owner,
    description: readDescription(headers),
    reason,
    key,
    bytes: value,
    mark,
  };
}

function meets({ id, reason, description }: DeadLetter, filter: DeadLetterFilter): boolean {
  const { ids, code, stage, controlId, since } = filter;
  return (
    (ids === undefined || ids.includes(id)) &&
    (code === undefined || reason.code === code) &&
    (stage === undefined || reason.stage === stage) &&
    (controlId === undefined || description.controlId === controlId) &&
    (since === undefined || Date.parse(reason.failedTime) >= since)
  );
}

function planned(
  letter: DeadLetter,
  { action, rejected, to }: Handling,
  namespace: string,
  topics: ReadonlySet<string>,
): Planned {
  if (action === 'dropped') return { letter, target: '', obstacle: undefined };
  const { reason, description } = letter;
  const [origin = ''] = reason.origin.split('/');
  const asked = typeof to === 'function' ? to(letter) : to;
  const target = asked ?? (origin === '' ? receivedTopic(namespace, description.flow) : origin);
  return { letter, target, obstacle: obstacleTo() };

  function obstacleTo(): Obstacle | undefined {
    if (reason.truncated) {
      return {
        code: 'TRUNCATED',
        sentence: 'only the beginning of the message was kept: it was too large',
      };
    }
    if (origin === '' && !rejected) {
      return {
        code: 'REJECTED',
        sentence: 'the hospital was told that it was refused, and may have sent it again',
      };
    }
    if (topics.has(target)) return undefined;
    return { code: 'NO_TOPIC', sentence: `there is no topic ${target}` };
  }
}

function recordsOf({ letter, target }: Planned, handling: Handling): OutgoingRecord[] {
  const { action, who, why } = handling;
  const { topic, partition, description, id } = letter;
  const corrected = handling.corrected?.get(id);
  const { key, bytes } = corrected ?? letter;
  const time = new Date().toISOString();
  const place = id.slice(letter.owner.length + 1);
  const { correlationId, receivedTime } = description;
  const headers = markHeaders({
    ...{ action, letter: place, who, why, time, target },
    corrected: corrected?.paths ?? [],
    ...{ correlationId, receivedTime, stage: letter.reason.stage },
  });
  const mark: OutgoingRecord = { topic, partition, key: null, value: Buffer.alloc(0), headers };
  if (action === 'dropped') return [mark];
  const type = target.endsWith('.outbound') ? 'transformed' : 'received';
  const again = recordHeaders({ ...description, replay: { of: id, id: '' } }, type);
  return [{ topic: target, key, value: bytes, headers: again }, mark];
}

function portions(all: readonly Planned[]): Planned[][] {
  const portions: Planned[][] = [];
  let bytes = 0;
  for (const one of all) {
    const last = portions.at(-1);
    bytes += one.letter.bytes.length;
    if (last === undefined || last.length === MOST_AT_ONCE || bytes > MOST_BYTES_AT_ONCE) {
      portions.push([one]);
      bytes = one.letter.bytes.length;
    } else {
      last.push(one);
    }
  }
  return portions;
}
