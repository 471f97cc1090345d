/**
 * The most that a listener could store: the records that it would write, gathered by the same client, without a
 * socket, a check or an acknowledgement; or a backlog of them for those who read what a listener has stored. A process
 * of its own; the parent sends a ProduceOrder, and is told how many records a second were stored.
 */
import { GatheringProducer } from '@integration-hub/kafka';
import { type ProduceOrder, storeAll } from './callers.js';
import { answerOrders } from './orders.js';

async function run(order: ProduceOrder): Promise<number> {
  const connection = { bootstrapServers: [order.kafka], clientId: 'bench' };
  const producer = new GatheringProducer({ connection });
  await producer.connect();
  const perSecond = await storeAll(order, (record) => producer.produce(record));
  await producer.close();
  return perSecond;
}

answerOrders(run);
