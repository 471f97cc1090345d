/** One sender's connection to a listener: frames in, acknowledgements out, in the order of the messages. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { recordHeaders, type ListenerConfiguration, type MessageDescription } from '@integration-hub/api';
import {
  acceptance,
  encodeFrame,
  FrameDecoder,
  rejection as rejectionReply,
  type FrameSink,
  type FrameViolation,
  type Message,
} from '@integration-hub/hl7/messages';
import type { OutgoingRecord } from '@integration-hub/kafka';
import { deadLetter } from '../dead-letter.js';
import type { Tell } from '../events.js';
import { errorShape, type Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { aboutReceived, aboutSent } from '../telemetry/span-attributes.js';
import type { StageSpan, Traces } from '../telemetry/traces.js';
import type { Rejected, Verdict } from './acceptance.js';
import type { RefusalLog } from './refusal-log.js';
import type { SecurityEvents } from './security-events.js';

/** What a listener lends to its connections. */
export interface ListenerService {
  readonly configuration: ListenerConfiguration;
  readonly log: Log;
  readonly refusals: RefusalLog;
  readonly security: Pick<SecurityEvents, 'refused'>;
  readonly metrics: Metrics;
  readonly traces: Traces;
  readonly judge: (bytes: Buffer) => Verdict;
  readonly keyOf: (message: Message) => Buffer;
  /** Resolves once the record is stored; rejects when it is not known to be. */
  readonly store: (record: OutgoingRecord, signal: AbortSignal) => Promise<void>;
  /** False while Kafka is slow or away, or too much waits to be stored. */
  readonly readingAllowed: () => boolean;
  /** Whether the process has just woken after it did nothing for longer than senders wait. */
  readonly wasSuspended: () => boolean;
  /** Tells what became of a message. */
  readonly tell: Tell;
  readonly received: { inc(): void };
  readonly acknowledged: { inc(): void };
}

/** Messages of one connection that may wait for their answers before it is read further. */
const mostUnanswered = 64;
/** Bytes of acknowledgements that a sender may leave unread before it is read further. */
const mostUnread = 65_536;
/** How long a connection that we ended may take to be ended by its peer. */
const lingerMs = 2_000;

/** A message whose answer is due. Answers go out in the order of this list. */
interface Unanswered {
  readonly since: number;
  /** From its last byte to its answer. */
  readonly span: StageSpan;
  /** The framed reply; null: none, close; undefined: not known yet. */
  reply: Buffer | null | undefined;
}

export class ListenerConnection implements FrameSink {
  readonly #socket: Socket;
  readonly #service: ListenerService;
  readonly #decoder: FrameDecoder;
  readonly #unanswered: Unanswered[] = [];
  readonly #abandon = new AbortController();
  /** Set when nothing more is taken from this connection. */
  #closing = false;
  #isTooLarge = false;
  #frameSince: number | undefined;
  #unreadableSince: number | undefined;

