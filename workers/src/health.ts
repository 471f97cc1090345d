/**
 * A worker's health, for Kubernetes' probes and for people: a TCP port that accepts while the process is live,
 * and over HTTP /livez, /readyz and /metrics.
 */
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import type { Registry } from 'prom-client';

export interface HealthPorts {
  readonly host: string;
  /** 0: any free port. */
  readonly tcpPort: number;
  /** 0: any free port. */
  readonly httpPort: number;
}

export class Health {
  readonly #tcp: TcpServer;
  readonly #http: HttpServer;

  /**
   * @param ready whether the worker can do its work now
   * @param registry what /metrics shows
   */
  constructor(ready: () => boolean, registry: Registry) {
    this.#tcp = createTcpServer((socket) => {
      socket.on('error', () => socket.destroy()); // A probe that is gone before its answer.
      socket.end();
    });
    this.#http = createHttpServer((request, response) => {
      const answer = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
        response.writeHead(status, { 'content-type': type });
        response.end(request.method === 'HEAD' ? undefined : text);
      };
      switch (request.url) {
        case '/livez':
          answer(200, 'live\n');
          return;
        case '/readyz':
          if (ready()) answer(200, 'ready\n');
          else answer(503, 'not ready\n');
          return;
        case '/metrics':
          registry.metrics().then(
            (text) => {
              answer(200, text, registry.contentType);
            },
            () => {
              answer(500, 'metrics could not be collected\n');
            },
          );
          return;
        default:
          answer(404, 'use /livez, /readyz or /metrics\n');
      }
    });
  }

  /** @returns the ports in use, which differ from those asked for where 0 was */
  async start(ports: HealthPorts): Promise<{ tcpPort: number; httpPort: number }> {
    await listen(this.#tcp, ports.tcpPort, ports.host);
    await listen(this.#http, ports.httpPort, ports.host);
    return {
      tcpPort: (this.#tcp.address() as AddressInfo).port,
      httpPort: (this.#http.address() as AddressInfo).port,
    };
  }

  stop(): void {
    this.#tcp.close();
    this.#http.close();
    this.#http.closeAllConnections();
  }
}

/** Resolves when the server listens; rejects when the port can't be had. */
export async function listen(server: TcpServer, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
