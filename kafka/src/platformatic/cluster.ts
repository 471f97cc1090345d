import net from 'node:net';
import {
  type API,
  Connection,
  type ConnectionOptions,
  findCoordinatorV4,
  metadataV12,
  ResponseError,
} from '@platformatic/kafka';
import { again } from '../again.js';
import { KEEP_ALIVE, noticeLoss } from '../broker-socket.js';
import { refuseLoginWithoutTls } from '../client.js';
import type { KafkaConnection, KafkaLog, KafkaLogin, KafkaSasl } from '../connection.js';
import { forgetFailure, noteFailure } from '../connection-failure.js';
import type { Discardable } from '../kafka-client.js';
import type { TopicPartitions } from '../partitioned-records.js';
import { addressOf, reachableFirst } from '../reachable-first.js';
import { reasonIn } from '../refusal.js';
import { asRefusal, KafkaRefusal, refusalOf } from './kafka-refusal.js';

export interface ClusterSettings {
  connection: KafkaConnection;
  log?: KafkaLog | undefined;
  requestTimeoutMs?: number;
  connectionTimeoutMs?: number;
  /** Told when a connection has ended that was not ended here. */
  onLost?: (() => void) | undefined;
}

/** Where a broker is. */
interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a coordinator is asked for: of a group, or of a transactional id. The numbers are Kafka's. */
export const GROUP = 0;
export const TRANSACTION = 1;

/** Errors of a topic in metadata that do not pass: UNKNOWN_TOPIC_OR_PARTITION, TOPIC_AUTHORIZATION_FAILED. */
const FOR_GOOD = new Set([3, 29]);

/**
 * What a request has to share a connection with: a broker answers the requests of a connection one after another, so
 * none may stand behind one that waits.
 */
export interface Lane {
  readonly name: string;
  /** How long a broker may take to answer, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * The brokers of a Kafka, as one client of ours sees them: the connections and the protocol are the library's. Which
 * broker leads a partition, and which is a coordinator, is remembered until it is said to be wrong.
 */
export class Cluster implements Discardable {
  readonly #settings: ClusterSettings;
  readonly #timeoutMs: number;
  /** By lane and address. */
  readonly #connections = new Map<string, Promise<Connection>>();
  readonly #sockets = new Set<{ connection: Connection; wire: net.Socket | undefined }>();
  readonly #brokers = new Map<number, Address>();
  /** The ids of leaders, by topic and partition; -1 where there is none at present. */
  readonly #leaders = new Map<string, number[]>();
  readonly #coordinators = new Map<string, Address>();
  #asking: Promise<readonly TopicPartitions[]> | undefined;
  /** Why connections have ended. */
  readonly #ended = new WeakMap<Connection, Error>();
  /** When a broker was last complained about, by `host:port`. */
  readonly #warned = new Map<string, number>();
  isDiscarded = false;

  /** @throws KafkaError LOGIN_WITHOUT_TLS */
  constructor(settings: ClusterSettings) {
    refuseLoginWithoutTls(settings.connection);
    this.#settings = settings;
    this.#timeoutMs = settings.requestTimeoutMs ?? 5_000;
  }

  discard(): void {
    this.isDiscarded = true;
    for (const { connection, wire } of this.#sockets) {
      // Those with TLS have a wire of their own, for what TLS makes of a socket can't be reset.
      if (wire === undefined) discardSocket(connection.socket);
      else {
        discardSocket(wire);
        connection.socket.destroy(discardedError());
      }
    }
    this.#sockets.clear();
    this.#connections.clear();
  }

  /** Asks what is known of a few topics; none is made by that. */
  async learn(topics: readonly string[]): Promise<readonly TopicPartitions[]> {
    const answer = await this.askAny(metadataV12.api, [[...topics], false, false]);
    this.#brokers.clear();
    for (const { nodeId, host, port } of answer.brokers) this.#brokers.set(nodeId, { host, port });
    return answer.topics.map(({ name, errorCode, partitions }) => {
      if (FOR_GOOD.has(errorCode)) throw refusalOf(errorCode);
      const leaders: number[] = [];
      for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId;
      this.#leaders.set(name!, leaders);
      return {
        name: name!,
        partitions: leaders.map((leader, partitionId) => ({ partitionId, leader })),
      };
    });
  }

