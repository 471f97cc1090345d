/**
 * Tells people and programs of alarms: each recipient of each change once, what comes together in one message, and
 * again and again until the recipient's server has taken it. What a server took though its answer got lost comes
 * twice, with the same id.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NotifierConfiguration } from '@integration-hub/api';
import type { AlarmChange } from './alarm.js';
import type { Channel } from './channel.js';
import { emailChannels } from './email.js';
import { messageOf } from './message.js';
import { webhookChannel } from './webhook.js';

export interface NotifierOptions {
  readonly configuration: NotifierConfiguration;
  readonly log: (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** First and longest wait after a failure, in milliseconds; it doubles in between. Default: 5 s, 5 min. */
  readonly waitsMs?: readonly [first: number, longest: number];
}

/** How it stands with one recipient. */
export interface RecipientState {
  readonly recipient: string;
  /** Changes that they have not been told. */
  readonly waiting: number;
  /** Why they can't be told at present. */
  readonly trouble: string | undefined;
}

export class Notifier {
  readonly #outboxes: readonly Outbox[];

  constructor({ configuration, log, waitsMs = [5_000, 300_000] }: NotifierOptions) {
    const { email, webhooks } = configuration;
    const channels = [...(email === null ? [] : emailChannels(email)), ...webhooks.map(webhookChannel)];
    this.#outboxes = channels.map((channel) => new Outbox(channel, configuration, log, waitsMs));
  }

  /** Takes over what people are to be told; returns at once. */
  tell(changes: readonly AlarmChange[]): void {
    for (const outbox of this.#outboxes) outbox.add(changes);
  }

  get recipients(): readonly RecipientState[] {
    return this.#outboxes.map((outbox) => outbox.state);
  }

  /** Sends what waits at once, each recipient's once, and ends; what can't be sent now is not sent. */
  async stop(): Promise<void> {
    await Promise.all(this.#outboxes.map((outbox) => outbox.stop()));
  }
}

/** What one recipient is to be told. Its size is bounded: of each alarm it holds the latest change. */
class Outbox {
  readonly #channel: Channel;
  readonly #configuration: NotifierConfiguration;
  readonly #log: NotifierOptions['log'];
  readonly #waitsMs: readonly [number, number];
  readonly #stopping = new AbortController();
  #changes = new Map<string, AlarmChange>();
  /** Of those, the ones in the message under way. */
  #underWay = 0;
  #running: Promise<void> | undefined;
  #trouble: string | undefined;

  constructor(
    channel: Channel,
    configuration: NotifierConfiguration,
    log: NotifierOptions['log'],
    waitsMs: readonly [number, number],
  ) {
    this.#channel = channel;
    this.#configuration = configuration;
    this.#log = log;
    this.#waitsMs = waitsMs;
  }

  get state(): RecipientState {
    const waiting = this.#changes.size + this.#underWay;
    return { recipient: this.#channel.name, waiting, trouble: this.#trouble };
  }

  add(changes: readonly AlarmChange[]): void {
    for (const change of changes) {
      const { severity, id } = change.alarm;
      if (severity === 'Warning' && this.#channel.leastSeverity === 'Critical') continue;
      this.#changes.delete(id);
      this.#changes.set(id, change);
    }
    if (this.#changes.size > 0) this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#changes.size > 0) {
      await this.#sleep(this.#configuration.groupWaitMs);
      const changes = [...this.#changes.values()];
      this.#changes = new Map();
      this.#underWay = changes.length;
      await this.#send(changes);
      this.#underWay = 0;
      if (this.#stopping.signal.aborted) break;
    }
    // Not later, in a callback: what is added then must find that nobody runs.
    this.#running = undefined;
  }

  /** Until it has succeeded; a message stays as it is, so that its id does. */
  async #send(changes: readonly AlarmChange[]): Promise<void> {
    const recipient = this.#channel.name;
    const message = messageOf(this.#configuration, changes, recipient);
    const [firstMs, longestMs] = this.#waitsMs;
    let waitMs = firstMs;
    for (;;) {
      try {
        await this.#channel.send(message);
        this.#log('info', 'told of alarms', { recipient, changes: changes.length, delivery: message.id });
        this.#trouble = undefined;
        return;
      } catch (error) {
        this.#fail(error, waitMs);
        await this.#sleep(waitMs * (0.8 + 0.4 * Math.random()));
        waitMs = Math.min(longestMs, 2 * waitMs);
        if (this.#stopping.signal.aborted) return;
      }
    }
  }

  #fail(error: unknown, waitMs: number): void {
    const { message, cause } = error as Error;
    // fetch says only that it failed, and has the reason beneath.
    const trouble = cause instanceof Error ? `${message}: ${cause.message}` : message;
    if (trouble !== this.#trouble) {
      const fields = { recipient: this.#channel.name, reason: trouble, waitMs: Math.round(waitMs) };
      this.#log('warn', 'somebody can’t be told of alarms; it will be tried again', fields);
    }
    this.#trouble = trouble;
  }

  async #sleep(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
