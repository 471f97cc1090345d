import type { Suite } from 'mocha';
import type { KafkaClientName } from './connection.js';

/** The libraries that fulfil one contract. */
export const clients: readonly KafkaClientName[] = ['kafkajs', 'platformatic'];

/** Describes what holds whichever library speaks to Kafka. */
export function describeEachClient(
  title: string,
  suite: (this: Suite, client: KafkaClientName) => void,
): void {
  for (const client of clients) {
    describe(`${title}, by ${client}`, function () {
      suite.call(this, client);
    });
  }
}
