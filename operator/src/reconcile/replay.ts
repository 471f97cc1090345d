/**
 * A MessageReplay: what it asks for is written into Kafka for the archivist, which runs it, and what that tells of it is
 * reported. So the operator needs no way to the database, and the archivist none to the API server.
 */
import {
  messageReplay,
  replayIdOf,
  replaysTopic,
  schemaProblems,
  type ReplayStatus,
} from '@integration-hub/api';
import type { ReplayFound } from '../hub-kafka.js';
import { placeOf } from '../kafka-credentials.js';
import { resourceTypes, type KubeObject } from '../kubernetes/object.js';
import type { Finding } from './conditions.js';
import { problemFinding } from './findings.js';
import { writeStatus } from './status.js';
import type { Subject, World } from './world.js';

/** How often a replay is looked at, in milliseconds; one that failed goes on only where a person has it tried again. */
const [everyMs, everyMsOfFailed] = [5_000, 60_000];
const over: readonly unknown[] = ['Completed', 'Cancelled'];
const type = 'Complete';

/** Asks for what a MessageReplay says, and reports what is told of it. One that is over is left as it is. */
export async function reconcileReplay(
  world: World,
  { namespace, name, key }: Subject,
  resource: KubeObject,
): Promise<undefined> {
  const former = resource.status as ReplayStatus | undefined;
  const status = (finding: Finding, rest: Partial<ReplayStatus>): Promise<void> =>
    writeStatus(world, resourceTypes.replay, resource, [finding], rest);
  if (resource.metadata.deletionTimestamp !== undefined) {
    world.forgetKafka(key);
    return;
  }
  const last = former?.conditions?.find((condition) => condition.type === type);
  if (former !== undefined && last !== undefined && over.includes(former.phase)) {
    world.forgetKafka(key);
    const { id, phase, total, done, leftOut } = former;
    // That a change was seen is told, though it has no effect.
    await status(last, { id, phase, total, done, leftOut });
    return;
  }
  const parsed = messageReplay.safeParse(resource);
  if (!parsed.success) {
    world.forgetKafka(key);
    const problem = problemFinding(schemaProblems(parsed.error, `MessageReplay/${name}`));
    await status({ ...problem, type }, { phase: 'Pending' });
    return;
  }
  const plan = world.plans.of(namespace);
  const topic =
    plan.hub &&
    plan.share(`Hub/${plan.hub.metadata.name}`).topics.find((one) => one.name === replaysTopic(namespace));
  if (plan.hub === undefined || topic === undefined) {
    world.forgetKafka(key);
    await status(noArchive, { phase: 'Pending' });
    return;
  }
  const kafka = world.kafka(placeOf(plan.hub));
  world.forgetKafka(key, kafka);
  const { apiVersion, kind, spec } = parsed.data;
  // Without what changes with each report of ours.
  const replay = { apiVersion, kind, metadata: { name, namespace }, spec };
  const id = replayIdOf(replay);
  const every = former?.phase === 'Failed' ? everyMsOfFailed : everyMs;
  kafka.wish(key, { topics: [topic], backlogs: [], replay, everyMs: every });
  const told = kafka.replay(id);
  const { phase, finding } = found(told, kafka.unreachable);
  const counts = told?.state && {
    total: told.state.total,
    done: Math.max(told.done, told.state.done),
    leftOut: told.state.leftOut,
  };
  await status(finding, { phase, id, ...counts });
}

const noArchive: Finding = {
  type,
  status: 'False',
  reason: 'NoArchive',
  message: 'The namespace has no sound Hub with an archive, so there is nothing to replay from.',
};

const phases = {
  running: 'Running',
  paused: 'Paused',
  cancelled: 'Cancelled',
  completed: 'Completed',
  failed: 'Failed',
} as const;

function found(
  told: ReplayFound | undefined,
  unreachable: string | undefined,
): { phase: NonNullable<ReplayStatus['phase']>; finding: Finding } {
  const state = told?.state;
  if (state === undefined) {
    const failure = unreachable ?? told?.failure;
    const message = failure ?? 'The archivist has not taken it yet.';
    const reason = failure === undefined ? 'Pending' : 'KafkaUnreachable';
    return { phase: 'Pending', finding: { type, status: 'False', reason, message } };
  }
  const phase = phases[state.state];
  const messages = {
    Running: 'It is being sent.',
    Paused: 'It waits: take spec.paused away, or "ihub replay resume" where it was paused by hand.',
    Cancelled: 'It was cancelled; what it had sent is sent.',
    Completed:
      state.leftOut === 0
        ? 'All of it has been sent.'
        : `It has been sent, but for ${state.leftOut} messages; "ihub replay show ${state.id}" names them.`,
    Failed: state.error,
  };
  const isComplete = phase === 'Completed';
  return {
    phase,
    finding: { type, status: isComplete ? 'True' : 'False', reason: phase, message: messages[phase] },
  };
}
