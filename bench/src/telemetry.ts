/** What OpenTelemetry costs a listener: every message traced, and nothing, on two listeners in turns. */
import { ratePerSecond, requireStored, startListener, type LonelyListener } from './listener.js';
import { Bed, type SectionSettings } from './road/bed.js';
import type { LoadResult } from './road/load-generator.js';
import { cpuSeconds, residentMb } from './road/processes.js';
import { comparison, type Comparison } from './side-by-side.js';

/** One round of one listener. */
interface Measured {
  readonly perSecond: number;
  /** Milliseconds of a processor for each message. */
  readonly cpuMs: number;
}

/**
 * All figures of this section.
 *
 * @throws Error where what was acknowledged is not in Kafka once, in order and right
 */
export function compareTelemetry(settings: SectionSettings): Promise<Comparison[]> {
  return Bed.with(async (bed) => {
    const { seconds, rounds, connections, onProgress } = settings;
    const sink = await bed.program('otlp-sink.js');
    const load = await bed.program('load-generator.js');
    const port = await sink.ask<number>({});
    const roads = {
      traced: {
        sent: new Map<string, number>(),
        ...(await startListener(bed, 'traced', `http://127.0.0.1:${port}`)),
      },
      untraced: { sent: new Map<string, number>(), ...(await startListener(bed, 'untraced')) },
    };
    const round = async (
      name: string,
      road: LonelyListener & { sent: Map<string, number> },
    ): Promise<Measured> => {
      const order = { round: name, connections, seconds, template: bed.template, port: road.port };
      const before = cpuSeconds([road.pid]);
      const result = await load.ask<LoadResult>(order);
      const cpuMs =
        ((cpuSeconds([road.pid]) - before) * 1_000) / Math.max(1, result.acknowledgedAfter.length);
      for (const [source, times] of result.sent) road.sent.set(source, times.length);
      return { perSecond: ratePerSecond(result), cpuMs };
    };
    const idleMb = { ours: residentMb(roads.traced.pid), peer: residentMb(roads.untraced.pid) };
    const measured: { ours: Measured; peer: Measured }[] = [];
    for (let number = 0; number <= rounds; number += 1) {
      const ours = await round(`t${number}`, roads.traced);
      const peer = await round(`u${number}`, roads.untraced);
      onProgress(
        `round ${number}: traced ${Math.round(ours.perSecond)}/s, untraced ${Math.round(peer.perSecond)}/s`,
      );
      if (number > 0) measured.push({ ours, peer }); // The first is to warm up.
    }
    for (const { topic, sent } of Object.values(roads)) {
      await requireStored(bed.admin, topic, sent, bed.template);
    }
    const by = (what: keyof Measured): { ours: number; peer: number }[] =>
      measured.map(({ ours, peer }) => ({ ours: ours[what], peer: peer[what] }));
    const loadMb = { ours: residentMb(roads.traced.pid), peer: residentMb(roads.untraced.pid) };
    return [
      comparison('telemetry, every message traced', 'messages/s', 'without', by('perSecond')),
      comparison('telemetry, processor a message', 'ms', 'without', by('cpuMs')),
      comparison('telemetry, memory idle', 'MiB', 'without', [idleMb]),
      comparison('telemetry, memory after load', 'MiB', 'without', [loadMb]),
    ];
  });
}
