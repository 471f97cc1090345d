/**
 * Requests to the API server, as plain JSON.
 *
 * Addresses and credentials are @kubernetes/client-node's KubeConfig. The transport is node:https: that of the library
 * makes a new connection pool, so a new TLS handshake, for every single request, its typed clients drop fields that
 * they don't know, and its watch swallows what a callback throws.
 */
import http from 'node:http';
import https from 'node:https';
import { KubeConfig, PatchStrategy } from '@kubernetes/client-node';
import { ApiError, isNotFound } from './api-error.js';
import { collectionPath, objectPath, type KubeObject, type ObjectMeta, type ResourceType } from './object.js';

/** Whose fields the operator's are, in server-side apply. */
export const fieldManager = 'integration-hub';

const requestTimeoutMs = 15_000;
/** Objects of one page of a list. */
const pageSize = 500;
const mostConnections = 32;

export interface ApiClientOptions {
  readonly kubeConfig: KubeConfig;
  /** Is told of each answer: verb, plural of the resource, HTTP status (0: none). */
  readonly onCall?: (verb: string, resource: string, status: number) => void;
  /** Is asked before each write, and throws where this process must not write; leases are written all the same. */
  readonly beforeWrite?: () => void;
  /** Default: integration-hub-operator. */
  readonly userAgent?: string;
}

export interface ListOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** Only metadata is asked for; the rest of each object is not sent. */
  readonly metadataOnly?: boolean;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject & { readonly code?: number; readonly message?: string };
}

interface Request {
  readonly verb: string;
  readonly type: ResourceType;
  readonly path: string;
  readonly method?: string;
  readonly query?: Record<string, string>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly timeoutMs?: number;
}

export class ApiClient {
  readonly #options: ApiClientOptions;
  #pool: https.Agent | http.Agent | undefined;
  #poolIdentity = '';

  constructor(options: ApiClientOptions) {
    this.#options = options;
  }

