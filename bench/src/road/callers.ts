/** Callers who store one record after another, each waiting until it is stored; a source each. */
import { listenerRecord } from './listener-record.js';
import { Template } from './numbered-message.js';

export interface ProduceOrder {
  readonly kafka: string;
  readonly topic: string;
  /** Begins the names of the sources, and so the control ids; unique in a topic. */
  readonly round: string;
  readonly callers: number;
  /** How long, or how many records each. */
  readonly until: { readonly seconds: number } | { readonly recordsEach: number };
  readonly template: Uint8Array;
}

/**
 * Has an order's callers store their records.
 *
 * @param produce resolves when the record is stored
 * @returns records a second
 */
export async function storeAll(
  { topic, round, callers, until, template }: ProduceOrder,
  produce: (record: ReturnType<typeof listenerRecord>) => Promise<unknown>,
): Promise<number> {
  const messages = new Template(Buffer.from(template));
  const began = performance.now();
  let stored = 0;
  const goesOn = (number: number): boolean =>
    'seconds' in until ? performance.now() - began < until.seconds * 1_000 : number <= until.recordsEach;
  const call = async (caller: number): Promise<void> => {
    const source = `${round}.${caller}`;
    for (let number = 1; goesOn(number); number += 1) {
      const value = messages.message(source, number);
      await produce(listenerRecord(topic, source, `${source}-${number}`, value));
      stored += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  return (stored * 1_000) / (performance.now() - began);
}
