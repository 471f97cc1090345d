/** Replays: looked at before they begin, started, paused, gone on with, cancelled. The archivist runs them. */
import type { ConsoleConfiguration } from '@integration-hub/api';
import { KafkaError } from '@integration-hub/kafka';
import { kafkaConnection } from '@integration-hub/workers';
import {
  cancelReplay,
  listReplays,
  pauseReplay,
  previewReplay,
  ReplayError,
  resumeReplay,
  startReplay,
  type ReplayWish,
} from '@integration-hub/replay';
import { type Archive, ArchiveError, type Replay as StoredReplay } from '@integration-hub/store';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  changeReplay,
  previewReplay as previewWanted,
  startReplay as startWanted,
  type Replay,
  type ReplayPreview,
  type Replays,
} from './api.js';
import type { ArchiveReader } from './archive-reader.js';
import type { Audit } from './audit.js';
import { ConsoleError, type ConsoleErrorCode } from './console-error.js';
import { mustBe } from './user.js';

export interface ReplayParts {
  readonly configuration: ConsoleConfiguration;
  readonly archive: ArchiveReader;
  readonly audit: Audit;
}

const decisions = { pause: pauseReplay, resume: resumeReplay, cancel: cancelReplay };

/** What the asker can mend; anything else is the archive's or Kafka's. */
const askersOwn: Readonly<Record<string, ConsoleErrorCode>> = {
  BAD_SEARCH: 'BAD_REQUEST',
  BAD_SELECTION: 'BAD_REQUEST',
  NO_TARGET: 'BAD_REQUEST',
  NO_REASON: 'BAD_REQUEST',
  NOTHING_TO_REPLAY: 'BAD_REQUEST',
  TOO_MUCH_TO_REPLAY: 'BAD_REQUEST',
  NO_REPLAY: 'NOT_FOUND',
  REPLAY_OVER: 'CONFLICT',
};

export function registerReplays(api: FastifyInstance, { configuration, archive, audit }: ReplayParts): void {
  const { namespace, kafka } = configuration;
  const connection = kafkaConnection(kafka, 'console-replays');
  const ask = <T>(question: (one: Archive) => Promise<T>): Promise<T> =>
    archive.ask((one) => question(one).catch(refused));

  api.get('/api/replays', async (): Promise<Replays> => {
    const replays = await ask((one) => listReplays(one));
    return { replays: replays.map(shown) };
  });

  api.post('/api/replays/preview', async ({ body, user }): Promise<ReplayPreview> => {
    mustBe(user, 'operator');
    const wish = wishOf(namespace, previewWanted.parse(body));
    await tellOfPatient(audit, user.name, wish);
    const { total, firstAt, lastAt, flows, leftOut } = await ask((one) =>
      previewReplay({ archive: one, connection }, wish),
    );
    return { total, flows, leftOut, firstAt: moment(firstAt), lastAt: moment(lastAt) };
  });

  api.post('/api/replays', async ({ body, user }): Promise<Replay> => {
    mustBe(user, 'operator');
    const wanted = startWanted.parse(body);
    const { id, reason, perSecond } = wanted;
    const wish = wishOf(namespace, wanted);
    await tellOfPatient(audit, user.name, wish);
    await audit.write({ who: user.name, action: 'replay-started', about: [id], why: reason });
    const replay = { ...wish, id, perSecond, name: '', who: user.name, reason };
    return shown(await ask((one) => startReplay({ archive: one, connection }, replay)));
  });

  for (const [name, decide] of Object.entries(decisions)) {
    api.post<{ Params: { id: string } }>(
      `/api/replays/:id/${name}`,
      async ({ params, body, user }): Promise<Replay> => {
        mustBe(user, 'operator');
        const id = z.uuid().parse(params.id);
        const { reason: why } = changeReplay.parse(body);
        const about = [id, name];
        await audit.write({ who: user.name, action: 'replay-changed', about, ...(why !== '' && { why }) });
        return shown(await ask((one) => decide(one, id, { who: user.name, why })));
      },
    );
  }
}

function wishOf(
  namespace: string,
  { messages, stage, toDestination }: z.output<typeof previewWanted>,
): ReplayWish {
  const { flow, controlId, correlationId, patient, type: messageType, from, to } = messages;
  const [begin, until] = [from, to].map((time) => (time === undefined ? undefined : new Date(time)));
  const criteria = { flow, controlId, correlationId, patient, messageType, from: begin, until };
  return { namespace, selection: { ...criteria, stage }, toDestination };
}

/** Whoever counts the messages of an identifier learns whether it is a patient of this hub. */
async function tellOfPatient(audit: Audit, who: string, { selection }: ReplayWish): Promise<void> {
  const { patient, flow } = selection;
  if (patient === undefined) return;
  await audit.write({ who, action: 'searched-patient', about: flow === undefined ? [] : [flow] });
}

function refused(error: unknown): never {
  if (error instanceof ReplayError || error instanceof ArchiveError) {
    const code = askersOwn[error.code];
    if (code !== undefined) throw new ConsoleError(code, error.message);
  }
  if (error instanceof KafkaError) {
    const sentence = 'Kafka does not answer now, and without it nothing can be sent again. Try again later.';
    throw new ConsoleError('KAFKA_AWAY', sentence, { cause: error });
  }
  throw error;
}

function shown(replay: StoredReplay): Replay {
  const { id, who, reason, stage, toDestination, perSecond, total, done, leftOut, state, error } = replay;
  return {
    ...{ id, who, reason, stage, toDestination, perSecond, total, done, leftOut, state, error },
    createdAt: replay.createdAt.toISOString(),
    finishedAt: moment(replay.finishedAt),
  };
}

function moment(time: Date | null | undefined): string | null {
  return time?.toISOString() ?? null;
}
