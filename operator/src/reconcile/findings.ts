/** From what is seen of a resource's stages, topics and backlogs to what is said of it. Pure. */
import { problemText, type Problem } from '@integration-hub/api';
import type { Backlog, TopicsState } from '../hub-kafka.js';
import type { ZonesState } from '@integration-hub/kafka';
import type { Finding } from './conditions.js';
import type { StageState } from './stage-state.js';

/** A backlog that a group has not moved in for so long is called stuck, in milliseconds. */
export const stuckAfterMs = 60_000;

/** Reasons of Ready for what is wrong with a resource itself. */
const reasons: Readonly<Record<Problem['code'], string>> = {
  NOT_YAML: 'Invalid',
  NOT_A_RESOURCE: 'Invalid',
  UNKNOWN_KIND: 'Invalid',
  INVALID_FIELD: 'Invalid',
  DUPLICATE: 'Duplicate',
  MISSING_HUB: 'MissingHub',
  MISSING_DESTINATION: 'MissingDestination',
  PORT_TAKEN: 'PortTaken',
  NAME_TAKEN: 'NameTaken',
};

export function problemFinding(problems: readonly Problem[]): Finding {
  const rest = problems.length > 1 ? `; ${problems.length - 1} more` : '';
  const message = `${problemText(problems[0]!)}${rest}. What ran before goes on as it was.`;
  return { type: 'Ready', status: 'False', reason: reasons[problems[0]!.code], message };
}

export function topicsFinding(state: TopicsState, topics: number): Finding {
  const type = 'TopicsReady';
  switch (state.state) {
    case 'ready': {
      const message = `${topics} topics are as they should be.`;
      return { type, status: 'True', reason: 'TopicsReady', message };
    }
    case 'pending': {
      const message = 'The topics are being looked at.';
      return { type, status: 'Unknown', reason: 'Pending', message };
    }
    case 'unreachable':
      return { type, status: 'False', reason: 'KafkaUnreachable', message: state.message };
    case 'failed': {
      const message = `${state.message}. Correct the Hub’s or the topic’s settings.`;
      return { type, status: 'False', reason: 'TopicFailed', message };
    }
  }
}

/** What the API server does not let the operator make, in its own words. */
export function refusalFinding(sentence: string): Finding {
  const message = `The cluster refuses an object of it: ${sentence}`;
  return { type: 'Applied', status: 'False', reason: 'ObjectRefused', message };
}

/** ZoneRedundant of a Hub: whether Kafka has brokers in each of its zones; undefined where it has fewer than two. */
export function brokersFinding({ zones, lost }: ZonesState): Finding | undefined {
  const type = 'ZoneRedundant';
  if (zones.length < 2) return undefined;
  if (lost === undefined) {
    return {
      type,
      status: 'True',
      reason: 'AllZones',
      message: `Kafka has brokers in ${zones.join(' and ')}.`,
    };
  }
  const meanwhile = lost.isLowered
    ? 'Topics ask for copies in the other zones only, until all are in sync again: what is acknowledged meanwhile is not in every zone.'
    : 'Nothing is acknowledged where a topic asks for more copies than are left: lower min.insync.replicas, or have the operator do it (--lower-after-zone-loss-ms).';
  const message = `No broker of ${lost.name} is there since ${lost.since}. ${meanwhile}`;
  return { type, status: 'False', reason: lost.isLowered ? 'ZoneLostLowered' : 'ZoneLost', message };
}

/** Listening: whether messages are taken in. */
export function listeningFinding(listener: StageState | undefined): Finding {
  const type = 'Listening';
  if (listener === undefined) {
    return { type, status: 'False', reason: 'NoListener', message: 'The flow has no listener yet.' };
  }
  const found = workersFinding(listener);
  if (found !== undefined) return { type, status: 'False', ...found };
  return { type, status: 'True', reason: 'Listening', message: `${listener.ready} listeners are ready.` };
}

