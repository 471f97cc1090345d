import type { KafkaClient } from '../kafka-client.js';
import { IdempotentWriter } from './idempotent-writer.js';
import { TransactionProducer } from './transaction-producer.js';
import { PlatformaticMember } from './platformatic-member.js';

/** The connections and the protocol of @platformatic/kafka, and what of a client is ours to decide. */
export const platformaticClient: KafkaClient = {
  openWriter: (settings) => new IdempotentWriter(settings),
  openClaimedProducer: (settings) => new TransactionProducer(settings),
  openMember: (settings, events) => new PlatformaticMember(settings, events),
};
