/**
 * How far replays have come, as records of `ihub.<namespace>.replays`: a topic that keeps the last record of each key.
 * Progress is written in the transaction that writes the messages, so after a crash it is known what has been sent.
 */
import { z } from 'zod';

const uuid = z.uuid();

/** Version 1: all messages before `next` have been sent, in the order of the replay's list. */
const progress = z.object({ version: z.literal(1), next: z.int().min(0) });

/** The key of a replay's progress. */
export function replayProgressKey(id: string): Buffer {
  return Buffer.from(`progress/${id}`);
}

/** Writes that all messages before `next` have been sent. */
export function replayProgressValue(next: number): Buffer {
  return Buffer.from(JSON.stringify({ version: 1, next }));
}

/** Reads `next` of a progress; undefined where it is none, or of a later version. */
export function readReplayProgress(value: Buffer): number | undefined {
  return progress.safeParse(parsed(value)).data?.next;
}

/** What the console, the operator and people want to know of a replay. It holds nothing of a message. */
export const replayState = z.object({
  version: z.literal(1),
  id: uuid,
  state: z.enum(['running', 'paused', 'cancelled', 'completed', 'failed']),
  total: z.int().min(0),
  done: z.int().min(0),
  leftOut: z.int().min(0),
  /** Of one that failed: why. */
  error: z.string(),
});

export type ReplayStateRecord = z.output<typeof replayState>;

/** The key of a replay's state. */
export function replayStateKey(id: string): Buffer {
  return Buffer.from(`state/${id}`);
}

/** Reads a state; undefined where the record is none, or of a later version. */
export function readReplayState(value: Buffer): ReplayStateRecord | undefined {
  return replayState.safeParse(parsed(value)).data;
}

function parsed(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString('utf8'));
  } catch {
    return undefined;
  }
}
