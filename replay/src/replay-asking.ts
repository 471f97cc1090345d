/** How those who don't reach the database ask for a replay, and hear of it: by records in Kafka. */
import {
  readReplayProgress,
  readReplayState,
  replayProgressKey,
  replayRequestKey,
  replayStateKey,
  type ReplayStateRecord,
} from '@integration-hub/api';
import {
  GatheringProducer,
  type KafkaConnection,
  type KafkaLog,
  type TopicAdmin,
} from '@integration-hub/kafka';

export interface ReplayWanted {
  readonly id: string;
  /** The topic in which it is asked for, and told of. */
  readonly topic: string;
  /** What is asked: written there where it is not the last that was. */
  readonly request: string;
}

/** What is told of a replay; `state` is absent until it has been taken. */
export interface ReplayTold {
  readonly state?: ReplayStateRecord;
  /** How many of its messages have been dealt with. */
  readonly done: number;
}

/** Asks for a replay, unless that was done, and says what is told of it. @throws KafkaError READ_TIMED_OUT, StoreError */
export async function askForReplay(
  admin: TopicAdmin,
  connection: KafkaConnection,
  { id, topic, request }: ReplayWanted,
  log?: KafkaLog,
): Promise<ReplayTold> {
  const records = await admin.readAll(topic);
  const last = (key: Buffer): Buffer | undefined =>
    records.findLast((record) => record.key?.equals(key) ?? false)?.value;
  if (last(replayRequestKey(id))?.toString() !== request) {
    const producer = new GatheringProducer({ connection, ...(log && { log }) });
    try {
      await producer.produce({ topic, key: replayRequestKey(id), value: Buffer.from(request), headers: {} });
    } finally {
      await producer.close();
    }
  }
  const [state, progress] = [last(replayStateKey(id)), last(replayProgressKey(id))];
  const read = state && readReplayState(state);
  return { ...(read && { state: read }), done: (progress && readReplayProgress(progress)) ?? 0 };
}
