/**
 * What people do with replays: look at what one would send, start it, and have it pause, go on or end. They are kept in
 * the archive's database, and run by the archivist, wherever they were asked for.
 */
import { outboundTopic } from '@integration-hub/api';
import { type KafkaConnection, TopicAdmin } from '@integration-hub/kafka';
import type {
  Archive,
  LeftOut,
  NewReplay,
  Replay,
  ReplayAudit,
  ReplaySelection,
  ReplaySurvey,
} from '@integration-hub/store';
import { ReplayError } from './replay-error.js';

/** Where messages are: in the archive, and in the Kafka of its hub. */
export interface ReplaySources {
  readonly archive: Archive;
  readonly connection: KafkaConnection;
}

/** What is to be sent, and for whom. */
export type ReplayWish = Pick<NewReplay, 'namespace' | 'selection' | 'toDestination'>;

/** What a replay would do. */
export interface ReplayPreview extends ReplaySurvey {
  /** Messages by the topic that they would be written to. */
  readonly targets: Readonly<Record<string, number>>;
}

/** A replay with what was done with it. */
export interface ReplayReport extends Replay {
  readonly audit: readonly ReplayAudit[];
  /** The first of those that were left out. */
  readonly examples: readonly LeftOut[];
}

/** Who wants it, and why. */
export interface Decision {
  readonly who: string;
  readonly why: string;
}

/**
 * Says what a replay would send, and changes nothing.
 *
 * @throws ReplayError BAD_SELECTION, NO_TARGET
 * @throws ArchiveError DATABASE_AWAY
 * @throws KafkaError UNREACHABLE
 */
export async function previewReplay(sources: ReplaySources, wish: ReplayWish): Promise<ReplayPreview> {
  return withTopics(sources, wish, async (starts, topics) => {
    const survey = await sources.archive.replays.survey(wish.selection, starts);
    const { namespace, toDestination } = wish;
    const targets =
      toDestination === undefined
        ? survey.topics
        : { [outboundTopic(namespace, toDestination)]: survey.total };
    const missing = Object.keys(targets).find((topic) => !topics.has(topic));
    if (missing !== undefined && survey.total > 0) throw noTarget(missing);
    return { ...survey, targets };
  });
}

/**
 * Starts a replay: its list is made now, and the archivist begins within a second or two.
 *
 * @param state `paused` to have it wait for `resumeReplay`
 * @returns it; where one with this id is there already, that one, unchanged
 * @throws ReplayError BAD_SELECTION, NO_TARGET, NO_REASON
 * @throws ArchiveError NOTHING_TO_REPLAY, TOO_MUCH_TO_REPLAY, DATABASE_AWAY
 * @throws KafkaError UNREACHABLE
 */
export async function startReplay(
  sources: ReplaySources,
  replay: NewReplay,
  state: 'running' | 'paused' = 'running',
): Promise<Replay> {
  if (replay.reason.trim() === '' || replay.who.trim() === '') {
    const sentence = 'A replay needs a person and a reason, for those who read the record later.';
    throw new ReplayError('NO_REASON', sentence);
  }
  return withTopics(sources, replay, (starts) => sources.archive.replays.create(replay, starts, state));
}

/** Has a replay wait. @throws ArchiveError NO_REPLAY, REPLAY_OVER */
export function pauseReplay(archive: Archive, id: string, { who, why }: Decision): Promise<Replay> {
  return archive.replays.want(id, 'paused', who, why);
}

/** Has a replay go on that waits, or that failed. @throws ArchiveError NO_REPLAY, REPLAY_OVER */
export function resumeReplay(archive: Archive, id: string, { who, why }: Decision): Promise<Replay> {
  return archive.replays.want(id, 'running', who, why);
}

/** Ends a replay; what it has sent is sent. @throws ArchiveError NO_REPLAY, REPLAY_OVER */
export function cancelReplay(archive: Archive, id: string, { who, why }: Decision): Promise<Replay> {
  return archive.replays.want(id, 'cancelled', who, why);
}

/** The latest replays, the latest first. */
export function listReplays(archive: Archive, limit = 50): Promise<Replay[]> {
  return archive.replays.list(limit);
}

/** A replay, what was done with it, and what it leaves out. @throws ArchiveError NO_REPLAY */
export async function reportReplay(archive: Archive, id: string): Promise<ReplayReport> {
  const { replays } = archive;
  return { ...(await replays.get(id)), audit: await replays.audit(id), examples: await replays.leftOut(id) };
}

/** Gives the work what Kafka has at present: where the topics begin that are needed, and all topics' names. */
async function withTopics<T>(
  { archive, connection }: ReplaySources,
  { namespace, selection, toDestination }: ReplayWish,
  work: (starts: ReadonlyMap<string, ReadonlyMap<number, bigint>>, topics: ReadonlySet<string>) => Promise<T>,
): Promise<T> {
  refuseUnbounded(selection);
  const admin = await TopicAdmin.connect({ connection });
  try {
    const topics = new Set(await admin.listTopics());
    const target = toDestination === undefined ? undefined : outboundTopic(namespace, toDestination);
    if (target !== undefined && !topics.has(target)) throw noTarget(target);
    const starts = new Map<string, ReadonlyMap<number, bigint>>();
    for (const topic of await archive.replays.topicsNeeded(selection)) {
      if (topics.has(topic)) starts.set(topic, await admin.startOffsets(topic));
    }
    return await work(starts, topics);
  } finally {
    await admin.close();
  }
}

function refuseUnbounded(selection: ReplaySelection): void {
  const { stage, destination, ...criteria } = selection;
  if (destination !== undefined && stage === 'received') {
    const sentence =
      'What was received was received for no destination: choose the outbound stage, or no destination.';
    throw new ReplayError('BAD_SELECTION', sentence);
  }
  if (Object.values(criteria).some((value) => value !== undefined)) return;
  const sentence = 'That would be every message of the archive: say which, at least from when.';
  throw new ReplayError('BAD_SELECTION', sentence);
}

function noTarget(topic: string): ReplayError {
  const sentence = `There is no topic ${topic} to write to: does the flow or the destination still exist?`;
  return new ReplayError('NO_TARGET', sentence);
}