  constructor(socket: Socket, service: ListenerService) {
    this.#socket = socket;
    this.#service = service;
    this.#decoder = new FrameDecoder({ maxContentBytes: service.configuration.maxMessageBytes });
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('end', () => this.#ended());
    socket.on('drain', () => this.#resumeReading());
    socket.on('error', (error) => service.log.debug('connection failed', errorShape(error)));
    socket.on('close', () => {
      this.#closing = true;
      this.#abandon.abort();
    });
    if (!service.readingAllowed()) this.#stopReading();
  }

  /** Takes nothing more, answers what was taken, and closes. */
  drain(): void {
    this.#closing = true;
    this.#stopReading();
    this.#answer();
  }

  destroy(): void {
    this.#closing = true;
    // What has not gone to Kafka yet must not go there after its sender was let down: it will send it again.
    this.#abandon.abort();
    this.#socket.destroy();
  }

  /** Called a few times a second: goes on reading where that is possible again, and ends what takes too long. */
  tick(): void {
    const now = performance.now();
    const { storeTimeoutMs, listen } = this.#service.configuration;
    const waiting = this.#unanswered[0]?.since ?? this.#unreadableSince;
    if (waiting !== undefined && now - waiting > storeTimeoutMs) {
      const [code, text] =
        this.#socket.writableLength > mostUnread
          ? ['ACKNOWLEDGEMENTS_UNREAD', 'connection closed: its sender does not read its acknowledgements']
          : ['STORE_TIMEOUT', 'connection closed without a reply: its message could not be stored in time'];
      this.#service.refusals.refused(code, text, { unanswered: this.#unanswered.length });
      this.destroy();
      return;
    }
    if (
      this.#frameSince !== undefined &&
      !this.#socket.isPaused() &&
      now - this.#frameSince > listen.frameTimeoutMs
    ) {
      this.#service.metrics.framingViolations.inc({
        flow: this.#service.configuration.flow,
        code: 'FRAME_TIMEOUT',
      });
      const text = 'connection closed: a message began and did not end in time';
      this.#service.refusals.refused('FRAME_TIMEOUT', text, { peer: this.#socket.remoteAddress });
      this.destroy();
      return;
    }
    if (this.#service.readingAllowed()) this.#resumeReading();
    else this.#stopReading();
  }

  #read(chunk: Buffer): void {
    if (this.#closing) return;
    if (this.#service.wasSuspended()) {
      // What waited here meanwhile has been sent again, elsewhere, and later messages after it.
      this.destroy();
      return;
    }
    this.#frameSince ??= performance.now();
    this.#decoder.push(chunk, this);
    if (!this.#decoder.insideFrame) this.#frameSince = undefined;
    if (this.#mustWait()) this.#stopReading();
  }

  #mustWait(): boolean {
    return (
      this.#unanswered.length >= mostUnanswered ||
      this.#socket.writableLength > mostUnread ||
      !this.#service.readingAllowed()
    );
  }

  #stopReading(): void {
    if (this.#socket.isPaused()) return;
    this.#socket.pause();
    this.#unreadableSince = performance.now();
  }

  #resumeReading(): void {
    if (this.#closing || !this.#socket.isPaused() || this.#mustWait()) return;
    this.#unreadableSince = undefined;
    this.#socket.resume();
  }

  #ended(): void {
    if (!this.#closing) this.#decoder.end(this);
    this.#closing = true;
    this.#answer();
  }

  /** A whole message has come (FrameSink). */
  frame(content: Buffer): void {
    if (this.#closing) return;
    const service = this.#service;
    service.received.inc();
    const since = performance.now();
    this.#frameSince = since; // What is left of the chunk, if anything, belongs to the next message.
    const correlationId = randomUUID();
    const span = service.traces.begin(correlationId, 'receive', 'server');
    const unanswered: Unanswered = { since, span, reply: undefined };
    this.#unanswered.push(unanswered);
    const judging = span.part('validate', 'internal');
    let verdict: Verdict;
    try {
      verdict = service.judge(content);
    } catch (error) {
      // A fault of ours. The sender keeps the message; the connection ends, the worker goes on.
      service.log.error('a message could not be judged', { reasonCode: 'UNEXPECTED', ...errorShape(error) });
      judging.end({ code: 'UNEXPECTED' });
      span.end({ code: 'UNEXPECTED' });
      this.#settle(unanswered, null);
      return;
    }
    judging.end(verdict.rejection);
    const { message } = verdict;
    const description = this.#describe(correlationId, message, span);
    span.set(() => aboutReceived(description, message, content.length));
    service.tell('MESSAGE_RECEIVED', description);
    if (verdict.rejection) this.#reject(content, verdict, description, unanswered);
    else this.#accept(verdict.message, description, unanswered);
  }

  #accept(message: Message, description: MessageDescription, unanswered: Unanswered): void {
    const { configuration, store, keyOf, metrics, log, acknowledged, tell } = this.#service;
    tell('VALIDATION_SUCCESS', description);
    const storing = this.#sending(configuration.topic, unanswered);
    const record: OutgoingRecord = {
      topic: configuration.topic,
      key: keyOf(message),
      value: message.bytes,
      headers: recordHeaders({ ...description, traceparent: storing.traceparent }, 'received'),
    };
    store(record, this.#abandon.signal).then(
      () => {
        storing.end();
        metrics.storeSeconds.observe((performance.now() - unanswered.since) / 1000);
        acknowledged.inc();
        tell('MESSAGE_PROCESSED', description);
        // winston makes the line before it looks at the level.
        if (log.isDebugEnabled()) {
          const { controlId, correlationId } = description;
          log.debug('acknowledged', { controlId, correlationId });
        }
        unanswered.span.end();
        this.#settle(unanswered, encodeFrame(acceptance(message, new Date())));
      },
      (error: unknown) => this.#notStored(description, unanswered, storing, error),
    );
  }

  #sending(topic: string, { span }: Unanswered): StageSpan {
    const sending = span.part('send', 'producer');
    sending.set(() => aboutSent(topic));
    return sending;
  }

  #reject(
    content: Buffer,
    { message, rejection }: Rejected,
    description: MessageDescription,
    unanswered: Unanswered,
  ): void {
    const { configuration, store, metrics, refusals, security, tell } = this.#service;
    const { code, reason } = rejection;
    const error = { code, reason, attempts: 1, isFinal: true };
    tell('VALIDATION_FAILED', description, { error });
    metrics.rejected.inc({ ...this.#labels, code });
    const { controlId, correlationId } = description;
    refusals.refused(code, 'message rejected', { reason, controlId, correlationId });
    if (code === 'WRONG_SENDING_APPLICATION') {
      const { remoteAddress } = this.#socket;
      security.refused('SENDER_REFUSED', { code, reason, remoteAddress, correlationId, bytes: content });
    }
    const reply = configuration.onReject === 'Nak' && message !== undefined;
    if (!reply) this.#closing = true;
    const storing = this.#sending(configuration.deadLetterTopic, unanswered);
    const { traceparent } = storing;
    const record = deadLetter(
      configuration.deadLetterTopic,
      configuration.stage,
      { ...description, traceparent },
      content,
      null,
      rejection,
    );
    store(record, this.#abandon.signal).then(
      () => {
        storing.end();
        unanswered.span.end(rejection);
        metrics.deadLetters.inc({ ...this.#labels, stage: configuration.stage, code });
        tell('MESSAGE_FAILED', description, { error });
        const { acknowledgement, errors } = rejection;
        const answer = reply ? rejectionReply(message, { code: acknowledgement, errors }, new Date()) : null;
        this.#settle(unanswered, answer && encodeFrame(answer));
      },
      (error: unknown) => this.#notStored(description, unanswered, storing, error),
    );
  }

  #notStored(
    description: MessageDescription,
    unanswered: Unanswered,
    storing: StageSpan,
    error: unknown,
  ): void {
    const code = 'NOT_STORED';
    if (this.#abandon.signal.aborted) {
      storing.interrupt(code);
      unanswered.span.interrupt(code);
    } else {
      storing.end({ code });
      unanswered.span.end({ code });
      const { controlId, correlationId } = description;
      const text = 'message not stored: its connection is closed without a reply';
      this.#service.log.error(text, {
        reasonCode: code,
        controlId,
        correlationId,
        ...errorShape(error),
      });
    }
    this.#settle(unanswered, null);
  }

  /** The stream can't be read further (FrameSink). */
  violation({ code, message, firstBytes }: FrameViolation): void {
    if (this.#closing) return;
    this.#closing = true;
    const { configuration, store, metrics, refusals, tell } = this.#service;
    metrics.framingViolations.inc({ flow: configuration.flow, code });
    const { remoteAddress } = this.#socket;
    refusals.refused(code, `connection closed: ${message}`, { peer: remoteAddress });
    if (code === 'TOO_LARGE') {
      this.#isTooLarge = true;
      this.#socket.pause();
    }
    const correlationId = randomUUID();
    const span = this.#service.traces.begin(correlationId, 'receive', 'server');
    const unanswered: Unanswered = { since: performance.now(), span, reply: undefined };
    this.#unanswered.push(unanswered);
    span.set(() =>
      aboutReceived(this.#describe(correlationId, undefined, span), undefined, firstBytes.length),
    );
    // A message was in the making: what is known of it is kept. A stray byte or a broken connection is no message.
    if (code !== 'TOO_LARGE' && code !== 'MISSING_END') {
      span.end({ code, reason: message });
      this.#settle(unanswered, null);
      return;
    }
    if (code === 'TOO_LARGE') {
      const refusal = { code, reason: message, remoteAddress, correlationId, bytes: firstBytes };
      this.#service.security.refused('MESSAGE_TOO_LARGE', refusal);
    }
    const failure = { code, reason: message, truncated: true };
    span.fail(failure);
    const { deadLetterTopic, stage } = configuration;
    const storing = this.#sending(deadLetterTopic, unanswered);
    const description = this.#describe(correlationId, undefined, storing);
    store(
      deadLetter(deadLetterTopic, stage, description, firstBytes, null, failure),
      this.#abandon.signal,
    ).then(
      () => {
        storing.end();
        span.end(failure);
        metrics.deadLetters.inc({ ...this.#labels, stage, code });
        const error = { code, reason: message, attempts: 1, isFinal: true };
        tell('MESSAGE_FAILED', description, { error });
        this.#settle(unanswered, null);
      },
      (error: unknown) => this.#notStored(description, unanswered, storing, error),
    );
  }

  get #labels(): { flow: string; health_board: string; peer: string } {
    const { flow, healthBoard, peer } = this.#service.configuration;
    return { flow, health_board: healthBoard, peer };
  }

  #describe(
    correlationId: string,
    message: Message | undefined,
    { traceparent }: StageSpan,
  ): MessageDescription {
    const { namespace, flow, healthBoard, peer } = this.#service.configuration;
    return {
      correlationId,
      namespace,
      flow,
      receivedTime: new Date().toISOString(),
      controlId: message?.controlId ?? '',
      contentType: `x-application/hl7-v2+er7; charset=${message?.charset.name ?? 'unknown'}`,
      traceparent,
      healthBoard,
      peer,
    };
  }

  #settle(unanswered: Unanswered, reply: Buffer | null): void {
    unanswered.reply = reply;
    this.#answer();
  }

  /** Sends the answers that are due, in order; the first null ends the connection. */
  #answer(): void {
    if (this.#socket.destroyed) return;
    for (;;) {
      const reply = this.#unanswered[0]?.reply;
      if (reply === undefined) break;
      this.#unanswered.shift();
      if (reply === null) {
        this.#closing = true;
        // Later messages of this connection are left to the sender, which was told nothing of them.
        this.#abandon.abort();
        this.#unanswered.length = 0;
        break;
      }
      this.#socket.write(reply);
    }
    if (this.#closing && this.#unanswered.length === 0) this.#close();
    else this.#resumeReading();
  }

  /**
   * Ends our side and reads on without taking anything, until the peer ends its own: to close with bytes unread
   * would reset the connection, and the peer could lose the acknowledgements it has not read yet. What is too large is
   * not read on, but left for as long: else all its bytes would pass through this process, and perhaps without end.
   */
  #close(): void {
    this.#socket.removeAllListeners('data');
    this.#socket.end();
    if (!this.#isTooLarge) {
      this.#socket.on('data', () => undefined);
      this.#socket.resume();
    }
    setTimeout(() => this.#socket.destroy(), lingerMs).unref();
  }
}
