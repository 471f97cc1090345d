/** Our listener, those that Node has beside it, and HAPI's, in turns: messages stored in Kafka and acknowledged. */
import { freePort } from '@integration-hub/kafka';
import { Bed, type SectionSettings } from './road/bed.js';
import { startJava } from './road/java-peer.js';
import type { LoadResult } from './road/load-generator.js';
import type { PeerListener } from './road/peer-listener.js';
import { ratePerSecond, requireStored, startListener } from './listener.js';
import { comparison, type Comparison } from './side-by-side.js';

const peerListeners: readonly PeerListener[] = ['@medplum/hl7', 'nodehl7', 'node-hl7-server'];

interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly topic: string;
  readonly sent: Map<string, number>;
  readonly rates: number[];
}

/**
 * All figures of this section. Of a peer that loses, doubles or alters a message, or breaks off, there are none; what
 * it did is told.
 *
 * @throws Error where ours does
 */
export function compareListeners(settings: SectionSettings): Promise<Comparison[]> {
  return Bed.with(async (bed) => {
    const { kafka, admin, template } = bed;
    const { connections, seconds, rounds, onProgress } = settings;
    const load = await bed.program('load-generator.js');
    const listener = await startListener(bed);
    const ours: Contestant = { ...listener, name: 'ours', sent: new Map(), rates: [] };
    const peers: Contestant[] = [];
    for (const peer of peerListeners) {
      const topic = `peer-${peer.replace(/[^a-z0-9]/g, '')}`;
      await admin.ensureTopics([{ name: topic, partitions: 1, replicationFactor: 1, config: {} }]);
      const program = await bed.program('peer-listener.js');
      const port = await freePort();
      await program.ask({ peer, port, kafka, topic });
      peers.push({ name: `${peer} + kafkajs`, port, topic, sent: new Map(), rates: [] });
    }
    const hapi: Contestant = {
      name: 'HAPI 2.6 + Kafka’s client',
      port: await freePort(),
      topic: 'peer-hapi',
      sent: new Map(),
      rates: [],
    };
    await admin.ensureTopics([{ name: hapi.topic, partitions: 1, replicationFactor: 1, config: {} }]);
    const parameters = [String(hapi.port), kafka, hapi.topic];
    await bed.keep(startJava('hapi', 'bench.Listener', parameters, hapi.port));
    peers.push(hapi);

    const fallen = new Set<Contestant>();
    const attempt = async (contestant: Contestant, work: () => Promise<void>): Promise<void> => {
      if (fallen.has(contestant)) return;
      try {
        await work();
      } catch (error) {
        if (contestant === ours) throw error;
        fallen.add(contestant);
        onProgress(`${contestant.name}: no figures, for ${(error as Error).message}`);
      }
    };
    const rateOf = async ({ port, sent }: Contestant, round: string, from: number): Promise<number> => {
      const result = await load.ask<LoadResult>({ round, connections: from, seconds, template, port });
      for (const [source, times] of result.sent) sent.set(source, times.length);
      return ratePerSecond(result);
    };
    // HAPI's first messages, were there several at once, would race for what it makes of the first: some end without an answer.
    for (const contestant of [ours, ...peers]) {
      await attempt(contestant, async () => {
        await rateOf(contestant, 'first', 1);
      });
    }
    for (let round = 0; round <= rounds; round += 1) {
      for (const contestant of [ours, ...peers]) {
        await attempt(contestant, async () => {
          const rate = await rateOf(contestant, `r${round}`, connections);
          onProgress(`${contestant.name}, round ${round}: ${Math.round(rate)}/s`);
          if (round > 0) contestant.rates.push(rate); // The first warms up.
        });
      }
    }
    for (const contestant of [ours, ...peers]) {
      await attempt(contestant, () => requireStored(admin, contestant.topic, contestant.sent, template));
    }
    return peers
      .filter((peer) => !fallen.has(peer))
      .map(({ name, rates }) =>
        comparison(
          `listener, ${connections} connections`,
          'messages/s',
          name,
          rates.map((peer, round) => ({ ours: ours.rates[round]!, peer })),
        ),
      );
  });
}
