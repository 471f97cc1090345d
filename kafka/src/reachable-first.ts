import { setTimeout as sleep } from 'node:timers/promises';
import { openBrokerSocket } from './broker-socket.js';
import type { KafkaConnection } from './connection.js';

/** After so long without a connection the next server is tried, too, in milliseconds. */
const TRY_NEXT_AFTER = 50;

/**
 * Puts that server first to which a connection can be opened soonest; each is given a little time before the next is
 * tried beside it (as RFC 8305 does for addresses). One that has vanished then costs a client no time: kafkajs tries
 * one after another, and waits for each.
 *
 * @param connection whether with TLS; then only a server whose certificate is good can be reached
 * @param servers `host:port` each, the likeliest first
 * @param timeoutMs how long a connection may take to open; where none does the order stays
 */
export async function reachableFirst(
  connection: Pick<KafkaConnection, 'tls'>,
  servers: readonly string[],
  timeoutMs: number,
): Promise<string[]> {
  if (servers.length < 2) return [...servers];
  const found = new AbortController();
  const { signal } = found;
  const attempts = servers.map(async (server, index) => {
    await sleep(index * TRY_NEXT_AFTER, undefined, { signal });
    await opened(connection, server, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    return server;
  });
  const first = await Promise.any(attempts).catch(() => undefined);
  found.abort();
  return first === undefined ? [...servers] : [first, ...servers.filter((server) => server !== first)];
}

/** Opens a connection and ends it. @throws Error where it can't be opened, or not before the signal */
function opened(
  connection: Pick<KafkaConnection, 'tls'>,
  server: string,
  signal: AbortSignal,
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    signal.throwIfAborted();
    const { socket } = openBrokerSocket(connection, addressOf(server), () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', reject);
    signal.addEventListener('abort', () => socket.destroy(new Error('no connection in time')), {
      once: true,
    });
  });
}

/** @param server `host:port` */
export function addressOf(server: string): { host: string; port: number } {
  const colon = server.lastIndexOf(':');
  return { host: server.slice(0, colon), port: Number(server.slice(colon + 1)) };
}
