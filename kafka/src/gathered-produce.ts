/**
 * Has kafkajs send what goes to several partitions of a broker in one request, where it is handed over at the same
 * time, and yet succeed or fail partition by partition: each send of one partition learns what became of that
 * partition, and only that is tried again.
 */

interface PartitionMessages {
  readonly partition: number;
  readonly firstSequence: number;
  readonly messages: readonly unknown[];
}

interface TopicMessages {
  readonly topic: string;
  readonly partitions: readonly PartitionMessages[];
}

/** What kafkajs gives its broker to produce; in our use, each time of one partition. */
export interface ProduceOrder {
  readonly topicData: readonly TopicMessages[];
  readonly transactionalId?: string;
  readonly producerId: unknown;
  readonly producerEpoch: number;
  readonly acks: number;
  readonly timeout: number;
  readonly compression?: number;
}

interface PartitionAnswer {
  readonly partition: number;
  /** 0: stored. */
  readonly errorCode: number;
}

export interface ProduceAnswer {
  readonly topics: readonly { readonly topicName: string; readonly partitions: readonly PartitionAnswer[] }[];
}

interface Waiting {
  readonly order: ProduceOrder;
  readonly answered: (answer: ProduceAnswer) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Gathers orders.
 *
 * @param send sends one request; its answer may hold errors of single partitions
 * @param errorOf makes kafkajs's error of a partition's error code
 * @returns gives a broker's answer about the partitions of one order, or rejects with the error of one of them
 */
export function gatheredProduce<Broker extends object>(
  send: (broker: Broker, order: ProduceOrder) => Promise<ProduceAnswer>,
  errorOf: (errorCode: number) => Error,
): (broker: Broker, order: ProduceOrder) => Promise<ProduceAnswer> {
  const queues = new WeakMap<Broker, Waiting[]>();

  const sendTogether = (broker: Broker, together: readonly Waiting[]): void => {
    const order = { ...together[0]!.order, topicData: joined(together.map((one) => one.order)) };
    send(broker, order).then(
      (answer) => {
        for (const { order: own, answered, failed } of together) {
          const part = answerTo(own, answer);
          if (typeof part === 'number') failed(errorOf(part));
          else answered(part);
        }
      },
      (error: unknown) => {
        for (const { failed } of together) failed(error);
      },
    );
  };

  return (broker, order) =>
    new Promise((answered, failed) => {
      let queue = queues.get(broker);
      if (queue === undefined) {
        queue = [];
        queues.set(broker, queue);
        const all = queue;
        // Those of one round come in one go; this is when all promises that can be settled without I/O are.
        process.nextTick(() => {
          queues.delete(broker);
          for (const together of byProducer(all)) sendTogether(broker, together);
        });
      }
      queue.push({ order, answered, failed });
    });
}

/** Parts orders so that each part is of one producer and names no partition twice. */
function byProducer(all: readonly Waiting[]): Waiting[][] {
  const parts: { together: Waiting[]; taken: Set<string> }[] = [];
  for (const waiting of all) {
    const { order } = waiting;
    const names = order.topicData.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition }) => `${topic}/${partition}`),
    );
    const part = parts.find(
      ({ together, taken }) =>
        isOfSameProducer(together[0]!.order, order) && !names.some((name) => taken.has(name)),
    );
    if (part === undefined) parts.push({ together: [waiting], taken: new Set(names) });
    else {
      part.together.push(waiting);
      for (const name of names) part.taken.add(name);
    }
  }
  return parts.map(({ together }) => together);
}

function isOfSameProducer(one: ProduceOrder, other: ProduceOrder): boolean {
  return (
    one.producerId === other.producerId &&
    one.producerEpoch === other.producerEpoch &&
    one.transactionalId === other.transactionalId &&
    one.acks === other.acks &&
    one.timeout === other.timeout &&
    one.compression === other.compression
  );
}

function joined(orders: readonly ProduceOrder[]): TopicMessages[] {
  const topics = new Map<string, PartitionMessages[]>();
  for (const { topicData } of orders) {
    for (const { topic, partitions } of topicData) {
      const known = topics.get(topic);
      if (known === undefined) topics.set(topic, [...partitions]);
      else known.push(...partitions);
    }
  }
  return Array.from(topics, ([topic, partitions]) => ({ topic, partitions }));
}

/** What of an answer is about an order; the error code of a partition that was not stored, where there is one. */
function answerTo(order: ProduceOrder, answer: ProduceAnswer): ProduceAnswer | number {
  const topics = [];
  for (const { topic, partitions } of order.topicData) {
    const answers = answer.topics.find(({ topicName }) => topicName === topic)?.partitions ?? [];
    const own = [];
    for (const { partition } of partitions) {
      const found = answers.find((one) => one.partition === partition);
      // A partition that the broker says nothing of is not stored.
      if (found === undefined) return UNKNOWN;
      if (found.errorCode !== 0) return found.errorCode;
      own.push(found);
    }
    topics.push({ topicName: topic, partitions: own });
  }
  return { topics };
}

/** Kafka's UNKNOWN_SERVER_ERROR. */
const UNKNOWN = -1;

interface WaitingCall<Argument> {
  readonly argument: Argument;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** A function that does for all calls that come in one go what `run` does for their arguments together. */
export function gatheredCalls<Argument>(
  run: (calls: Argument[]) => Promise<void>,
): (argument: Argument) => Promise<void> {
  let queue: WaitingCall<Argument>[] = [];
  return (argument) =>
    new Promise((done, failed) => {
      if (queue.push({ argument, done, failed }) > 1) return;
      process.nextTick(() => {
        const together = queue;
        queue = [];
        run(together.map((call) => call.argument)).then(
          () => {
            for (const call of together) call.done();
          },
          (error: unknown) => {
            for (const call of together) call.failed(error);
          },
        );
      });
    });
}