  /** Lists a collection, in pages. */
  async list(
    type: ResourceType,
    { namespace, labelSelector, metadataOnly = false }: ListOptions = {},
  ): Promise<{ items: KubeObject[]; resourceVersion: string }> {
    const items: KubeObject[] = [];
    let next = '';
    for (;;) {
      const page = (await this.#json({
        verb: 'list',
        type,
        path: collectionPath(type, namespace),
        query: {
          limit: String(pageSize),
          ...(labelSelector !== undefined && { labelSelector }),
          ...(next !== '' && { continue: next }),
        },
        ...(metadataOnly && {
          accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
        }),
      })) as { metadata: { resourceVersion: string; continue?: string }; items: KubeObject[] | null };
      // Items of a typed list come without these two.
      for (const item of page.items ?? [])
        items.push({ ...item, apiVersion: type.apiVersion, kind: type.kind });
      next = page.metadata.continue ?? '';
      if (next === '') return { items, resourceVersion: page.metadata.resourceVersion };
    }
  }

  /** Whether the API server serves a kind, as its discovery says; everybody may ask for that. */
  async serves(type: ResourceType): Promise<boolean> {
    try {
      const path = `/apis/${type.apiVersion}`;
      const found = (await this.#json({ verb: 'get', type, path })) as { resources?: { name: string }[] };
      return found.resources?.some(({ name }) => name === type.plural) === true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /**
   * Watches a collection until the server ends the watch, the signal is aborted, or nothing has come for `silenceMs`.
   *
   * @param onEvent is given each event in order; what it throws ends the watch
   * @throws ApiError, with the code Silent after silence
   */
  async watch(
    type: ResourceType,
    options: ListOptions & {
      readonly resourceVersion: string;
      /** After so long, in seconds, the server ends the watch. */
      readonly timeoutSeconds: number;
      readonly silenceMs: number;
      readonly signal: AbortSignal;
    },
    onEvent: (event: WatchEvent) => void,
  ): Promise<void> {
    const { namespace, labelSelector, resourceVersion, timeoutSeconds, silenceMs, signal } = options;
    const silence = new AbortController();
    const fallSilent = (): void =>
      silence.abort(new ApiError(0, 'Silent', `nothing was heard for ${silenceMs} ms`));
    let timer = setTimeout(fallSilent, silenceMs);
    try {
      const response = await this.#send(
        {
          verb: 'watch',
          type,
          path: collectionPath(type, namespace),
          query: {
            watch: 'true',
            allowWatchBookmarks: 'true',
            resourceVersion,
            timeoutSeconds: String(timeoutSeconds),
            ...(labelSelector !== undefined && { labelSelector }),
          },
          ...(options.metadataOnly === true && {
            accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
          }),
        },
        AbortSignal.any([signal, silence.signal]),
        // A connection of its own: it can't be one that lies dead in the pool.
        false,
      );
      response.setEncoding('utf8');
      let rest = '';
      for await (const chunk of response as AsyncIterable<string>) {
        clearTimeout(timer);
        timer = setTimeout(fallSilent, silenceMs);
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') onEvent(readEvent(line, type));
      }
    } catch (error) {
      if (silence.signal.aborted) throw silence.signal.reason as ApiError;
      if (signal.aborted) return;
      throw error instanceof ApiError ? error : unreachable(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws ApiError; isNotFound() tells whether there is no such object */
  async get(
    type: ResourceType,
    metadata: Pick<ObjectMeta, 'name' | 'namespace'>,
    timeoutMs = requestTimeoutMs,
  ): Promise<KubeObject> {
    return (await this.#json({
      verb: 'get',
      type,
      path: objectPath(type, metadata),
      timeoutMs,
    })) as KubeObject;
  }

  /**
   * Server-side apply: sets what is given, takes away what this operator had set and no longer gives, and leaves the
   * fields of others alone (https://kubernetes.io/docs/reference/using-api/server-side-apply/). Makes the object where
   * it isn't there, unless a uid is given.
   */
  async apply(type: ResourceType, object: KubeObject, subresource?: string): Promise<KubeObject> {
    return (await this.#write({
      verb: 'patch',
      type,
      method: 'PATCH',
      path: objectPath(type, object.metadata, subresource),
      query: { fieldManager, force: 'true' },
      contentType: PatchStrategy.ServerSideApply,
      body: object,
    })) as KubeObject;
  }

  /** What `apply` would make of the object; nothing is stored. */
  async dryApply(type: ResourceType, object: KubeObject): Promise<KubeObject> {
    return (await this.#json({
      verb: 'patch',
      type,
      method: 'PATCH',
      path: objectPath(type, object.metadata),
      query: { fieldManager, force: 'true', dryRun: 'All' },
      contentType: PatchStrategy.ServerSideApply,
      body: object,
    })) as KubeObject;
  }

  async create(type: ResourceType, object: KubeObject): Promise<KubeObject> {
    return (await this.#write({
      verb: 'create',
      type,
      method: 'POST',
      path: collectionPath(type, object.metadata.namespace),
      query: { fieldManager },
      body: object,
    })) as KubeObject;
  }

  /** Replaces an object; its resourceVersion must be the present one. */
  async replace(type: ResourceType, object: KubeObject, timeoutMs?: number): Promise<KubeObject> {
    return (await this.#write({
      verb: 'update',
      type,
      method: 'PUT',
      path: objectPath(type, object.metadata),
      query: { fieldManager },
      body: object,
      ...(timeoutMs !== undefined && { timeoutMs }),
    })) as KubeObject;
  }

  /** Deletes this very object, not another that has its name by now. One that is gone already is no error. */
  async delete(type: ResourceType, { metadata }: KubeObject): Promise<void> {
    const { uid } = metadata;
    try {
      await this.#write({
        verb: 'delete',
        type,
        method: 'DELETE',
        path: objectPath(type, metadata),
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          propagationPolicy: 'Background',
          ...(uid !== undefined && { preconditions: { uid } }),
        },
      });
    } catch (error) {
      const isAnother = error instanceof ApiError && error.status === 409;
      if (!isNotFound(error) && !isAnother) throw error;
    }
  }

  /** Closes idle connections. */
  close(): void {
    this.#pool?.destroy();
  }

  async #write(request: Request): Promise<unknown> {
    if (request.type.plural !== 'leases') this.#options.beforeWrite?.();
    return this.#json(request);
  }

  async #json(request: Request): Promise<unknown> {
    const signal = AbortSignal.timeout(request.timeoutMs ?? requestTimeoutMs);
    const pool = this.#pool;
    try {
      const response = await this.#send(request, signal, true);
      return JSON.parse(await readText(response)) as unknown;
    } catch (error) {
      // Other connections of the pool may be as dead as the one that did not answer.
      if (signal.aborted && pool !== undefined && this.#pool === pool) {
        this.#poolIdentity = '';
        for (const sockets of Object.values(pool.freeSockets)) sockets?.forEach((socket) => socket.destroy());
      }
      throw error instanceof ApiError ? error : unreachable(error);
    }
  }

  /** @returns the response, its body unread, where its status says success */
  async #send(request: Request, signal: AbortSignal, pooled: boolean): Promise<http.IncomingMessage> {
    const { verb, type, body } = request;
    const settings: https.RequestOptions = {};
    await this.#options.kubeConfig.applyToHTTPSOptions(settings);
    const server = this.#options.kubeConfig.getCurrentCluster()?.server ?? '';
    const url = new URL(`${server}${request.path}`);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const secure = url.protocol === 'https:';

    let status = 0;
    try {
      const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        const outgoing = (secure ? https : http).request(
          url,
          {
            ...settings,
            agent: pooled ? this.#poolFor(settings, secure) : newAgent(settings, secure, false),
            method: request.method ?? 'GET',
            signal,
            headers: {
              ...(settings.headers as http.OutgoingHttpHeaders | undefined),
              accept: request.accept ?? 'application/json',
              'user-agent': this.#options.userAgent ?? 'integration-hub-operator',
              ...(text !== undefined && {
                'content-type': request.contentType ?? 'application/json',
                'content-length': Buffer.byteLength(text),
              }),
            },
          },
          resolve,
        );
        outgoing.on('error', reject);
        outgoing.end(text);
      });
      status = response.statusCode ?? 0;
      if (status < 200 || status > 299) throw await errorOf(response, status);
      return response;
    } finally {
      this.#options.onCall?.(verb, type.plural, status);
    }
  }

  /** The pool of connections; a new one where the credentials have changed. */
  #poolFor(settings: https.RequestOptions, secure: boolean): http.Agent {
    const parts = [settings.ca, settings.cert, settings.key].filter((part) => Buffer.isBuffer(part));
    const identity = Buffer.concat(parts).toString('latin1');
    if (this.#pool === undefined || this.#poolIdentity !== identity) {
      this.#pool = newAgent(settings, secure, true);
      this.#poolIdentity = identity;
    }
    return this.#pool;
  }
}

