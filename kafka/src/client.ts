import type { Kafka, LogEntry, RetryOptions } from 'kafkajs';
import { type BrokerSocket, KEEP_ALIVE, noticeLoss, openBrokerSocket } from './broker-socket.js';
import type { KafkaConnection, KafkaLog } from './connection.js';
import { forgetFailure, noteFailure } from './connection-failure.js';
import { KafkaError } from './kafka-error.js';
import { addressOf, reachableFirst } from './reachable-first.js';
import { kafkajs } from './repaired-kafkajs.js';
import { saslOptions } from './sasl-login.js';

export interface ClientSettings {
  connection: KafkaConnection;
  log?: KafkaLog | undefined;
  requestTimeoutMs?: number;
  connectionTimeoutMs?: number;
  retry?: RetryOptions;
  /** Whatever broker kafkajs asks, the first bootstrap server is asked in its place. */
  onlyBootstrap?: boolean;
  /** Told when a connection has ended that was not ended here. */
  onLost?: (() => void) | undefined;
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

const loginWithoutTls =
  'The login to Kafka (SASL) is not sent without TLS, where others could take it: give the connection TLS too, or say that it is allowed without (spec.kafka.sasl.allowWithoutTls of the Hub).';

/** @throws KafkaError LOGIN_WITHOUT_TLS */
export function refuseLoginWithoutTls({ sasl, tls }: KafkaConnection): void {
  if (sasl !== undefined && tls === undefined && sasl.allowWithoutTls !== true) {
    throw new KafkaError('LOGIN_WITHOUT_TLS', loginWithoutTls);
  }
}

/**
 * Makes a kafkajs client; it connects to nothing yet.
 *
 * @throws KafkaError LOGIN_WITHOUT_TLS
 */
export function openClient(settings: ClientSettings): Client {
  const { connection, log, requestTimeoutMs = 5_000, connectionTimeoutMs = 2_000 } = settings;
  const { sasl } = connection;
  refuseLoginWithoutTls(connection);
  const sockets = new Set<BrokerSocket>();
  let discarded = false;
  const kafka = new kafkajs.Kafka({
    brokers: () =>
      reachableFirst(connection, lastHeardFirst(connection.bootstrapServers), connectionTimeoutMs),
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
    ...(sasl !== undefined && { sasl: saslOptions(sasl) }),
    // Whether there is TLS says the connection, not kafkajs.
    socketFactory: ({ onConnect, ...asked }) => {
      if (discarded) throw new Error('the client has been discarded');
      const { host, port } =
        settings.onlyBootstrap === true ? addressOf(connection.bootstrapServers[0]!) : asked;
      const opened = openSocket(connection, { host, port }, onConnect);
      const { socket } = opened;
      socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE);
      noticeLoss(socket, () => {
        if (!discarded) settings.onLost?.();
      });
      sockets.add(opened);
      const address = `${host}:${port}`;
      lastHeard.delete(address);
      socket.on('error', (error) => noteFailure(connection, error));
      socket.on('data', () => {
        lastHeard.set(address, performance.now());
        forgetFailure(connection);
      });
      socket.once('close', () => sockets.delete(opened));
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
      for (const socket of sockets) socket.reset(new Error('the client has been discarded'));
    },
  };
}

function openSocket(...[connection, place, onConnect]: Parameters<typeof openBrokerSocket>): BrokerSocket {
  try {
    return openBrokerSocket(connection, place, onConnect);
  } catch (error) {
    noteFailure(connection, error);
    throw error;
  }
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
