/**
 * Overrides of alerts as an annotation on their resource, by server-side apply with a field manager of its own
 * (https://kubernetes.io/docs/reference/using-api/server-side-apply/): of the object nothing else is touched, and Git
 * tools, which compare what Git says, leave it alone. The operator reads it there; the console hears of it by its plan,
 * up to a minute later, and goes by what it has written until then.
 */
import { type AlertOverride, alertOverridesPatch, readAlertOverrides } from '@integration-hub/api';
import { errorShape, type Log } from '@integration-hub/workers';
import { z } from 'zod';
import { ClusterApi, ClusterApiError } from './cluster-api.js';
import { ConsoleError } from './console-error.js';
import {
  type OverrideChange,
  type OverrideStore,
  type OverrideSubject,
  subjectKey,
} from './override-store.js';

/** What is read of a resource. */
const resource = z.object({
  metadata: z.object({
    uid: z.string(),
    resourceVersion: z.string(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});

/** The operator writes a resource's status now and then: what was read is then of a former version. */
const mostTries = 8;
/** After so long the plan is believed whatever it says; a changed ConfigMap is in the pod sooner. */
const mostAheadMs = 300_000;

/** What was written, which the plan may not say yet. */
interface Ahead {
  readonly overrides: readonly AlertOverride[];
  /** As JSON: what the plan said before, and all that was written since. */
  readonly known: ReadonlySet<string>;
  readonly writtenAt: number;
}

export class OverrideAnnotation implements OverrideStore {
  readonly #namespace: string;
  readonly #log: Log;
  readonly #api: ClusterApi;
  readonly #ahead = new Map<string, Ahead>();

  constructor(namespace: string, log: Log) {
    this.#namespace = namespace;
    this.#log = log;
    this.#api = new ClusterApi(namespace);
  }

  of(subject: OverrideSubject, planned: readonly AlertOverride[]): readonly AlertOverride[] {
    const key = subjectKey(subject);
    const ahead = this.#ahead.get(key);
    if (ahead === undefined) return planned;
    const isOver = performance.now() - ahead.writtenAt > mostAheadMs;
    // What this console has neither read nor written comes from somebody else, later.
    if (isOver || !ahead.known.has(JSON.stringify(planned))) {
      this.#ahead.delete(key);
      return planned;
    }
    return ahead.overrides;
  }

  async change(
    subject: OverrideSubject,
    planned: readonly AlertOverride[],
    change: OverrideChange,
  ): Promise<void> {
    const overrides = await this.#write(subject, change);
    const key = subjectKey(subject);
    const known = new Set(this.#ahead.get(key)?.known);
    for (const state of [planned, overrides]) known.add(JSON.stringify(state));
    this.#ahead.set(key, { overrides, known, writtenAt: performance.now() });
  }

  async #write(subject: OverrideSubject, change: OverrideChange): Promise<readonly AlertOverride[]> {
    const { kind, name } = subject;
    for (let tries = 1; ; tries++) {
      try {
        const { metadata } = resource.parse(await this.#api.read(subject));
        const { uid, resourceVersion, annotations } = metadata;
        const overrides = change(readAlertOverrides(annotations).overrides);
        const read = { kind, name, namespace: this.#namespace, uid, resourceVersion };
        await this.#api.apply(subject, alertOverridesPatch(read, overrides));
        // Only what is this field manager's own can it take away: so an empty one is made its own first.
        if (overrides.length === 0) {
          await this.#api.apply(
            subject,
            alertOverridesPatch({ ...read, resourceVersion: undefined }, undefined),
          );
        }
        return overrides;
      } catch (error) {
        if (error instanceof ConsoleError) throw error;
        const status = error instanceof ClusterApiError ? error.status : undefined;
        if (status === 409 && tries < mostTries) continue;
        this.#log.warn('an alarm’s override could not be written', {
          resource: subjectKey(subject),
          ...errorShape(error),
        });
        throw refusal(subject, status, error);
      }
    }
  }
}

function refusal({ kind, name }: OverrideSubject, status: number | undefined, cause: unknown): ConsoleError {
  if (status === 404) {
    return new ConsoleError('NOT_FOUND', `There is no ${kind} ${name} any more: see the overview.`, {
      cause,
    });
  }
  if (status === 409) {
    const sentence = `${kind} ${name} is being changed by somebody else again and again: try again in a moment.`;
    return new ConsoleError('CONFLICT', sentence, { cause });
  }
  if (status === 401 || status === 403) {
    const sentence = `Kubernetes does not let the console change ${kind} ${name}: who runs the hub must let the operator make the console’s Role.`;
    return new ConsoleError('CLUSTER_REFUSED', sentence, { cause });
  }
  const sentence =
    'Kubernetes does not answer now, and without it alarms can’t be silenced or tuned: try again.';
  return new ConsoleError('CLUSTER_AWAY', sentence, { cause });
}
