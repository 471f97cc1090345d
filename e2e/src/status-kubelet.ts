/**
 * What the API server asks of a node for `kubectl logs`, and nothing else: a kubelet needs a machine that it may set up
 * as it likes. The cluster's own suite has real ones.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ApiServer } from './cluster/api-server.js';

/** The present and the former log of a pod's container. */
export interface PodLogs {
  lines: string[];
  readonly previous?: readonly string[];
}

export class LogNode {
  /** By the pod's name. */
  readonly logs = new Map<string, PodLogs>();
  /** Queries that came, by the pod's name. */
  readonly queries: { readonly pod: string; readonly query: URLSearchParams }[] = [];
  readonly #server: Server;
  readonly #following = new Map<string, Set<ServerResponse>>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(api: ApiServer): Promise<LogNode> {
    const pair = await api.authority.issue('log-node', {
      commonName: 'system:node',
      names: ['IP:127.0.0.1'],
    });
    const server = createServer({ cert: await readFile(pair.certificate), key: await readFile(pair.key) });
    const node = new LogNode(server);
    server.on('request', ({ url }, response: ServerResponse) => node.#serve(url!, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return node;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Writes a line, also to those that follow. */
  write(pod: string, line: string): void {
    const logs = this.logs.get(pod) ?? { lines: [] };
    logs.lines.push(line);
    this.logs.set(pod, logs);
    for (const response of this.#following.get(pod) ?? []) response.write(`${line}\n`);
  }

  /** Ends the answers that are being followed, as when a container ends. */
  hangUp(pod: string): void {
    for (const response of this.#following.get(pod) ?? []) response.end();
    this.#following.delete(pod);
  }

  #serve(url: string, response: ServerResponse): void {
    const { pathname, searchParams: query } = new URL(url, 'https://node');
    const pod = pathname.split('/')[3] ?? '';
    this.queries.push({ pod, query });
    const logs = this.logs.get(pod);
    const lines = query.get('previous') === 'true' ? logs?.previous : logs?.lines;
    if (!pathname.startsWith('/containerLogs/') || lines === undefined) {
      response.writeHead(500).end('there is no such log');
      return;
    }
    const since = query.get('sinceTime')?.slice(0, 19) ?? '';
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write(
      lines
        .filter((line) => line.slice(0, 19) >= since)
        .map((line) => `${line}\n`)
        .join(''),
    );
    if (query.get('follow') !== 'true') {
      response.end();
      return;
    }
    response.flushHeaders();
    const following = this.#following.get(pod) ?? new Set();
    this.#following.set(pod, following.add(response));
    response.on('close', () => following.delete(response));
  }
}
