/** Conditions of a resource's status: Kubernetes' metav1.Condition. */
import type { Condition } from '@integration-hub/api';

/** A condition without its times: what is so now. */
export interface Finding {
  readonly type: string;
  readonly status: Condition['status'];
  /** One word, for programs. */
  readonly reason: string;
  /** A sentence for people: what is wrong, and what to do. */
  readonly message: string;
}

/**
 * Turns findings into conditions. `lastTransitionTime` stays where the status stays.
 *
 * @param former what the resource's status has
 * @param now RFC 3339, whole seconds
 */
export function conditionsOf(
  findings: readonly Finding[],
  former: readonly Condition[],
  observedGeneration: number | undefined,
  now: string,
): Condition[] {
  return findings.map(({ type, status, reason, message }) => {
    const before = former.find((condition) => condition.type === type);
    return {
      type,
      status,
      ...(observedGeneration !== undefined && { observedGeneration }),
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
      reason,
      message,
    };
  });
}

/** Reasons of every start, which are worth an event only where all was well before. */
const everyday = new Set(['NoListener', 'NoWorker', 'OneZone', 'Pending', 'WorkersStarting', 'ZoneMissing']);

/** The findings that people should be told of by an event. */
export function news(findings: readonly Finding[], former: readonly Condition[]): Finding[] {
  return findings.filter(({ type, status, reason }) => {
    const before = former.find((condition) => condition.type === type);
    if (before?.status === status && before.reason === reason) return false;
    switch (status) {
      case 'True':
        return type === 'Ready' || before?.status === 'False';
      case 'False':
        return before?.status === 'True' || !everyday.has(reason);
      case 'Unknown':
        return false;
    }
  });
}

/**
 * Ready sums up others: true where all are, else with the reason of the first that is not.
 *
 * @param ready what is said where all is well
 */
export function readiness(findings: readonly Finding[], ready: string): Finding {
  const obstacle = findings.find(({ status }) => status !== 'True');
  if (!obstacle) return { type: 'Ready', status: 'True', reason: 'Ready', message: ready };
  return { ...obstacle, type: 'Ready', status: 'False' };
}
