/**
 * Overrides of alerts as an annotation on their resource, by server-side apply with a field manager of its own
 * (https://kubernetes.io/docs/reference/using-api/server-side-apply/): of the object nothing else is touched, and Git
 * tools, which compare what Git says, leave it alone. The operator reads it there; the console hears of it by its plan,
 * up to a minute later, and goes by what it has written until then.
 */
import {
  type AlertOverride,
  alertOverrideManager,
  alertOverridesPatch,
  apiVersion,
  readAlertOverrides,
} from '@integration-hub/api';
import { errorShape, type Log } from '@integration-hub/workers';
import type { ApiException, CustomObjectsApi } from '@kubernetes/client-node';
import { z } from 'zod';
import { ConsoleError } from './console-error.js';
import {
  type OverrideChange,
  type OverrideStore,
  type OverrideSubject,
  subjectKey,
} from './override-store.js';

const plurals: Readonly<Record<OverrideSubject['kind'], string>> = {
  Hub: 'hubs',
  IntegrationFlow: 'integrationflows',
  Destination: 'destinations',
};

/** What is read of a resource. */
const resource = z.object({
  metadata: z.object({
    uid: z.string(),
    resourceVersion: z.string(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});

const requestTimeoutMs = 10_000;
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
  readonly #ahead = new Map<string, Ahead>();
  #api: Promise<ClusterApi> | undefined;

  constructor(namespace: string, log: Log) {
    this.#namespace = namespace;
    this.#log = log;
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
        const api = await (this.#api ??= ClusterApi.connect(this.#namespace));
        const { metadata } = resource.parse(await api.read(subject));
        const { uid, resourceVersion, annotations } = metadata;
        const overrides = change(readAlertOverrides(annotations).overrides);
        const read = { kind, name, namespace: this.#namespace, uid, resourceVersion };
        await api.apply(subject, alertOverridesPatch(read, overrides));
        // Only what is this field manager's own can it take away: so an empty one is made its own first.
        if (overrides.length === 0) {
          await api.apply(subject, alertOverridesPatch({ ...read, resourceVersion: undefined }, undefined));
        }
        return overrides;
      } catch (error) {
        if (error instanceof ConsoleError) throw error;
        const status = (error as Partial<ApiException<unknown>>).code;
        if (status === 409 && tries < mostTries) continue;
        // What it could not be reached by may be other by then.
        this.#api = undefined;
        this.#log.warn('an alarm’s override could not be written', {
          resource: subjectKey(subject),
          ...errorShape(error),
        });
        throw refusal(subject, status, error);
      }
    }
  }
}

function refusal({ kind, name }: OverrideSubject, status: unknown, cause: unknown): ConsoleError {
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

type Options = NonNullable<Parameters<CustomObjectsApi['getNamespacedCustomObject']>[1]>;

/** The two requests that the console makes to the API server. */
class ClusterApi {
  readonly #objects: CustomObjectsApi;
  readonly #options: (contentType: string) => Options;
  readonly #namespace: string;
  readonly #applyType: string;

  private constructor(
    objects: CustomObjectsApi,
    options: (contentType: string) => Options,
    namespace: string,
    applyType: string,
  ) {
    this.#objects = objects;
    this.#options = options;
    this.#namespace = namespace;
    this.#applyType = applyType;
  }

  /** As the pod's ServiceAccount, or as KUBECONFIG says. */
  static async connect(namespace: string): Promise<ClusterApi> {
    // Loaded by whom needs it: it takes as much memory as all else of the console.
    const { CustomObjectsApi, KubeConfig, PatchStrategy, setHeaderMiddleware } =
      await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromDefault();
    const options = (contentType: string): Options => {
      const header = setHeaderMiddleware('content-type', contentType);
      const pre: typeof header.pre = (request) => {
        request.setSignal(AbortSignal.timeout(requestTimeoutMs));
        return header.pre(request);
      };
      return { middleware: [{ ...header, pre }], middlewareMergeStrategy: 'append' };
    };
    const objects = config.makeApiClient(CustomObjectsApi);
    return new ClusterApi(objects, options, namespace, PatchStrategy.ServerSideApply);
  }

  read(subject: OverrideSubject): Promise<unknown> {
    return this.#objects.getNamespacedCustomObject(this.#place(subject), this.#options('application/json'));
  }

  async apply(subject: OverrideSubject, body: object): Promise<void> {
    const parameters = { ...this.#place(subject), body, fieldManager: alertOverrideManager, force: true };
    await this.#objects.patchNamespacedCustomObject(parameters, this.#options(this.#applyType));
  }

  #place({ kind, name }: OverrideSubject): {
    group: string;
    version: string;
    namespace: string;
    plural: string;
    name: string;
  } {
    const [group, version] = apiVersion.split('/') as [string, string];
    return { group, version, namespace: this.#namespace, plural: plurals[kind], name };
  }
}
