import {
  mostQuotedBytes,
  type ListenerConfiguration,
  type SecurityEvent,
  type SecurityEventType,
} from '@integration-hub/api';

/** Of each type so many are told in a window of so many milliseconds; all are counted. */
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
  readonly tell: (event: SecurityEvent) => void;
  readonly count: (type: SecurityEventType) => void;
  /** A monotonic clock in milliseconds. */
  readonly now?: () => number;
}

/** A listener's security events, as many as an audit can read: who attacks must not crowd out what is told of messages. */
export class SecurityEvents {
  readonly #configuration: Pick<ListenerConfiguration, 'namespace' | 'flow' | 'stage' | 'contentPolicy'>;
  readonly #parts: SecurityEventsParts;
  readonly #told = new Map<SecurityEventType, number>();
  #windowEnds = 0;

  constructor(
    configuration: Pick<ListenerConfiguration, 'namespace' | 'flow' | 'stage' | 'contentPolicy'>,
    parts: SecurityEventsParts,
  ) {
    this.#configuration = configuration;
    this.#parts = parts;
  }

  refused(type: SecurityEventType, { bytes, remoteAddress = '', ...refusal }: Refusal): void {
    const { tell, count, now = () => performance.now() } = this.#parts;
    count(type);
    if (now() >= this.#windowEnds) {
      this.#told.clear();
      this.#windowEnds = now() + windowMs;
    }
    const told = this.#told.get(type) ?? 0;
    if (told >= mostTold) return;
    this.#told.set(type, told + 1);
    const { namespace, flow, stage, contentPolicy } = this.#configuration;
    const isQuoted = contentPolicy === 'Full' && bytes !== undefined;
    tell({
      version: 1,
      type,
      time: new Date().toISOString(),
      namespace,
      flow,
      stage,
      remoteAddress,
      ...refusal,
      ...(isQuoted && { content: bytes.subarray(0, mostQuotedBytes).toString('base64') }),
    });
  }
}
