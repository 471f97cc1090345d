import { randomUUID } from 'node:crypto';
import {
  leftOutCode,
  mostQuotedBytes,
  securityEventHeaders,
  type ListenerConfiguration,
  type SecurityEvent,
  type SecurityEventType,
} from '@integration-hub/api';
import type { OutgoingRecord } from '@integration-hub/kafka';

/** Of each type so many are told one by one in a window of so many milliseconds; of the rest, how many. */
const [mostTold, windowMs] = [100, 10_000];

/** What is told of a refusal. */
export interface Refusal {
  readonly code: string;
  readonly reason: string;
  readonly remoteAddress: string | undefined;
  readonly correlationId?: string;
  /** The message, or its beginning. */
  readonly bytes?: Buffer;
}

export interface SecurityEventsParts {
  /** Resolves once the record is stored. */
  readonly store: (record: OutgoingRecord) => Promise<void>;
  readonly count: (type: SecurityEventType) => void;
  /** Milliseconds; absent: 10 s. */
  readonly windowMs?: number;
}

type Configuration = Pick<
  ListenerConfiguration,
  'namespace' | 'flow' | 'stage' | 'contentPolicy' | 'securityTopic'
>;

/** Of one type. */
interface Told {
  /** In this window. */
  oneByOne: number;
  /** Since it was last told how many. */
  leftOut: number;
}

/**
 * A listener's security events, as many as an audit can read. None goes unsaid: those above the measure, and those that
 * Kafka did not take, are told as a number, again and again until Kafka has it. Messages do not wait for them.
 */
export class SecurityEvents {
  readonly #configuration: Configuration;
  readonly #parts: SecurityEventsParts;
  readonly #told = new Map<SecurityEventType, Told>();
  readonly #storing = new Set<Promise<void>>();
  #window: NodeJS.Timeout | undefined;

  constructor(configuration: Configuration, parts: SecurityEventsParts) {
    this.#configuration = configuration;
    this.#parts = parts;
  }

  refused(type: SecurityEventType, { bytes, remoteAddress = '', ...refusal }: Refusal): void {
    this.#parts.count(type);
    this.#beginWindow();
    const told = this.#of(type);
    // Where Kafka is away they must not gather in memory from window to window.
    if (told.oneByOne >= mostTold || this.#storing.size >= mostTold * 4) {
      told.leftOut += 1;
      return;
    }
    told.oneByOne += 1;
    const isQuoted = this.#configuration.contentPolicy === 'Full' && bytes !== undefined;
    this.#tell({
      ...this.#common(type),
      remoteAddress,
      ...refusal,
      ...(isQuoted && { content: bytes.subarray(0, mostQuotedBytes).toString('base64') }),
    });
  }

  /** Tells what has been left out, and resolves when Kafka has all of it, or has not taken it. */
  async close(): Promise<void> {
    clearTimeout(this.#window);
    this.#tellLeftOut();
    await Promise.all(this.#storing);
    clearTimeout(this.#window);
  }

  #of(type: SecurityEventType): Told {
    let told = this.#told.get(type);
    if (told === undefined) this.#told.set(type, (told = { oneByOne: 0, leftOut: 0 }));
    return told;
  }

  #beginWindow(): void {
    this.#window ??= setTimeout(() => {
      this.#window = undefined;
      this.#tellLeftOut();
    }, this.#parts.windowMs ?? windowMs).unref();
  }

  #tellLeftOut(): void {
    for (const [type, told] of this.#told) {
      const { leftOut } = told;
      [told.oneByOne, told.leftOut] = [0, 0];
      if (leftOut === 0) continue;
      const reason = `${leftOut} more of this type than were told one by one; the listener's log and metrics have them too`;
      this.#tell({ ...this.#common(type), code: leftOutCode, reason, remoteAddress: '', leftOut });
    }
  }

  #common(
    type: SecurityEventType,
  ): Pick<SecurityEvent, 'version' | 'type' | 'time' | 'namespace' | 'flow' | 'stage'> {
    const { namespace, flow, stage } = this.#configuration;
    return { version: 1, type, time: new Date().toISOString(), namespace, flow, stage };
  }

  #tell(event: SecurityEvent): void {
    const stored = this.#parts
      .store({
        topic: this.#configuration.securityTopic,
        key: Buffer.from(event.stage),
        value: Buffer.from(JSON.stringify(event)),
        headers: securityEventHeaders(event, randomUUID()),
      })
      .catch(() => {
        this.#of(event.type).leftOut += event.leftOut ?? 1;
        this.#beginWindow();
      })
      .finally(() => this.#storing.delete(stored));
    this.#storing.add(stored);
  }
}
