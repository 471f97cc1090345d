/**
 * What flows cost that have nothing to do: no validation, no mapping, one destination for all. So there is a listener
 * for each and one sender; a hub for each number of flows.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from './figure.js';
import { Bed, type SectionSettings } from './road/bed.js';
import { startLightFlows } from './road/hub.js';
import { cpuSeconds, proportionalMb, residentMb } from './road/processes.js';

const counts = [1, 10, 50] as const;

/** All figures of this section. */
export function measureFlows({ seconds, onProgress }: SectionSettings): Promise<Figure[]> {
  return Bed.with(async (bed) => {
    const figures: Figure[] = [];
    for (const count of counts) {
      onProgress(`${count} flows`);
      const hub = await startLightFlows(count, bed);
      try {
        const pids = hub.workers.map(({ pid }) => pid!);
        const before = cpuSeconds(pids);
        await sleep(seconds * 1_000);
        const cpu = (cpuSeconds(pids) - before) / seconds;
        const total = (of: (pid: number) => number): number => pids.reduce((sum, pid) => sum + of(pid), 0);
        const name = count === 1 ? '1 flow' : `${count} flows`;
        figures.push(
          { name: `${name}: resident, shared pages each time`, value: total(residentMb), unit: 'MiB' },
          { name: `${name}: resident, shared pages once`, value: total(proportionalMb), unit: 'MiB' },
          { name: `${name}: CPU while idle`, value: cpu * 100, unit: '% of a core' },
        );
      } finally {
        await hub.stop();
      }
    }
    return figures;
  });
}