/** Archiving: whether messages get into the archive. Where they don't they wait in their topics. */
export function archivingFinding(archivist: StageState | undefined): Finding {
  const type = 'Archiving';
  const found = archivist && workersFinding(archivist);
  if (archivist === undefined || found !== undefined) {
    const { reason, message } = found ?? { reason: 'NoWorker', message: 'archivist does not run yet.' };
    return { type, status: 'False', reason, message };
  }
  return { type, status: 'True', reason: 'Archiving', message: `${archivist.ready} archivists are ready.` };
}

/** ConsoleServed: whether people reach the console. Messages go on without it. */
export function consoleFinding(console: StageState | undefined): Finding {
  const type = 'ConsoleServed';
  const found = console && workersFinding(console);
  if (console === undefined || found !== undefined) {
    const { reason, message } = found ?? { reason: 'NoWorker', message: 'The console does not run yet.' };
    return { type, status: 'False', reason, message };
  }
  return { type, status: 'True', reason: 'Served', message: 'The console is ready.' };
}

/** What is known of one group's way through its topic, beside its workers. */
export interface Way {
  readonly state: StageState | undefined;
  readonly stage: string;
  readonly backlog: Backlog | undefined;
}

/** Delivering: whether what is stored gets to its destinations. */
export function deliveringFinding(ways: readonly Way[], now: number): Finding {
  const type = 'Delivering';
  for (const { state, stage } of ways) {
    if (state === undefined) {
      return { type, status: 'False', reason: 'NoWorker', message: `${stage} does not run yet.` };
    }
    const found = workersFinding(state);
    if (found !== undefined) return { type, status: 'False', ...found };
  }
  for (const { stage, backlog } of ways) {
    const stuckForMs = backlog?.stuckSince === undefined ? 0 : now - backlog.stuckSince;
    if (stuckForMs < stuckAfterMs) continue;
    // No figures: a message that changed with each would be written each time.
    const since = new Date(backlog!.stuckSince!).toISOString();
    const message = `${stage} has not got further since ${since}, though messages wait for it; its log says why.`;
    return { type, status: 'False', reason: 'Stuck', message };
  }
  return { type, status: 'True', reason: 'Delivering', message: 'Every stage has a ready worker.' };
}

function workersFinding(state: StageState): Pick<Finding, 'reason' | 'message'> | undefined {
  if (state.ready > 0) return undefined;
  if (state.trouble !== '') return { reason: 'WorkersFail', message: `${state.name}: ${state.trouble}.` };
  return { reason: 'WorkersStarting', message: `${state.name} has no ready worker yet.` };
}

/**
 * ZoneRedundant: whether every stage has a ready worker in every zone.
 *
 * @param nodesKnown false where the operator may not read nodes
 */
export function zonesFinding(
  stages: readonly StageState[],
  zones: readonly string[],
  nodesKnown: boolean,
): { readonly finding: Finding; readonly zones: string } {
  const type = 'ZoneRedundant';
  const covered = zones.filter(
    (zone) => stages.length > 0 && stages.every(({ readyZones }) => readyZones.has(zone)),
  );
  const text = `${covered.length}/${zones.length}`;
  if (zones.length < 2) {
    const message = 'The Hub names fewer than two zones; the loss of the place is the loss of the flow.';
    return { finding: { type, status: 'False', reason: 'OneZone', message }, zones: text };
  }
  if (!nodesKnown) {
    const message = 'The operator may not read nodes, so it does not know in which zones workers are.';
    return { finding: { type, status: 'Unknown', reason: 'NodesUnknown', message }, zones: '' };
  }
  if (covered.length === zones.length) {
    const message = `Every stage has a ready worker in ${zones.join(' and ')}.`;
    return { finding: { type, status: 'True', reason: 'AllZones', message }, zones: text };
  }
  const missing = zones.find((zone) => !covered.includes(zone))!;
  const stage = stages.find(({ readyZones }) => !readyZones.has(missing))?.name ?? 'a stage';
  const message = `${stage} has no ready worker in ${missing}.`;
  return { finding: { type, status: 'False', reason: 'ZoneMissing', message }, zones: text };
}
