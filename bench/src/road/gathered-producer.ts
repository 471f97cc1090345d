/**
 * The most that a listener could store: the records that it would write, gathered by the same client, without a
 * socket, a check or an acknowledgement; or a backlog of them for those who read what a listener has stored. A process
 * of its own; the parent sends a ProduceOrder, and is told how many records a second were stored.
 */
import { GatheringProducer } from '@integration-hub/kafka';
import { listenerRecord } from './listener-record.js';
import { Template } from './numbered-message.js';
import { answerOrders } from './orders.js';

export interface ProduceOrder {
  readonly kafka: string;
  readonly topic: string;
  /** Begins the names of the sources, and so the control ids; unique in a topic. */
  readonly round: string;
  /** Who store one record after another, each waiting until it is stored; a source each. */
  readonly callers: number;
  /** How long, or how many records each. */
  readonly until: { readonly seconds: number } | { readonly recordsEach: number };
  readonly template: Uint8Array;
}

async function run(order: ProduceOrder): Promise<number> {
  const { kafka, topic, round, callers, until, template } = order;
  const producer = new GatheringProducer({ connection: { bootstrapServers: [kafka], clientId: 'bench' } });
  await producer.connect();
  const messages = new Template(Buffer.from(template));
  const began = performance.now();
  let stored = 0;
  const goesOn = (number: number): boolean =>
    'seconds' in until ? performance.now() - began < until.seconds * 1_000 : number <= until.recordsEach;
  const call = async (caller: number): Promise<void> => {
    const source = `${round}.${caller}`;
    for (let number = 1; goesOn(number); number += 1) {
      const value = messages.message(source, number);
      await producer.produce(listenerRecord(topic, source, `${source}-${number}`, value));
      stored += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  const perSecond = (stored * 1_000) / (performance.now() - began);
  await producer.close();
  return perSecond;
}

answerOrders(run);
