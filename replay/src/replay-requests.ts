/** What a MessageReplay asks for, as its record in `ihub.<namespace>.replays` says it. */
import type { ReplayRequest } from '@integration-hub/api';
import { ArchiveError, type NewReplay } from '@integration-hub/store';
import { ReplayError } from './replay-error.js';
import { type ReplaySources, startReplay } from './replays.js';

/** What another try of the same would not change. */
const hopeless = ['NOTHING_TO_REPLAY', 'TOO_MUCH_TO_REPLAY', 'DATABASE_REFUSES'];

/**
 * Sees to it that the replay is there, and runs, waits or ends as is asked. A request that is met again changes
 * nothing; one that can't be met makes a replay that has failed, with the reason.
 *
 * @throws ArchiveError DATABASE_AWAY; KafkaError: try again later
 */
export async function applyRequest(sources: ReplaySources, request: ReplayRequest): Promise<void> {
  const { replays } = sources.archive;
  const wish = wishOf(request);
  const { cancelled, paused, requestedBy } = request.spec;
  const wanted = cancelled ? 'cancelled' : paused ? 'paused' : 'running';
  const isNew = (await replays.some([wish.id])).length === 0;
  if (isNew) {
    try {
      // One that is cancelled before it has begun must not begin.
      await startReplay(sources, wish, wanted === 'running' ? 'running' : 'paused');
    } catch (error) {
      const isHopeless =
        error instanceof ReplayError || (error instanceof ArchiveError && hopeless.includes(error.code));
      if (!isHopeless) throw error;
      await replays.createFailed(wish, error.message);
    }
  }
  const { state } = await replays.get(wish.id);
  const isOpen = state === 'running' || state === 'paused';
  if (isOpen && state !== wanted) {
    await replays.want(wish.id, wanted, requestedBy, `the MessageReplay ${request.name} says so`);
  } else if (!isNew) {
    // Whoever asks may have another Kafka than the one in which it was told.
    await replays.tellAgain(wish.id);
  }
}

function wishOf({ id, name, namespace, spec }: ReplayRequest): NewReplay {
  const { selection, stage, of, to, reason, requestedBy, ratePerSecond } = spec;
  const { from, until, ...criteria } = selection;
  return {
    ...{ id, name, namespace, reason, who: requestedBy, toDestination: to, perSecond: ratePerSecond },
    selection: {
      ...criteria,
      ...(from !== undefined && { from: new Date(from) }),
      ...(until !== undefined && { until: new Date(until) }),
      stage: stage === 'Received' ? 'received' : 'outbound',
      destination: of,
    },
  };
}
