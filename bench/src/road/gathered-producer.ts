/**
 * The most that a listener could store: the records that it would write, gathered by the same client, without a
 * socket, a check or an acknowledgement. A process of its own; the parent sends a ProduceOrder, and is told how many
 * records a second were stored.
 */
import { recordHeaders } from '@integration-hub/api';
import { GatheringProducer } from '@integration-hub/kafka';
import { Template } from './numbered-message.js';
import { answerOrders } from './orders.js';

export interface ProduceOrder {
  readonly kafka: string;
  readonly topic: string;
  /** Who store one record after another, each waiting until it is stored. */
  readonly callers: number;
  readonly seconds: number;
  readonly template: Uint8Array;
}

async function run(order: ProduceOrder): Promise<number> {
  const { kafka, topic, callers, seconds, template } = order;
  const producer = new GatheringProducer({ connection: { bootstrapServers: [kafka], clientId: 'bench' } });
  await producer.connect();
  const messages = new Template(Buffer.from(template));
  const began = performance.now();
  let stored = 0;
  const call = async (caller: number): Promise<void> => {
    for (let number = 1; performance.now() - began < seconds * 1_000; number += 1) {
      const id = `c.${caller}-${number}`;
      const description = {
        correlationId: id.padStart(36, '0'),
        namespace: 'bench',
        flow: 'phw-to-mpi',
        receivedTime: new Date().toISOString(),
        controlId: id,
        contentType: 'x-application/hl7-v2+er7; charset=UNICODE UTF-8',
        traceparent: `00-${id.padStart(32, '0')}-${id.padStart(16, '0')}-01`,
        healthBoard: '',
        peer: '',
      };
      await producer.produce({
        topic,
        key: Buffer.from(`c.${caller}`),
        value: messages.message(`c.${caller}`, number),
        headers: recordHeaders(description, 'received'),
      });
      stored += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  const perSecond = (stored * 1_000) / (performance.now() - began);
  await producer.close();
  return perSecond;
}

answerOrders(run);
