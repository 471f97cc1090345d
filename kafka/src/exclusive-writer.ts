import { openClaimedProducer } from './claimed-producer.js';
import type { KafkaConnection, KafkaLog } from './connection.js';
import { lastFailure } from './connection-failure.js';
import { withinDeadline } from './deadline.js';
import type { ClaimedProducer } from './kafka-client.js';
import { KafkaError, unreachable } from './kafka-error.js';
import { reasonIn } from './refusal.js';
import type { OutgoingRecord } from './record.js';

export interface ExclusiveWriterOptions {
  connection: KafkaConnection;
  /** What only one writer at a time may hold: a transactional id. */
  claim: string;
  log?: KafkaLog;
}

/** How long one transaction may take, in milliseconds. */
const DEADLINE = 30_000;

/**
 * Writes records in transactions, for as long as nobody else has opened a writer with the same claim. So what was
 * read after the writer was opened and is the claim's alone to write can't have changed when a write succeeds.
 */
export class ExclusiveWriter {
  readonly #connection: KafkaConnection;
  readonly #claimed: ClaimedProducer;
  readonly #name: string;

  private constructor(connection: KafkaConnection, claimed: ClaimedProducer, name: string) {
    this.#connection = connection;
    this.#claimed = claimed;
    this.#name = name;
  }

  /**
   * Shuts out whoever held the claim, and ends what they have left open.
   *
   * @throws KafkaError UNREACHABLE
   */
  static async open({ connection, claim, log }: ExclusiveWriterOptions): Promise<ExclusiveWriter> {
    const claimed = openClaimedProducer({ transactionalId: claim, connection, log });
    try {
      await withinDeadline(DEADLINE, claimed.claim(), () => lastFailure(connection));
    } catch (error) {
      claimed.discard();
      throw unreachable(connection, error, `claiming ${claim}`);
    }
    return new ExclusiveWriter(connection, claimed, claim);
  }

  /**
   * Writes records, all of them or none.
   *
   * @param records in the order in which they are to be stored
   * @throws KafkaError TRANSACTION_FAILED; whether they were written can then be seen only by reading
   */
  async write(records: readonly OutgoingRecord[]): Promise<void> {
    try {
      await withinDeadline(DEADLINE, this.#write(records), () => lastFailure(this.#connection));
    } catch (error) {
      this.#claimed.discard();
      const sentence = `The transaction of ${this.#name} failed: ${reasonIn(this.#connection, error, `writing as ${this.#name}`)}. Perhaps another process has taken over; look at what was written before you try again.`;
      throw new KafkaError('TRANSACTION_FAILED', sentence, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#claimed.disconnect().catch(() => undefined);
    this.#claimed.discard();
  }

  async #write(records: readonly OutgoingRecord[]): Promise<void> {
    const transaction = await this.#claimed.begin();
    await transaction.send(records);
    await transaction.commit();
  }
}
