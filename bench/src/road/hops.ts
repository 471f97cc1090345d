/** Where the time of a message goes: between its sending, what Kafka has stored of it, and its arrival. */
import type { TopicAdmin } from '@integration-hub/kafka';
import { readNumbered } from './numbered-message.js';
import { type Percentiles, percentiles, type RoundTimes } from './round.js';

/** Kafka's own time of each record, in milliseconds since 1970, by topic; then by source, at the message's number. */
type StoredAt = Map<string, number[]>;

/** By how far the topics of a road were filled before a round. */
export type Marks = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

export async function markEnds(admin: TopicAdmin, topics: readonly string[]): Promise<Marks> {
  return new Map(
    await Promise.all(topics.map(async (topic) => [topic, await admin.endOffsets(topic)] as const)),
  );
}

async function storedSince(
  admin: TopicAdmin,
  topic: string,
  from: ReadonlyMap<number, bigint>,
): Promise<StoredAt> {
  const stored: StoredAt = new Map();
  await admin.read(topic, {
    from,
    timeoutMs: 120_000,
    onRecord: ({ value, timestamp }) => {
      const { source, number } = readNumbered(value);
      let times = stored.get(source);
      if (times === undefined) stored.set(source, (times = []));
      times[number] = timestamp;
      return true;
    },
  });
  return stored;
}

/**
 * How long each part of the road took, in milliseconds.
 *
 * @param marks of the topics on the road, in its order, before the round
 * @returns from being due to the first topic, from each topic to the next, from the last to the receiver
 */
export async function measureHops(
  admin: TopicAdmin,
  marks: Marks,
  { sent, arrived }: RoundTimes,
): Promise<Percentiles[]> {
  const stored = await Promise.all([...marks].map(([topic, from]) => storedSince(admin, topic, from)));
  const hops: number[][] = Array.from({ length: marks.size + 1 }, () => []);
  for (const [source, { numbers, at }] of arrived) {
    numbers.forEach((number, index) => {
      const times = [
        sent.get(source)![number - 1]!,
        ...stored.map((topic) => topic.get(source)![number]!),
        at[index]!,
      ];
      hops.forEach((hop, place) => hop.push(times[place + 1]! - times[place]!));
    });
  }
  return hops.map((hop) => percentiles(Float64Array.from(hop)));
}
