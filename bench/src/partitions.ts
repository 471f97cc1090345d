/** How the road grows with its topics' partitions: ordered by patient, from 1 to 64. */
import { Bed, type SectionSettings } from './road/bed.js';
import type { HubRoad } from './road/hub.js';
import { type RoundFigures, runRound } from './road/round.js';
import { comparison, type Comparison } from './side-by-side.js';

const counts = [1, 12, 64] as const;

/**
 * All figures of this section: each number of partitions against one.
 *
 * @throws Error where a message is lost, doubled, reordered or altered
 */
export function comparePartitions(settings: SectionSettings): Promise<Comparison[]> {
  return Bed.with(async (bed) => {
    const { connections, seconds, rounds, onProgress } = settings;
    const { load, receiver, receiverPort } = await bed.ends();
    const roads: HubRoad[] = [];
    for (const partitions of counts) {
      const road = await bed.hub({
        name: `${partitions} partitions`,
        namespace: `partitions-${partitions}`,
        orderBy: 'PID-3.1',
        partitions,
        connections: 16,
        receiverPort,
      });
      roads.push(road);
    }
    const found = new Map<HubRoad, RoundFigures[]>(roads.map((road) => [road, []]));
    for (let round = 0; round <= rounds; round += 1) {
      for (const road of roads) {
        const order = { round: `r${round}`, connections, seconds, template: bed.template };
        const figures = await runRound(road, load, receiver, order);
        const { acknowledged, delivered, cpu } = figures;
        onProgress(
          `${road.name}, round ${round}: acknowledged ${Math.round(acknowledged)}/s, delivered ${Math.round(delivered)}/s, ${cpu.toFixed(3)} s CPU for 1,000`,
        );
        if (round > 0) found.get(road)!.push(figures); // The first warms up.
      }
    }
    const [one, ...more] = roads;
    return more.flatMap((road) =>
      (
        [
          ['acknowledged', 'messages/s', ({ acknowledged }) => acknowledged],
          ['delivered', 'messages/s', ({ delivered }) => delivered],
          ['CPU for 1,000', 's', ({ cpu }) => cpu],
        ] as const satisfies [string, string, (figures: RoundFigures) => number][]
      ).map(([what, unit, of]) =>
        comparison(
          `${road.name}: ${what}`,
          unit,
          'one partition',
          found.get(road)!.map((figures, round) => ({
            ours: of(figures),
            peer: of(found.get(one!)![round]!),
          })),
        ),
      ),
    );
  });
}