function newAgent(settings: https.RequestOptions, secure: boolean, keepAlive: boolean): http.Agent {
  const { ca, cert, key, rejectUnauthorized, servername } = settings;
  const common = { keepAlive, keepAliveMsecs: 10_000, maxSockets: mostConnections };
  if (!secure) return new http.Agent(common);
  return new https.Agent({
    ...common,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
    ...(servername !== undefined && { servername }),
  });
}

function readEvent(line: string, type: ResourceType): WatchEvent {
  const event = JSON.parse(line) as WatchEvent;
  if (event.type !== 'ERROR') {
    // Metadata alone comes as a PartialObjectMetadata.
    event.object.apiVersion = type.apiVersion;
    event.object.kind = type.kind;
  }
  return event;
}

async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function errorOf(response: http.IncomingMessage, status: number): Promise<ApiError> {
  const text = await readText(response);
  let [code, message] = [http.STATUS_CODES[status] ?? 'Error', text.slice(0, 500).trim()];
  try {
    const body = JSON.parse(text) as { reason?: string; message?: string };
    code = body.reason ?? code;
    message = body.message ?? message;
  } catch {
    // Not the API server's own form, such as a proxy's page.
  }
  const retryAfter = Number(response.headers['retry-after'] ?? 0);
  return new ApiError(status, code, message, Number.isFinite(retryAfter) ? retryAfter * 1000 : 0);
}

function unreachable(error: unknown): ApiError {
  const text = error instanceof Error ? error.message : String(error);
  return new ApiError(0, 'Unreachable', `the API server can't be reached: ${text}`, 0, { cause: error });
}
