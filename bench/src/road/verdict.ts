/** Whether every message of a round arrived: once, in order, and right. No figure is printed before. */
import type { Arrivals } from './receiver.js';

/**
 * @param sent how many messages each source sent, all of them acknowledged
 * @param arrived what came of each source
 * @param sumOf the sum of what is to come out for a source, its control id left out
 * @throws Error which says what is wrong first, and how much of it there is
 */
export function requireAll(
  sent: ReadonlyMap<string, number>,
  arrived: ReadonlyMap<string, Pick<Arrivals, 'numbers' | 'sums'>>,
  sumOf: (source: string) => number,
): void {
  const faults = { lost: 0, doubled: 0, 'out of order': 0, altered: 0, 'never sent': 0 };
  for (const [source, { numbers, sums }] of arrived) {
    const count = sent.get(source) ?? 0;
    const sum = sumOf(source);
    const seen = new Set<number>();
    let highest = 0;
    numbers.forEach((number, at) => {
      if (!(number >= 1 && number <= count)) faults['never sent'] += 1;
      else if (seen.has(number)) faults.doubled += 1;
      else if (number < highest) faults['out of order'] += 1;
      if (sums[at] !== sum) faults.altered += 1;
      seen.add(number);
      highest = Math.max(highest, number);
    });
  }
  for (const [source, count] of sent) {
    faults.lost += Math.max(0, count - new Set(arrived.get(source)?.numbers).size);
  }
  const found = Object.entries(faults).filter(([, count]) => count > 0);
  if (found.length === 0) return;
  const total = [...sent.values()].reduce((sum, count) => sum + count, 0);
  throw new Error(`of ${total} messages ${found.map(([what, count]) => `${count} are ${what}`).join(', ')}`);
}
