import { openClaimedProducer } from './claimed-producer.js';
import type { KafkaClient } from './kafka-client.js';
import { KafkajsMember } from './kafkajs-member.js';
import { KafkajsWriter } from './kafkajs-writer.js';

/** kafkajs, with what it lacks repaired (`repaired-kafkajs.ts`). */
export const kafkajsClient: KafkaClient = {
  openWriter: (settings) => new KafkajsWriter(settings),
  openClaimedProducer,
  openMember: (settings, events) => new KafkajsMember(settings, events),
};
