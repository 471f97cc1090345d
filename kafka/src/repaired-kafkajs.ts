/**
 * kafkajs 2.2.4 with two faults repaired. Nobody maintains it any more, so what must be right is put right here,
 * before it is loaded; everything in this package has kafkajs from here.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
}

// Fault 1: every connection, idle or not, wakes up each millisecond for good, to look whether a request may be sent
// that was held back; 3 % of a core for two connections, and a warning of Node's (tulios/kafkajs #1751). Here it
// waits only when there is such a request.
const requestQueue = require('kafkajs/src/network/requestQueue') as { prototype: object };
Object.assign(requestQueue.prototype, {
  scheduleCheckPendingRequests(this: RequestQueue) {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    const throttledForMs = this.throttledUntil - Date.now();
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledForMs > 0 ? throttledForMs : 10,
    );
  },
});

interface FetchedMessage {
  offset: string;
  key: Buffer | null;
  isControlRecord: boolean;
  batchContext: { producerId: string; inTransaction: boolean };
}

interface FetchedMessages {
  messages: FetchedMessage[];
  abortedTransactions?: { producerId: string; firstOffset: string }[];
}

/** The key of the control record that ends an aborted transaction: version 0, type 0. */
const ABORT_MARKER = Buffer.alloc(4);

/**
 * Fault 2: records of aborted transactions get through where several are open at once, as after the death of a
 * transformer: kafkajs takes the list of aborted transactions to be in the order of their beginnings, but a broker
 * gives it in the order of their ends; and it begins to hide one transaction a record at most.
 */
function withoutAborted({ messages, abortedTransactions = [] }: FetchedMessages): FetchedMessage[] {
  if (abortedTransactions.length === 0) return messages;
  const begins = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
    .sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const aborting = new Set<string>();
  let next = 0;
  return messages.filter(({ offset, key, isControlRecord, batchContext: { producerId, inTransaction } }) => {
    for (; next < begins.length && begins[next]!.firstOffset <= BigInt(offset); next += 1) {
      aborting.add(begins[next]!.producerId);
    }
    if (isControlRecord) {
      if (key?.equals(ABORT_MARKER) === true) aborting.delete(producerId);
      return true;
    }
    return !(inTransaction && aborting.has(producerId));
  });
}

const filter = require.resolve('kafkajs/src/consumer/filterAbortedMessages');
require(filter);
require.cache[filter]!.exports = withoutAborted;

export const kafkajs = require('kafkajs') as typeof import('kafkajs');
