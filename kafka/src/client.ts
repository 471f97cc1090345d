import net from 'node:net';
import tls from 'node:tls';
import type { Kafka, LogEntry, RetryOptions } from 'kafkajs';
import type { KafkaConnection, KafkaLog } from './connection.js';
import { addressOf, reachableFirst } from './reachable-first.js';
import { kafkajs } from './repaired-kafkajs.js';

export interface ClientSettings {
  connection: KafkaConnection;
  log?: KafkaLog | undefined;
  requestTimeoutMs?: number;
  connectionTimeoutMs?: number;
  retry?: RetryOptions;
  /** Whatever broker kafkajs asks, the first bootstrap server is asked in its place. */
  onlyBootstrap?: boolean;
}

/** A kafkajs client that can be done away with at once. */
export interface Client {
  kafka: Kafka;
  readonly isDiscarded: boolean;
  /**
   * Cuts all its connections and lets it open none: whatever kafkajs still retries, from here on it writes nothing.
   * To disconnect in kafkajs's own way waits for answers that may never come.
   */
  discard(): void;
}

/** Settings of `retry` with which kafkajs tries again for about so long where connections are refused. */
export function retryFor(milliseconds: number): RetryOptions {
  return {
    initialRetryTime: 100,
    multiplier: 2,
    maxRetryTime: 1000,
    retries: Math.ceil(milliseconds / 1000) + 3,
  };
}

/** Makes a kafkajs client; it connects to nothing yet. */
export function openClient(settings: ClientSettings): Client {
  const { connection, log, requestTimeoutMs = 5_000, connectionTimeoutMs = 2_000 } = settings;
  const sockets = new Set<net.Socket>();
  let discarded = false;
  const kafka = new kafkajs.Kafka({
    brokers: () => reachableFirst(lastHeardFirst(connection.bootstrapServers), connectionTimeoutMs),
    clientId: connection.clientId,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: connectionTimeoutMs,
    retry: settings.retry ?? retryFor(10_000),
    logLevel: log === undefined ? kafkajs.logLevel.NOTHING : kafkajs.logLevel.INFO,
    logCreator: () => {
      const forward = log === undefined ? () => undefined : forwardTo(log);
      return (entry) => {
        if (!discarded) forward(entry);
      };
    },
    socketFactory: ({ ssl, onConnect, ...asked }) => {
      if (discarded) throw new Error('the client has been discarded');
      const { host, port } =
        settings.onlyBootstrap === true ? addressOf(connection.bootstrapServers[0]!) : asked;
      // kafkajs's type leaves out that it is undefined where TLS is not asked for.
      const socket = (ssl as tls.ConnectionOptions | undefined)
        ? tls.connect({ host, port, ...(net.isIP(host) === 0 && { servername: host }), ...ssl }, onConnect)
        : net.connect({ host, port }, onConnect);
      socket.setNoDelay(true).setKeepAlive(true, 60_000);
      sockets.add(socket);
      const address = `${host}:${port}`;
      lastHeard.delete(address);
      socket.on('data', () => lastHeard.set(address, performance.now()));
      socket.once('close', () => sockets.delete(socket));
      return socket;
    },
  });
  return {
    kafka,
    get isDiscarded() {
      return discarded;
    },
    discard: () => {
      discarded = true;
      for (const socket of sockets) discardSocket(socket, new Error('the client has been discarded'));
    },
  };
}

/**
 * When something was last received from a broker, by `host:port`, in milliseconds of a monotonic clock; of none that
 * has said nothing since it was last connected to.
 */
const lastHeard = new Map<string, number>();

/** Those first that have spoken last, to whichever client: each that has vanished costs a new client seconds. */
function lastHeardFirst(servers: readonly string[]): string[] {
  return [...servers].sort((a, b) => (lastHeard.get(b) ?? 0) - (lastHeard.get(a) ?? 0));
}

/**
 * Closes a socket with a reset. What is left in the kernel's hands of a request would otherwise still reach a broker
 * that can't be reached at present, and be written long after it was given up.
 */
function discardSocket(socket: net.Socket, error: Error): void {
  // A socket that has been ended in good order can't be reset any more, and would keep its handle for ever.
  const canBeReset = !socket.connecting && !socket.writableEnded && !(socket instanceof tls.TLSSocket);
  if (!canBeReset) socket.destroy(error);
  else socket.resetAndDestroy().emit('error', error);
}

/** Texts of kafkajs that are no news: what it retries or what is part of every day. */
const EVERYDAY = [
  /^Response .*\((key: \d+)/,
  /^Limiting retries for the idempotent producer/,
  /^(Starting|Stopped|Pausing fetching|Resuming fetching)/,
  /^consumer not running, exiting/,
  /^The group is rebalancing, re-joining/,
];
const REPEAT_AFTER_MS = 10_000;

/**
 * Passes kafkajs's lines on. Its errors become warnings, for what it can't overcome is thrown as well; one that
 * repeats is passed on every ten seconds. Of its fields only those go through that can't hold anything of a record.
 */
function forwardTo(log: KafkaLog): (entry: LogEntry) => void {
  const lastTimes = new Map<string, number>();
  return ({ namespace, level, log: { message, ...extra } }) => {
    const now = performance.now();
    if (now - (lastTimes.get(message) ?? -REPEAT_AFTER_MS) < REPEAT_AFTER_MS) return;
    if (lastTimes.size > 100) lastTimes.clear();
    lastTimes.set(message, now);

    const fields: Record<string, unknown> = { client: namespace };
    for (const name of [
      'broker',
      'groupId',
      'memberId',
      'topic',
      'partition',
      'retryCount',
      'error',
      'duration',
    ]) {
      if (['string', 'number'].includes(typeof extra[name])) fields[name] = extra[name];
    }
    const isEveryday = EVERYDAY.some((text) => text.test(message));
    log(isEveryday ? 'debug' : level <= kafkajs.logLevel.WARN ? 'warn' : 'info', message, fields);
  };
}
