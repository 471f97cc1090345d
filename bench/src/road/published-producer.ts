/**
 * The same records, stored by kafkajs as it is published, without our package's repairs: idempotent, and what has come
 * while one request was under way goes with the next. A process of its own, as for `gathered-producer.ts`.
 */
import { Kafka, logLevel, type Message } from 'kafkajs';
import { type ProduceOrder, storeAll } from './callers.js';
import { answerOrders } from './orders.js';

async function run(order: ProduceOrder): Promise<number> {
  const { kafka, topic } = order;
  const client = new Kafka({ brokers: [kafka], clientId: 'bench', logLevel: logLevel.ERROR });
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  let waiting: Message[] = [];
  let next: Promise<unknown> | undefined;
  let underWay: Promise<unknown> = Promise.resolve();
  const perSecond = await storeAll(order, ({ key, value, headers }) => {
    waiting.push({ key, value, headers: { ...headers } });
    next ??= underWay.then(() => {
      const messages = waiting;
      [waiting, next] = [[], undefined];
      underWay = producer.send({ topic, acks: -1, messages });
      return underWay;
    });
    return next;
  });
  await producer.disconnect();
  return perSecond;
}

answerOrders(run);
