/**
 * What the console asks of the API server, as the ServiceAccount of its pod
 * (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/). It is two requests: the client of the
 * Kubernetes project, loaded for them, would take about as much memory as all else of the console.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { alertOverrideManager, apiVersion } from '@integration-hub/api';
import { type OverrideSubject, subjectKey } from './override-store.js';

/** Where Kubernetes puts the account's token, which it renews, and the certificate of who has signed the server's. */
const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
const answerMs = 10_000;

const plurals: Readonly<Record<OverrideSubject['kind'], string>> = {
  Hub: 'hubs',
  IntegrationFlow: 'integrationflows',
  Destination: 'destinations',
};

/** The API server has answered, but not done it. */
export class ClusterApiError extends Error {
  readonly code = 'CLUSTER_API';
  /** Of HTTP. */
  readonly status: number;

  constructor(method: string, subject: OverrideSubject, status: number) {
    super(`The API server answers ${method} of ${subjectKey(subject)} with the status ${status}.`);
    this.name = 'ClusterApiError';
    this.status = status;
  }
}

export class ClusterApi {
  readonly #namespace: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #timeoutMs: number;

  /**
   * @param environment has the server's address, as in every pod; IHUB_SERVICE_ACCOUNT is the folder of the account where
   *   it is not the usual one
   * @param timeoutMs for each request, until all of its answer is there
   */
  constructor(namespace: string, environment = process.env, timeoutMs = answerMs) {
    this.#namespace = namespace;
    this.#environment = environment;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws ClusterApiError; Error where there is no server, not that of the cluster, or no answer in time */
  read(subject: OverrideSubject): Promise<unknown> {
    return this.#ask('GET', subject);
  }

  /** Server-side apply as the field manager of alerts' overrides. @throws as read() */
  async apply(subject: OverrideSubject, patch: object): Promise<void> {
    await this.#ask('PATCH', subject, patch);
  }

  async #ask(method: 'GET' | 'PATCH', subject: OverrideSubject, patch?: object): Promise<unknown> {
    const {
      KUBERNETES_SERVICE_HOST: host,
      KUBERNETES_SERVICE_PORT: port,
      IHUB_SERVICE_ACCOUNT: folder = accountFolder,
    } = this.#environment;
    if (host === undefined || port === undefined) {
      throw new Error('KUBERNETES_SERVICE_HOST and _PORT are not set, as they are in a pod.');
    }
    const [ca, token] = await Promise.all(
      ['ca.crt', 'token'].map((name) => readFile(join(folder, name), 'utf8')),
    );
    const place = `/apis/${apiVersion}/namespaces/${this.#namespace}/${plurals[subject.kind]}/${subject.name}`;
    const asked = request({
      ...{ host, port, method, ca },
      path: patch === undefined ? place : `${place}?fieldManager=${alertOverrideManager}&force=true`,
      // One that was kept open might lead to a server that is gone.
      agent: false,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token!.trim()}`,
        'user-agent': 'integration-hub-console',
        ...(patch && { 'content-type': 'application/apply-patch+yaml' }),
      },
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
    // Whoever waits for the answer, or reads it, is told.
    asked.on('error', () => undefined);
    // JSON is YAML too.
    asked.end(patch && JSON.stringify(patch));
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const { statusCode: status = 0 } = answer;
    if (status < 200 || status >= 300) {
      answer.destroy();
      throw new ClusterApiError(method, subject, status);
    }
    return json(answer);
  }
}
