/** How those who don't reach the database ask for a replay, and hear of it: by records in Kafka. */
import {
  readReplayProgress,
  readReplayState,
  replayIdOf,
  replayProgressKey,
  replayRequestKey,
  replayRequestValue,
  replaysTopic,
  replayStateKey,
  type MessageReplay,
  type ReplayStateRecord,
} from '@integration-hub/api';
import {
  GatheringProducer,
  type KafkaConnection,
  type KafkaLog,
  type TopicAdmin,
} from '@integration-hub/kafka';

/** What is told of a replay; `state` is absent until it has been taken. */
export interface ReplayTold {
  readonly state?: ReplayStateRecord;
  /** How many of its messages have been dealt with. */
  readonly done: number;
}

/** The last record of each key in `ihub.<namespace>.replays`; what was read once is not read again. */
export class ReplayRecords {
  readonly topic: string;
  /** By key. */
  #last = new Map<string, Buffer>();
  /** By partition: up to where it is read. */
  #read: ReadonlyMap<number, bigint> = new Map();

  constructor(namespace: string) {
    this.topic = replaysTopic(namespace);
  }

  /** Reads what has come since. @throws KafkaError READ_TIMED_OUT, and what kafkajs says where Kafka is away */
  async update(admin: TopicAdmin): Promise<void> {
    const ends = await admin.endOffsets(this.topic);
    const isNew = [...ends].some(([partition, end]) => end < (this.#read.get(partition) ?? 0n));
    if (isNew) {
      this.#last = new Map();
      this.#read = new Map();
    }
    const hasMore = [...ends].some(([partition, end]) => end > (this.#read.get(partition) ?? 0n));
    if (!hasMore) return;
    await admin.read(this.topic, {
      from: this.#read,
      onRecord: ({ key, value }) => {
        if (key !== null) this.#last.set(key.toString(), value);
        return true;
      },
    });
    this.#read = ends;
  }

  /** What is told of a replay. */
  told(id: string): ReplayTold {
    const [state, progress] = [this.last(replayStateKey(id)), this.last(replayProgressKey(id))];
    const read = state && readReplayState(state);
    return { ...(read && { state: read }), done: (progress && readReplayProgress(progress)) ?? 0 };
  }

  /** The value of the last record with this key. */
  last(key: Buffer): Buffer | undefined {
    return this.#last.get(key.toString());
  }
}

/**
 * Asks for a replay where the last that was asked for it is something else, or nothing.
 *
 * @param records as they are now
 * @throws StoreError where Kafka does not take it
 */
export async function askForReplay(
  records: ReplayRecords,
  connection: KafkaConnection,
  replay: MessageReplay,
  log?: KafkaLog,
): Promise<void> {
  const key = replayRequestKey(replayIdOf(replay));
  const value = replayRequestValue(replay);
  if (records.last(key)?.equals(value)) return;
  const producer = new GatheringProducer({ connection, ...(log && { log }) });
  try {
    await producer.produce({ topic: records.topic, key, value, headers: {} });
  } finally {
    await producer.close();
  }
}
