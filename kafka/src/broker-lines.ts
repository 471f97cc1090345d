import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaConnection } from './connection.js';
import { withinDeadline } from './deadline.js';
import { type Broker, TopicAdmin } from './topic-admin.js';

/** After so long without an answer the next broker is asked, too, in milliseconds. */
const ASK_NEXT_AFTER = 500;
/** How long all of them have, in milliseconds; time enough for a broker to find out that its controller has gone. */
const DEADLINE = 15_000;

/**
 * Connections to each broker by itself, for questions that any broker answers. The one that answered last is asked
 * first; one that is slow to answer is not waited for, and its connections are cut, so that what was asked of it is
 * not done later if that can be helped.
 */
export class BrokerLines {
  readonly #connection: KafkaConnection;
  /** By `host:port`. */
  readonly #lines = new Map<string, BrokerLine>();
  #addresses: readonly string[];
  #brokers: readonly Broker[] = [];
  #isClosed = false;

  constructor(connection: KafkaConnection) {
    this.#connection = connection;
    this.#addresses = connection.bootstrapServers;
  }

  /** The brokers that are there at present, and that are asked from here on. */
  async brokers(): Promise<readonly Broker[]> {
    let found: readonly Broker[];
    try {
      found = await this.ask((admin) => admin.brokers());
    } catch (error) {
      // Those that are known may all have gone, and others come in their place.
      this.#addresses = this.#connection.bootstrapServers;
      throw error;
    }
    if (found.length === 0) return found;
    this.#brokers = found;
    this.#addresses = found.map(addressOf);
    for (const [address, line] of this.#lines) {
      if (this.#addresses.includes(address)) continue;
      line.cut();
      this.#lines.delete(address);
    }
    return found;
  }

  /**
   * The first answer; whatever is asked may be done by several brokers, one after another.
   *
   * @param topics about how many it is, for more of them take longer
   * @throws the last broker's error, where none answers
   */
  async ask<T>(question: (admin: TopicAdmin) => Promise<T>, topics = 0): Promise<T> {
    const lines = this.#addresses.map((address) => this.#line(address));
    lines.sort((a, b) => b.answeredAt - a.answeredAt);
    const asked = new Set<BrokerLine>();
    const answered = new AbortController();
    let last: unknown = new Error('Kafka has no broker that could be asked');
    const answers = lines.map(async (line, index) => {
      await sleep(index * (ASK_NEXT_AFTER + topics), undefined, { signal: answered.signal });
      asked.add(line);
      try {
        return await line.ask(question);
      } catch (error) {
        last = error;
        throw error;
      } finally {
        asked.delete(line);
      }
    });
    try {
      return await withinDeadline(DEADLINE, Promise.any(answers));
    } catch (error) {
      throw error instanceof AggregateError ? last : error;
    } finally {
      answered.abort();
      for (const line of asked) line.cut();
    }
  }

  /** Asks one broker, of itself. @throws Error where it can't be asked, or does not answer */
  async askOf<T>(id: number, question: (admin: TopicAdmin) => Promise<T>): Promise<T> {
    const broker = this.#brokers.find((one) => one.id === id);
    if (broker === undefined) throw new Error(`broker ${id} is not there`);
    const line = this.#line(addressOf(broker));
    try {
      return await withinDeadline(ASK_NEXT_AFTER * 4, line.ask(question));
    } catch (error) {
      line.cut();
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const line of this.#lines.values()) line.cut();
  }

  #line(address: string): BrokerLine {
    if (this.#isClosed) throw new Error('no longer connected to Kafka');
    const line = this.#lines.get(address) ?? new BrokerLine(this.#connection, address);
    this.#lines.set(address, line);
    return line;
  }
}

/** One broker, connected to when it is first asked. */
class BrokerLine {
  readonly #connection: KafkaConnection;
  readonly #address: string;
  #admin: Promise<TopicAdmin> | undefined;
  #cutting = new AbortController();
  /** In milliseconds of a monotonic clock. */
  answeredAt = -Infinity;

  constructor(connection: KafkaConnection, address: string) {
    this.#connection = connection;
    this.#address = address;
  }

  async ask<T>(question: (admin: TopicAdmin) => Promise<T>): Promise<T> {
    const { signal } = this.#cutting;
    this.#admin ??= TopicAdmin.connect({
      connection: { ...this.#connection, bootstrapServers: [this.#address] },
      onlyBootstrap: true,
      requestTimeoutMs: DEADLINE,
      signal,
    });
    try {
      const answer = await question(await this.#admin);
      this.answeredAt = performance.now();
      return answer;
    } catch (error) {
      if (!signal.aborted) this.cut();
      throw error;
    }
  }

  /** Cuts its connections; the next question opens new ones. */
  cut(): void {
    this.#cutting.abort();
    this.#cutting = new AbortController();
    this.#admin = undefined;
    this.answeredAt = -Infinity;
  }
}

function addressOf({ host, port }: Broker): string {
  return `${host}:${port}`;
}