  /** How many partitions a topic has that `learn` was asked for. */
  partitionCount(topic: string): number {
    return this.#leaders.get(topic)?.length ?? 0;
  }

  /**
   * The id of the broker that leads a partition.
   *
   * @throws KafkaRefusal LEADER_NOT_AVAILABLE where there is none at present
   */
  async leader(topic: string, partition: number): Promise<number> {
    // Another topic may be being asked for.
    while (!this.#leaders.has(topic)) {
      await (this.#asking ??= this.learn([topic]).finally(() => (this.#asking = undefined)));
    }
    const leader = this.#leaders.get(topic)?.[partition] ?? -1;
    if (this.#brokers.has(leader)) return leader;
    this.forgetLeaders();
    throw refusalOf(5);
  }

  /** Has `leader` ask anew. */
  forgetLeaders(): void {
    this.#leaders.clear();
  }

  /**
   * Asks one broker.
   *
   * @throws KafkaRefusal
   */
  async ask<Arguments extends unknown[], Answer>(
    broker: number,
    api: API<Arguments, Answer>,
    args: Arguments,
    lane?: Lane,
  ): Promise<Answer> {
    const address = this.#brokers.get(broker);
    if (address === undefined) throw refusalOf(5);
    return this.#ask(address, api, args, lane);
  }

  /**
   * Asks the coordinator of a group or a transactional id; who that is, is asked for again after it has failed.
   *
   * @throws KafkaRefusal
   */
  async askCoordinator<Arguments extends unknown[], Answer>(
    type: typeof GROUP | typeof TRANSACTION,
    key: string,
    api: API<Arguments, Answer>,
    args: Arguments,
    lane?: Lane,
  ): Promise<Answer> {
    const name = `${type} ${key}`;
    let address = this.#coordinators.get(name);
    if (address === undefined) {
      const { coordinators } = await this.askAny(findCoordinatorV4.api, [type, [key]]);
      const [found] = coordinators;
      if (found!.errorCode !== 0) throw refusalOf(found!.errorCode);
      address = { host: found!.host, port: found!.port };
      this.#coordinators.set(name, address);
    }
    try {
      return await this.#ask(address, api, args, lane);
    } catch (error) {
      if (COORDINATOR_HAS_MOVED.has((error as KafkaRefusal).type)) this.#coordinators.delete(name);
      throw error;
    }
  }

  /** Asks whichever broker answers: one that is known, else the bootstrap server that can be connected to soonest. */
  async askAny<Arguments extends unknown[], Answer>(
    api: API<Arguments, Answer>,
    args: Arguments,
  ): Promise<Answer> {
    const { connection, connectionTimeoutMs = 2_000 } = this.#settings;
    const connected = [...this.#connections.keys()].find((name) => name.startsWith(`${MAIN} `));
    if (connected !== undefined) {
      try {
        return await this.#ask(addressOf(connected.slice(MAIN.length + 1)), api, args);
      } catch (error) {
        if ((error as KafkaRefusal).type !== 'CONNECTION' || this.isDiscarded) throw error;
      }
    }
    let failure: unknown;
    for (const server of await reachableFirst(connection, connection.bootstrapServers, connectionTimeoutMs)) {
      try {
        return await this.#ask(addressOf(server), api, args);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async #ask<Arguments extends unknown[], Answer>(
    address: Address,
    api: API<Arguments, Answer>,
    args: Arguments,
    lane: Lane = { name: MAIN, timeoutMs: this.#timeoutMs },
  ): Promise<Answer> {
    const name = `${lane.name} ${address.host}:${address.port}`;
    const { connection: settings } = this.#settings;
    let connection: Connection | undefined;
    try {
      let connecting = this.#connections.get(name);
      if (connecting === undefined) {
        connecting = this.#connect(address, lane.timeoutMs);
        this.#connections.set(name, connecting);
        const forget = (): void => {
          if (this.#connections.get(name) === connecting) this.#connections.delete(name);
        };
        connecting.then((connection) => connection.once('close', forget), forget);
      }
      connection = await connecting;
      const answer = await api.async(connection, ...args);
      forgetFailure(settings);
      return answer;
    } catch (error) {
      // An answer in which only a part was refused; who asked reads the codes.
      if (error instanceof ResponseError && error.response !== undefined && PARTED.has(api.key))
        return error.response as Answer;
      const refusal = asRefusal(error as Error, connection && this.#ended.get(connection));
      if (refusal.type === 'CONNECTION') {
        noteFailure(settings, refusal);
        this.#warn(address, reasonIn(settings, refusal));
      }
      throw refusal;
    }
  }

  /** Says that a broker has not answered; what is tried again all the time is said every ten seconds. */
  #warn({ host, port }: Address, reason: string): void {
    const now = performance.now();
    const broker = `${host}:${port}`;
    if (this.isDiscarded || now - (this.#warned.get(broker) ?? -REPEAT_AFTER) < REPEAT_AFTER) return;
    this.#warned.set(broker, now);
    this.#settings.log?.('warn', `no answer from a Kafka broker: ${reason}`, { broker });
  }

  async #connect({ host, port }: Address, requestTimeout: number): Promise<Connection> {
    if (this.isDiscarded) throw discardedError();
    const { connection: settings, connectionTimeoutMs = 2_000 } = this.#settings;
    const { tls, sasl, clientId } = settings;
    const texts = tls?.read();
    const wire = texts && net.connect({ host, port });
    const connection = new Connection(clientId, {
      connectTimeout: connectionTimeoutMs,
      requestTimeout,
      ...(wire !== undefined && { tls: { ...texts, socket: wire, minVersion: 'TLSv1.2' } }),
      ...(net.isIP(host) === 0 && { tlsServerName: host }),
      ...(sasl !== undefined && { sasl: saslOptions(sasl) }),
    });
    // Whoever waits for an answer is told that it ended; without a listener the process would end.
    connection.on('error', (error) => this.#ended.set(connection, error));
    wire?.on('error', (error) => connection.socket.destroy(error));
    const entry = { connection, wire };
    this.#sockets.add(entry);
    connection.once('close', () => this.#sockets.delete(entry));
    try {
      const connecting = connection.connect(host, port);
      // The library stops listening for errors when it has given up, and then we may still cut it.
      (connection.socket as net.Socket | undefined)?.on('error', () => undefined);
      await connecting;
    } catch (error) {
      this.#sockets.delete(entry);
      wire?.destroy();
      // There is none where it could not even be tried.
      (connection.socket as net.Socket | undefined)?.destroy();
      throw error;
    }
    connection.socket.setKeepAlive(true, KEEP_ALIVE);
    noticeLoss(connection.socket, () => {
      if (!this.isDiscarded) this.#settings.onLost?.();
    });
    return connection;
  }
}

/** Does what may fail for the moment until it succeeds, or so many milliseconds have passed. */
export function askAgain<Answer>(
  cluster: Cluster,
  milliseconds: number,
  work: () => Promise<Answer>,
): Promise<Answer> {
  return again(
    milliseconds,
    work,
    ({ retriable, type }) =>
      !cluster.isDiscarded && (retriable === true || type === 'CONCURRENT_TRANSACTIONS'),
  );
}

const MAIN = 'main';
/** In milliseconds. */
const REPEAT_AFTER = 10_000;

/** The kinds of requests whose answers have an error code for each partition or topic: Produce, Fetch, Metadata. */
const PARTED = new Set([0, 1, 3]);

const COORDINATOR_HAS_MOVED = new Set([
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'CONNECTION',
]);

/**
 * Closes a socket with a reset. What is left in the kernel's hands of a request would otherwise still reach a broker
 * that can't be reached at present, and be written long after it was given up.
 */
function discardSocket(socket: net.Socket): void {
  if (socket.connecting || socket.writableEnded) socket.destroy(discardedError());
  else socket.resetAndDestroy();
}

function discardedError(): Error {
  return new Error('the client has been discarded');
}

/** A login that is read anew whenever one is needed. */
function saslOptions(sasl: KafkaSasl): NonNullable<ConnectionOptions['sasl']> {
  let login: KafkaLogin | undefined;
  return {
    mechanism: sasl.mechanism,
    username: () => (login = sasl.read()).username,
    password: () => (login ?? sasl.read()).password,
  };
}
