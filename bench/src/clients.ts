/** The two Kafka client libraries, through the interfaces that stages use, in turns. */
import { setTimeout as delay } from 'node:timers/promises';
import type { KafkaClientName } from '@integration-hub/kafka';
import { Bed, type SectionSettings } from './road/bed.js';
import type { ClientFigures, ClientOrder } from './road/client-at-work.js';
import { Program } from './road/program.js';
import { comparison, type Comparison } from './side-by-side.js';

const clients: readonly KafkaClientName[] = ['kafkajs', 'platformatic'];
const partitions = 4;

/** What is measured of each, by name; every round has the figures of both. */
type Rounds = Map<string, { unit: string; found: Record<KafkaClientName, number>[] }>;

/**
 * Each library stores, takes, and writes on in transactions what the other has to as well, in a process of its own.
 * Every record must have been taken once, in the order of its caller, or nothing is printed. Then the broker is killed
 * and started again, and then the connections fall silent.
 */
export function compareClients(settings: SectionSettings): Promise<Comparison[]> {
  const { connections: callers, seconds, rounds, onProgress } = settings;
  return Bed.with(async (bed) => {
    const { kafka, admin } = bed;
    const found: Rounds = new Map();
    const note = (name: string, unit: string, figures: Record<KafkaClientName, number>): void => {
      const known = found.get(name) ?? { unit, found: [] };
      known.found.push(figures);
      found.set(name, known);
    };
    const topicOf = async (name: string): Promise<string> => {
      await admin.ensureTopics([{ name, partitions, replicationFactor: 1, config: {} }]);
      return name;
    };
    const work = async (order: ClientOrder, meanwhile?: () => Promise<void>): Promise<ClientFigures> => {
      const program = await Program.start('client-at-work.js');
      try {
        const [figures] = await Promise.all([program.ask<ClientFigures>(order), meanwhile?.()]);
        return figures;
      } finally {
        await program.stop();
      }
    };
    /** Each in its turn, another first each round. */
    const inTurns = async (
      round: number,
      order: (client: KafkaClientName) => Promise<ClientFigures>,
    ): Promise<Record<KafkaClientName, ClientFigures>> => {
      const figures: Partial<Record<KafkaClientName, ClientFigures>> = {};
      for (const client of round % 2 === 0 ? clients : [...clients].reverse()) {
        figures[client] = await order(client);
      }
      return figures as Record<KafkaClientName, ClientFigures>;
    };
    const both = (
      { kafkajs, platformatic }: Record<KafkaClientName, ClientFigures>,
      figure: keyof ClientFigures,
    ): Record<KafkaClientName, number> => ({ kafkajs: kafkajs[figure], platformatic: platformatic[figure] });

    for (let round = 0; round <= rounds; round += 1) {
      const source = await topicOf(`source-${round}`);
      const common = { kafka, callers, seconds };
      // What is taken and written on by both is the same.
      const { records } = await work({ ...common, work: 'produce', client: 'kafkajs', topic: source });
      const produced = await inTurns(round, async (client) => {
        const topic = await topicOf(`stored-${round}-${client}`);
        const figures = await work({ ...common, work: 'produce', client, topic });
        await work({ ...common, work: 'consume', client: 'kafkajs', topic, records: figures.records });
        return figures;
      });
      const consumed = await inTurns(round, (client) =>
        work({ ...common, work: 'consume', client, topic: source, records }),
      );
      const transformed = await inTurns(round, async (client) => {
        const topic = await topicOf(`written-${round}-${client}`);
        const figures = await work({ ...common, work: 'transform', client, input: source, topic, records });
        await work({ ...common, work: 'consume', client: 'kafkajs', topic, records });
        return figures;
      });
      onProgress(`round ${round}: ${records} records to take`);
      if (round === 0) continue; // The first warms up.
      for (const [name, figures] of Object.entries({
        stored: produced,
        taken: consumed,
        'written on': transformed,
      })) {
        note(`${name}, ${callers} callers`, 'records/s', both(figures, 'perSecond'));
        note(`CPU for a record ${name}`, 'µs', both(figures, 'cpuUs'));
        note(`most memory, ${name}`, 'MiB', both(figures, 'memoryMb'));
      }
    }

    for (let round = 0; round < Math.ceil(rounds / 2); round += 1) {
      const killed = await inTurns(round, async (client) =>
        work(
          {
            kafka,
            callers: 1,
            seconds: 9,
            work: 'steady',
            client,
            topic: await topicOf(`killed-${round}-${client}`),
          },
          async () => {
            await delay(4_000);
            await bed.crashKafka();
          },
        ),
      );
      const silent = await inTurns(round, async (client) =>
        work({
          kafka,
          callers: 1,
          seconds: 6,
          work: 'silence',
          client,
          topic: await topicOf(`silent-${round}-${client}`),
        }),
      );
      onProgress(`faults, round ${round + 1}`);
      for (const [name, figures] of Object.entries({
        'broker killed': killed,
        'connections silent': silent,
      })) {
        note(`${name}: nothing stored for`, 'ms', both(figures, 'longestStored'));
        note(`${name}: nothing taken for`, 'ms', both(figures, 'longestTaken'));
      }
    }

    return Array.from(found, ([name, { unit, found: all }]) =>
      comparison(
        name,
        unit,
        '@platformatic/kafka',
        all.map(({ kafkajs, platformatic }) => ({ ours: kafkajs, peer: platformatic })),
      ),
    );
  });
}
