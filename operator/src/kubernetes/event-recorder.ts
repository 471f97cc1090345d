/** Kubernetes events: what `kubectl describe` shows under a resource. */
import { createHash } from 'node:crypto';
import type { ApiClient } from './api-client.js';
import { resourceTypes, type KubeObject } from './object.js';

const controller = 'integrationhub.dev/operator';
/** The same is not said again within so long, in milliseconds. */
const quietMs = 600_000;
const longestNote = 1_024;

export class EventRecorder {
  readonly #client: ApiClient;
  readonly #instance: string;
  readonly #onError: (error: unknown) => void;
  readonly #said = new Map<string, number>();

  /**
   * @param instance which of the operator's processes says it
   * @param onError an event that can't be written is only logged: nothing depends on it
   */
  constructor(client: ApiClient, instance: string, onError: (error: unknown) => void) {
    this.#client = client;
    this.#instance = instance;
    this.#onError = onError;
  }

  /**
   * Writes an event of events.k8s.io/v1 about an object.
   *
   * @param reason one word, such as TopicCreated
   */
  async record(about: KubeObject, type: 'Normal' | 'Warning', reason: string, note: string): Promise<void> {
    const { name, namespace, uid, resourceVersion } = about.metadata;
    const now = Date.now();
    const said = createHash('sha256')
      .update(JSON.stringify([uid, reason, note]))
      .digest('hex');
    if (now - (this.#said.get(said) ?? -Infinity) < quietMs) return;
    if (this.#said.size > 10_000) this.#said.clear();
    this.#said.set(said, now);
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name}.${said.slice(0, 8)}${now.toString(16)}`, namespace: namespace! },
      eventTime: new Date(now).toISOString().replace('Z', '000Z'),
      type,
      reason,
      action: 'Reconcile',
      note: note.length > longestNote ? `${note.slice(0, longestNote - 1)}…` : note,
      reportingController: controller,
      reportingInstance: this.#instance,
      regarding: { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid, resourceVersion },
    };
    try {
      await this.#client.create(resourceTypes.event, event);
    } catch (error) {
      this.#onError(error);
    }
  }
}
