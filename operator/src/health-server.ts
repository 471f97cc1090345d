/** /livez, /readyz and /metrics over HTTP. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HealthChecks {
  /** What is wrong, in words, or undefined. */
  readonly live: () => string | undefined;
  readonly ready: () => string | undefined;
  readonly registry: Registry;
}

export class HealthServer {
  readonly #server: Server;

  constructor({ live, ready, registry }: HealthChecks) {
    this.#server = createServer((request, response) => {
      const answer = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
        response.writeHead(status, { 'content-type': type });
        response.end(text);
      };
      const check = (trouble: string | undefined): void =>
        answer(trouble === undefined ? 200 : 503, `${trouble ?? 'ok'}\n`);
      switch (request.url) {
        case '/livez':
          check(live());
          return;
        case '/readyz':
          check(ready());
          return;
        case '/metrics':
          registry.metrics().then(
            (text) => answer(200, text, registry.contentType),
            () => answer(500, 'metrics could not be collected\n'),
          );
          return;
        default:
          answer(404, 'use /livez, /readyz or /metrics\n');
      }
    });
  }

  /** @param port 0: any free one. @returns the port in use */
  async start(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
