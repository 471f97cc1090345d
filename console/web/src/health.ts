/** How flows, destinations and zones are, in one word. */
import type { DestinationSummary, FlowSummary, WorkerSummary } from './api.js';
import type { IconName } from './parts/icon.js';

export type Health = Extract<IconName, 'good' | 'warning' | 'bad' | 'unknown'>;

/** The worst first, for lists that begin with what needs a person. */
const ORDER: readonly Health[] = ['bad', 'warning', 'unknown', 'good'];

/** A flow works in part where one of its workers does not. */
export function flowHealth({ ready, workers }: FlowSummary): Health {
  if (workers.length === 0) return 'unknown';
  if (!ready) return 'bad';
  return workers.every(isAtWork) ? 'good' : 'warning';
}

/** A destination that nothing was sent to lately is neither reached nor not. */
export function destinationHealth({ reachable, workers }: DestinationSummary): Health {
  if (workers.length > 0 && !workers.some(isAtWork)) return 'bad';
  if (reachable === false) return 'bad';
  if (!workers.every(isAtWork)) return 'warning';
  return reachable === null ? 'unknown' : 'good';
}

export function zoneHealth(workers: readonly WorkerSummary[]): Health {
  const atWork = workers.filter(isAtWork).length;
  if (atWork === workers.length) return 'good';
  return atWork === 0 ? 'bad' : 'warning';
}

export function isAtWork({ up, ready }: WorkerSummary): boolean {
  return up && ready;
}

/** The workers of each zone, zones by name. */
export function byZone(workers: readonly WorkerSummary[]): [zone: string, workers: WorkerSummary[]][] {
  return [...Map.groupBy(workers, ({ zone }) => zone)].sort(([one], [other]) => one.localeCompare(other));
}

/** Flows with those in trouble first: not working, then with dead letters, then by name. */
export function troubledFirst(flows: readonly FlowSummary[]): FlowSummary[] {
  const rank = (flow: FlowSummary): number =>
    ORDER.indexOf(flowHealth(flow)) * 2 + (hasDeadLetters(flow) ? 0 : 1);
  return [...flows].sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
}

export function isTroubled(flow: FlowSummary): boolean {
  return flowHealth(flow) !== 'good' || hasDeadLetters(flow) || (flow.errorRate ?? 0) > 0;
}

function hasDeadLetters({ deadLetters }: FlowSummary): boolean {
  return (deadLetters ?? 0) > 0;
}
