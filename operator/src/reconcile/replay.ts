/**
 * A MessageReplay: what it asks for is written into Kafka for the archivist, which runs it, and what that tells of it is
 * reported. So the operator needs no way to the database, and the archivist none to the API server.
 */
import {
  messageReplay,
  replayRequestValue,
  replaysTopic,
  schemaProblems,
  type ReplayStatus,
} from '@integration-hub/api';
import type { ReplayTold } from '@integration-hub/replay';
import { resourceTypes, type KubeObject } from '../kubernetes/object.js';
import type { Finding } from './conditions.js';
import { problemFinding } from './findings.js';
import { writeStatus } from './status.js';
import type { Subject, World } from './world.js';

/** How often a replay that is not over is looked at, in milliseconds. */
const everyMs = 5_000;
const over: readonly unknown[] = ['Completed', 'Cancelled', 'Failed'];
const type = 'Complete';

export async function reconcileReplay(
  world: World,
  { namespace, name, key }: Subject,
  resource: KubeObject,
): Promise<undefined> {
  const former = resource.status as ReplayStatus | undefined;
  if (resource.metadata.deletionTimestamp !== undefined || over.includes(former?.phase)) {
    world.forgetKafka(key);
    return;
  }
  const status = (finding: Finding, rest: Partial<ReplayStatus>): Promise<void> =>
    writeStatus(world, resourceTypes.replay, resource, [finding], rest);
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
  const kafka = world.kafka(plan.hub.spec.kafka.bootstrapServers);
  world.forgetKafka(key, kafka);
  const id = resource.metadata.uid!;
  const request = replayRequestValue(parsed.data, id).toString();
  kafka.wish(key, { topics: [topic], backlogs: [], replay: { id, topic: topic.name, request }, everyMs });
  const told = kafka.replay(id);
  const { phase, finding } = found(told, kafka.unreachable);
  const counts = told?.state && {
    total: told.state.total,
    done: Math.max(told.done, told.state.done),
    leftOut: told.state.leftOut,
  };
  await status(finding, { phase, ...counts });
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
  told: ReplayTold | undefined,
  unreachable: string | undefined,
): { phase: NonNullable<ReplayStatus['phase']>; finding: Finding } {
  const state = told?.state;
  if (state === undefined) {
    const message = unreachable ?? 'The archivist has not taken it yet.';
    const reason = unreachable === undefined ? 'Pending' : 'KafkaUnreachable';
    return { phase: 'Pending', finding: { type, status: 'False', reason, message } };
  }
  const phase = phases[state.state];
  const messages = {
    Running: 'It is being sent.',
    Paused: 'It waits until paused is taken away.',
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
