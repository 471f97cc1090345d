/** In a few words: what has become of a message. */
import type { ArchivedStep } from './archived-step.js';

/** @param steps of one message, in the order of time; none: its steps are still under way to the archive */
export function outcomeOf(steps: readonly ArchivedStep[]): string {
  return lastSteps(steps).map(phrase).join('; ') || 'received';
}

export type Outcome =
  'delivered' | 'waiting' | 'failed' | 'dead-letter' | 'dropped' | 'filtered' | 'duplicate';

/** Where it stands at each of its destinations; waiting where nothing more is known. */
export function outcomesOf(steps: readonly ArchivedStep[]): ReadonlySet<Outcome> {
  const outcomes = lastSteps(steps).map(outcomeAfter);
  return new Set(outcomes.length === 0 ? ['waiting'] : outcomes);
}

function outcomeAfter({ kind }: ArchivedStep): Outcome {
  switch (kind) {
    case 'received':
    case 'transformed':
    case 'letter-replayed':
      return 'waiting';
    case 'letter-dropped':
      return 'dropped';
    default:
      return kind;
  }
}

/** The last step at each destination, and the one before any where it still says something. */
function lastSteps(steps: readonly ArchivedStep[]): ArchivedStep[] {
  const last = new Map(steps.map((step) => [step.destination, step]));
  const before = last.get('');
  last.delete('');
  // A later try of the whole message makes the steps at its destinations anew.
  const own = before !== undefined && (last.size === 0 || isSetAside(before)) ? [before] : [];
  return [...own, ...last.values()];
}

function isSetAside({ kind }: ArchivedStep): boolean {
  return kind === 'dead-letter' || kind === 'letter-dropped';
}

function phrase({ kind, destination, code, attempts, replayed }: ArchivedStep): string {
  const to = destination === '' ? '' : ` ${destination}`;
  switch (kind) {
    case 'received':
    case 'transformed':
      return destination === '' ? (replayed ? 'sent again' : 'received') : `waits for${to}`;
    case 'filtered':
      return 'for no destination';
    case 'duplicate':
      return 'dropped, since it had come before';
    case 'delivered':
      return `delivered to${to}`;
    case 'failed':
      return `tried ${attempts} times for${to}: ${code}`;
    case 'dead-letter':
      return `dead letter${to === '' ? '' : ` of${to}`}: ${code}`;
    case 'letter-replayed':
      return 'sent again';
    case 'letter-dropped':
      return `dead letter${to === '' ? '' : ` of${to}`}, dropped`;
  }
}
