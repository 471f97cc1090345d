/** Dead letters: listed, shown, corrected, replayed, dropped. */
import { type ConsoleConfiguration, type DeadLetterAction, deadLetterTopic } from '@integration-hub/api';
import {
  type CorrectedLetter,
  type DeadLetter as Letter,
  DeadLetterBox,
  type Handling,
  type KafkaConnection,
  type Obstacle,
  readLetter,
  RecordReader,
} from '@integration-hub/kafka';
import { errorShape, type Log, kafkaConnection } from '@integration-hub/workers';
import type { FastifyInstance } from 'fastify';
import {
  type DeadLetterDetail,
  deadLetterId,
  type DeadLetters,
  deadLetterSearch,
  dropLetters,
  type HandledLetters,
  replayLetters,
} from './api.js';
import type { Audit } from './audit.js';
import { ConsoleError } from './console-error.js';
import { contentOf } from './content.js';
import { describe } from './dead-letter-index.js';
import { correctedLetter } from './letter-correction.js';
import { turns } from './turns.js';
import { mustBe } from './user.js';
import type { Watch } from './watch.js';

export interface DeadLetterParts {
  readonly configuration: ConsoleConfiguration;
  readonly log: Log;
  readonly audit: Audit;
  readonly watch: Watch;
}

/** Nobody at a page waits for longer. */
const readTimeoutMs = 15_000;

const hints: Readonly<Record<Obstacle['code'], string>> = {
  TRUNCATED: '',
  REJECTED: '; say that it has not, to replay it all the same',
  NO_TOPIC: '; is its flow or destination still there?',
};

export function registerDeadLetters(api: FastifyInstance, parts: DeadLetterParts): void {
  const { watch, audit } = parts;
  // Two that claim the same topic would shut each other out.
  const inTurn = turns();

  api.get('/api/dead-letters', ({ query }): DeadLetters => {
    const { of, code, after, limit } = deadLetterSearch.parse(query);
    if (!watch.deadLetters.isComplete) {
      throw new ConsoleError('KAFKA_AWAY', 'The dead letters are still being read: try again in a moment.');
    }
    const all = watch.deadLetters.list({ of, code });
    const from = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
    const deadLetters = all.slice(from, from + limit);
    const last = deadLetters.at(-1);
    const hasMore = from + limit < all.length && last !== undefined;
    return { deadLetters, total: all.length, ...(hasMore && { next: last.id }) };
  });

  api.get<{ Params: { owner: string; partition: string; offset: string } }>(
    '/api/dead-letters/:owner/:partition/:offset',
    async ({ params: { owner, partition, offset }, user }): Promise<DeadLetterDetail> => {
      const id = deadLetterId.parse(`${owner}/${partition}/${offset}`);
      const letter = watch.deadLetters.isOpen(owner, id)
        ? await openLetter(parts, owner, Number(partition), BigInt(offset))
        : // What was done with it stands anywhere behind it.
          (await withBox(parts, (box) => box.read({ ids: [id] })))[0];
      if (letter === undefined) throw noLetter();
      const { mark } = letter;
      const handled = mark && { action: mark.action, who: mark.who, why: mark.why, at: mark.time };
      const shown = { deadLetter: describe(letter), ...(handled && { handled }) };
      if (!user.mayReadContent || !user.roles.includes('operator')) {
        return { ...shown, content: { withheld: 'role' } };
      }
      await audit.write({ who: user.name, action: 'content-read', about: [id, letter.description.flow] });
      const charset = charsetOf(parts, letter);
      return { ...shown, content: contentOf(letter.bytes, charset === undefined ? {} : { charset }) };
    },
  );

  api.post('/api/dead-letters/replay', ({ body, user }): Promise<HandledLetters> => {
    mustBe(user, 'operator');
    const { ids, reason, rejected, corrected = {} } = replayLetters.parse(body);
    if (Object.keys(corrected).length > 0 && !user.mayReadContent) {
      throw new ConsoleError('NOT_ALLOWED', 'Who corrects a message must be allowed to see its content.');
    }
    return inTurn(async () => {
      await audit.write({ who: user.name, action: 'dead-letters-replayed', about: ids, why: reason });
      return replay(parts, { ids, reason, rejected, corrected }, user.name);
    });
  });

  api.post('/api/dead-letters/drop', ({ body, user }): Promise<HandledLetters> => {
    mustBe(user, 'operator');
    const { ids, reason } = dropLetters.parse(body);
    return inTurn(async () => {
      await audit.write({ who: user.name, action: 'dead-letters-dropped', about: ids, why: reason });
      return withBox(parts, (box) => handle(parts, box, ids, handlingOf('dropped', user.name, reason), []));
    });
  });
}

type Replay = ReturnType<typeof replayLetters.parse>;

