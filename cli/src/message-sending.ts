import { setTimeout as delay } from 'node:timers/promises';
import { type ClientTls, MllpConnection, MllpError, readAcknowledgement } from '@integration-hub/hl7';
import type { FileMessage } from './message-file.js';

export interface SendingOptions {
  readonly host: string;
  readonly port: number;
  /** How many connections share the messages; order is kept only on one. */
  readonly connections: number;
  /** Messages a second over all connections; as fast as the acknowledgements come when left out. */
  readonly perSecond?: number | undefined;
  /** How long a connection, and then each acknowledgement, may take. */
  readonly timeoutMs: number;
  /** Closes the connections and ends the sending. */
  readonly signal: AbortSignal;
  /** Absent: plain TCP. */
  readonly tls?: ClientTls | undefined;
}

/** What became of one message. */
export interface Outcome {
  readonly controlId: string;
  /**
   * MSA-1 of the acknowledgement; `none` when none came in time, `closed` when the connection ended first, `bad` when
   * what came is not an acknowledgement of this message.
   */
  readonly code: string;
  readonly latencyMs: number;
  /** What the receiver or the connection says of it. */
  readonly text: string;
}

/** Behind schedule by more than this, messages are let go late for good instead of all at once. */
const CATCH_UP_MS = 100;

/**
 * Sends messages over MLLP, each connection its next one when its last has been answered. An unanswered message is not
 * sent again.
 *
 * @param report called with what became of each message
 * @throws MllpError CONNECT_FAILED, CONNECT_TIMEOUT or TLS_FAILED, when the other connections have had their answers
 */
export async function sendMessages(
  messages: Iterator<FileMessage>,
  options: SendingOptions,
  report: (outcome: Outcome) => void,
): Promise<void> {
  const { signal, perSecond } = options;
  let failure: unknown;
  let slot = performance.now();

  async function pace(): Promise<void> {
    if (perSecond === undefined) return;
    slot = Math.max(slot, performance.now() - CATCH_UP_MS);
    const wait = slot - performance.now();
    slot += 1000 / perSecond;
    if (wait > 0) await delay(wait, undefined, { signal }).catch(() => undefined);
  }

  async function feedOneConnection(): Promise<void> {
    let connection: MllpConnection | undefined;
    const leave = (): void => void connection?.close();
    signal.addEventListener('abort', leave);
    try {
      for (;;) {
        await pace();
        if (failure !== undefined || signal.aborted) return;
        if (connection === undefined || !(await connection.isUsable())) {
          connection = await MllpConnection.open({ ...options, connectTimeoutMs: options.timeoutMs });
        }
        const next = messages.next();
        if (next.done === true) return;
        report(await outcomeOf(connection, next.value, options.timeoutMs));
      }
    } finally {
      signal.removeEventListener('abort', leave);
      await connection?.close();
    }
  }

  const feeds = Array.from({ length: options.connections }, () =>
    feedOneConnection().catch((error: unknown) => {
      failure ??= error;
    }),
  );
  await Promise.all(feeds);
  if (failure !== undefined) throw failure as Error;
}

async function outcomeOf(
  connection: MllpConnection,
  message: FileMessage,
  timeoutMs: number,
): Promise<Outcome> {
  const { controlId } = message;
  const start = performance.now();
  const outcome = (code: string, text: string): Outcome => {
    return { controlId, code, latencyMs: performance.now() - start, text };
  };
  let reply: Buffer;
  try {
    reply = await connection.exchange(message.bytes, timeoutMs);
  } catch (error) {
    if (!(error instanceof MllpError)) throw error;
    const codes: Record<string, string> = { REPLY_TIMEOUT: 'none', CLOSED: 'closed' };
    return outcome(codes[error.code] ?? 'bad', error.message);
  }
  try {
    const acknowledgement = readAcknowledgement(reply);
    if (acknowledgement.controlId === controlId)
      return outcome(acknowledgement.code, acknowledgement.text ?? '');
    return outcome(
      'bad',
      'The acknowledgement is for another message: MSA-2 is not the MSH-10 that was sent',
    );
  } catch (error) {
    return outcome('bad', (error as Error).message);
  }
}
