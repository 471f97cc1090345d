/** How many records of a message's size our Kafka client stores for many callers, and how many Kafka's own tool does. */
import { Bed, type SectionSettings } from './road/bed.js';
import { runJava } from './road/java-peer.js';
import type { ProduceOrder } from './road/callers.js';
import { comparison, type Comparison } from './side-by-side.js';

/** Of a record with its ten headers, beside the message, in bytes. */
const headerBytes = 430;

/**
 * All figures of this section: all in-sync replicas, idempotent, one partition. Ours has a caller for each
 * connection, who waits for a record before the next; the tool has one that never waits, and a linger of 5 ms.
 */
export function compareProducers(settings: SectionSettings): Promise<Comparison[]> {
  return Bed.with(async (bed) => {
    const { kafka, admin, template } = bed;
    const { connections, seconds, rounds, onProgress } = settings;
    const topics = { ours: 'bench-ours', tool: 'bench-tool' };
    const shape = { partitions: 1, replicationFactor: 1, config: {} };
    await admin.ensureTopics(Object.values(topics).map((name) => ({ name, ...shape })));
    const producer = await bed.program('gathered-producer.js');
    const found: { ours: number; peer: number }[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const to = { kafka, topic: topics.ours, round: `r${round}` };
      const order: ProduceOrder = { ...to, callers: connections, until: { seconds }, template };
      const ours = await producer.ask<number>(order);
      const printed = await runJava('kafka-tools', 'org.apache.kafka.tools.ProducerPerformance', [
        ...['--topic', topics.tool, '--throughput', '-1'],
        ...['--num-records', String(Math.ceil(ours * seconds))],
        ...['--record-size', String(template.length + headerBytes)],
        ...['--command-property', `bootstrap.servers=${kafka}`, 'acks=all'],
      ]);
      const perSecond = /([\d.]+) records\/sec(?![\s\S]*records\/sec)/.exec(printed)?.[1];
      if (perSecond === undefined) throw new Error('ProducerPerformance has printed no rate');
      onProgress(`round ${round}: ours ${Math.round(ours)}/s, Kafka's tool ${perSecond}/s`);
      if (round > 0) found.push({ ours, peer: Number(perSecond) }); // The first warms up.
    }
    return [comparison(`stored, ${connections} callers`, 'messages/s', 'ProducerPerformance', found)];
  });
}
