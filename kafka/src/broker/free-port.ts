import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * A port of the loopback address that nothing listens on. It is below those that systems give to outgoing
 * connections: one of these could take it while its server is away, even a client that tries to connect to the
 * server, from the port to itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((tried) => {
      server.once('error', () => tried(false));
      server.listen(port, '127.0.0.1', () => server.close(() => tried(true)));
    });
    if (isFree) return port;
  }
}

/** So many free ports, no two the same. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
