/**
 * A process that keeps `min.insync.replicas` as the operator does, with the operator's own code; its parent is told
 * what each look has found. Its argument is a `WatchedKafka` as JSON.
 */
import { ZoneWatch, type ZoneLook, type ZonesState } from '@integration-hub/kafka';
import type { ZoneName } from './zone-network.js';

export interface WatchedKafka {
  readonly bootstrapServers: readonly string[];
  readonly topics: readonly string[];
  readonly inSync: number;
  readonly zones: readonly ZoneName[];
  readonly lowerAfterMs: number;
  readonly everyMs: number;
}

export interface WatchReport extends ZoneLook {
  readonly lost: ZonesState['lost'];
}

const { bootstrapServers, topics, inSync, zones, lowerAfterMs, everyMs } = JSON.parse(
  process.argv[2]!,
) as WatchedKafka;
const wanted = { topics: new Map(topics.map((topic) => [topic, inSync] as const)), zones };
const watch = new ZoneWatch({
  connection: { bootstrapServers, clientId: 'zone-watch' },
  log: (level, message, fields) => console.log(new Date().toISOString(), level, message, fields),
  wanted: () => wanted,
  lowerAfterMs,
  everyMs,
  recheckMs: everyMs,
  onLook: (look) => {
    const report: WatchReport = { ...look, lost: watch.state.lost };
    process.send!(report);
  },
});
watch.start();
process.once('disconnect', () => void watch.stop());