function replay(
  parts: DeadLetterParts,
  { ids, reason, rejected, corrected = {} }: Pick<Replay, 'ids' | 'reason' | 'rejected' | 'corrected'>,
  who: string,
): Promise<HandledLetters> {
  return withBox(parts, async (box) => {
    const ready = new Map<string, CorrectedLetter>();
    const refused: HandledLetters['refused'] = [];
    for (const letter of await box.read({ ids })) {
      const { flows } = parts.watch.plan;
      const flow = flows.find(({ name }) => name === letter.description.flow);
      const isRejected = letter.reason.origin === '';
      const changes = corrected[letter.id]?.changes ?? [];
      if (changes.length === 0 && !isRejected) continue;
      if (isRejected && !rejected) continue; // That is an obstacle of its own.
      if (letter.reason.truncated) continue;
      const isAnew =
        flow !== undefined &&
        (isRejected || letter.reason.origin.startsWith(`${flow.intake}/`)) &&
        letter.owner === flow.name;
      try {
        ready.set(letter.id, correctedLetter(letter, changes, flow, isAnew));
      } catch (error) {
        if (!(error instanceof ConsoleError)) throw error;
        refused.push({ id: letter.id, sentence: error.message });
      }
    }
    const to = (letter: Letter): string | undefined =>
      letter.reason.origin === ''
        ? parts.watch.plan.flows.find(({ name }) => name === letter.description.flow)?.intake
        : undefined;
    const handling = { ...handlingOf('replayed', who, reason), rejected, to, corrected: ready };
    const able = ids.filter((id) => !refused.some((one) => one.id === id));
    return handle(parts, box, able, handling, refused);
  });
}

function handlingOf(action: DeadLetterAction, who: string, why: string): Handling {
  return { action, who, why, rejected: false };
}

/** Does it, and says of each that was not done why. */
async function handle(
  { watch }: DeadLetterParts,
  box: DeadLetterBox,
  ids: readonly string[],
  handling: Handling,
  refusedBefore: HandledLetters['refused'],
): Promise<HandledLetters> {
  const done: string[] = [];
  const refused = [...refusedBefore];
  if (ids.length > 0) {
    const plan = await box.plan({ ids }, handling);
    for (const { letter, obstacle } of plan) {
      if (obstacle === undefined) continue;
      refused.push({ id: letter.id, sentence: obstacle.sentence + hints[obstacle.code] });
    }
    watch.deadLetters.takeInHand(ids);
    try {
      await box.handle({ ids }, handling, ({ letter }) => done.push(letter.id));
    } catch (error) {
      // What was told of is done; of the rest it is not known, and the page asks anew.
      if (done.length === 0) throw error;
    }
  }
  const told = new Set([...done, ...refused.map(({ id }) => id)]);
  for (const id of ids) {
    if (told.has(id)) continue;
    const sentence = 'somebody has replayed or dropped it meanwhile, or Kafka keeps it no more';
    refused.push({ id, sentence });
  }
  return { done, refused };
}

/**
 * A letter that nothing was done with yet, read from its place alone.
 *
 * @returns undefined where Kafka keeps it no more
 * @throws ConsoleError KAFKA_AWAY
 */
function openLetter(
  parts: DeadLetterParts,
  owner: string,
  partition: number,
  offset: bigint,
): Promise<Letter | undefined> {
  return inKafka(parts, async (connection, namespace) => {
    const topic = deadLetterTopic(namespace, owner);
    const reader = await RecordReader.open({ connection, topic, timeoutMs: readTimeoutMs });
    try {
      const [record] = await reader.read(new Map([[partition, [offset]]]));
      return record && readLetter(owner, record, new Map());
    } finally {
      await reader.close();
    }
  });
}

/** @throws ConsoleError KAFKA_AWAY */
function withBox<T>(parts: DeadLetterParts, work: (box: DeadLetterBox) => Promise<T>): Promise<T> {
  return inKafka(parts, async (connection, namespace) => {
    const box = await DeadLetterBox.open(connection, namespace);
    try {
      return await work(box);
    } finally {
      await box.close();
    }
  });
}

/** @throws ConsoleError KAFKA_AWAY */
async function inKafka<T>(
  { configuration, log }: DeadLetterParts,
  work: (connection: KafkaConnection, namespace: string) => Promise<T>,
): Promise<T> {
  const { kafka, namespace } = configuration;
  const connection = kafkaConnection(kafka, 'console-dead-letters');
  try {
    return await work(connection, namespace);
  } catch (error) {
    if (error instanceof ConsoleError) throw error;
    log.warn('dead letters could not be worked on', errorShape(error));
    const sentence =
      'Kafka does not answer now, or somebody else works on the same letters. Look again what was done.';
    throw new ConsoleError('KAFKA_AWAY', sentence, { cause: error });
  }
}

function charsetOf({ watch }: DeadLetterParts, { description }: Letter): string | undefined {
  return watch.plan.flows.find(({ name }) => name === description.flow)?.checks.charset;
}

function noLetter(): ConsoleError {
  return new ConsoleError(
    'NOT_FOUND',
    'There is no such dead letter, or Kafka keeps it no more: look at the list.',
  );
}
