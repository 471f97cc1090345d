/** What OpenTelemetry costs a listener: every message traced, one in ten, and nothing, on three listeners in turns. */
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

type Road = LonelyListener & { readonly sent: Map<string, number> };
const kinds = ['all', 'tenth', 'none'] as const;
type Kind = (typeof kinds)[number];
const names: Readonly<Record<Exclude<Kind, 'none'>, string>> = {
  all: 'telemetry, every message traced',
  tenth: 'telemetry, one message in ten traced',
};

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
    const telemetry = `http://127.0.0.1:${await sink.ask<number>({})}`;
    const road = async (kind: Kind, sampleRatio?: number): Promise<Road> => ({
      sent: new Map(),
      ...(await startListener(bed, kind, sampleRatio === undefined ? undefined : { telemetry, sampleRatio })),
    });
    const roads: Record<Kind, Road> = {
      all: await road('all', 1),
      tenth: await road('tenth', 0.1),
      none: await road('none'),
    };
    const round = async (name: string, { pid, port, sent }: Road): Promise<Measured> => {
      const before = cpuSeconds([pid]);
      const result = await load.ask<LoadResult>({
        round: name,
        connections,
        seconds,
        template: bed.template,
        port,
      });
      const cpuMs = ((cpuSeconds([pid]) - before) * 1_000) / Math.max(1, result.acknowledgedAfter.length);
      for (const [source, times] of result.sent) sent.set(source, times.length);
      return { perSecond: ratePerSecond(result), cpuMs };
    };
    const memory = (): Record<Kind, number> => ({
      all: residentMb(roads.all.pid),
      tenth: residentMb(roads.tenth.pid),
      none: residentMb(roads.none.pid),
    });
    const idle = memory();
    const measured: Record<Kind, Measured>[] = [];
    for (let number = 0; number <= rounds; number += 1) {
      const found: Partial<Record<Kind, Measured>> = {};
      // Each is first, second and last in turn: the machine's pace changes within a round too.
      for (const step of kinds.keys()) {
        const kind = kinds[(number + step) % kinds.length]!;
        found[kind] = await round(`${kind}${number}`, roads[kind]);
      }
      const whole = found as Record<Kind, Measured>;
      const texts = kinds.map(
        (kind) => `${kind} ${Math.round(whole[kind].perSecond)}/s at ${whole[kind].cpuMs.toFixed(4)} ms`,
      );
      onProgress(`round ${number}: ${texts.join(', ')}`);
      if (number > 0) measured.push(whole); // The first is to warm up.
    }
    for (const { topic, sent } of Object.values(roads)) {
      await requireStored(bed.admin, topic, sent, bed.template);
    }
    const loaded = memory();
    return (['all', 'tenth'] as const).flatMap((kind) => {
      const by = (what: keyof Measured): { ours: number; peer: number }[] =>
        measured.map((one) => ({ ours: one[kind][what], peer: one.none[what] }));
      const of = (megabytes: Record<Kind, number>): { ours: number; peer: number }[] => [
        { ours: megabytes[kind], peer: megabytes.none },
      ];
      return [
        comparison(names[kind], 'messages/s', 'without', by('perSecond')),
        comparison(`${names[kind]}: processor a message`, 'ms', 'without', by('cpuMs')),
        comparison(`${names[kind]}: memory idle`, 'MiB', 'without', of(idle)),
        comparison(`${names[kind]}: memory after load`, 'MiB', 'without', of(loaded)),
      ];
    });
  });
}
