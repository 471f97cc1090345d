/** Times two ways of doing the same thing in turns, so that a change of the machine's pace meets both alike. */

export interface Contestant {
  readonly name: string;
  /** Does the work once. Its result is kept from being optimised away. */
  readonly run: () => unknown;
}

/** One comparison. */
export interface Comparison {
  readonly name: string;
  readonly ours: number;
  readonly peer: string;
  readonly peerValue: number;
  /** Median over the rounds of ours divided by the peer's. */
  readonly ratio: number;
  /** Least and greatest ratio of a round. */
  readonly spread: readonly [number, number];
  readonly unit: string;
}

let kept: unknown;

/**
 * @param name what is compared
 * @param rounds how often each takes its turn
 * @param turnMs how long a turn is
 */
export function compare(
  name: string,
  unit: string,
  ours: Contestant,
  peer: Contestant,
  rounds = 7,
  turnMs = 400,
): Comparison {
  for (const contestant of [ours, peer]) perSecond(contestant, turnMs); // Warm-up.
  const turns = Array.from({ length: rounds }, (_, round) => {
    const first = round % 2 === 0 ? ours : peer;
    const one = perSecond(first, turnMs);
    const other = perSecond(first === ours ? peer : ours, turnMs);
    return first === ours ? { ours: one, peer: other } : { ours: other, peer: one };
  });
  return comparison(name, unit, peer.name, turns);
}

/** Medians and ratios of rounds in which ours and the peer took turns. */
export function comparison(
  name: string,
  unit: string,
  peer: string,
  rounds: readonly { readonly ours: number; readonly peer: number }[],
): Comparison {
  const ratios = rounds.map((round) => round.ours / round.peer);
  return {
    name,
    ours: median(rounds.map((round) => round.ours)),
    peer,
    peerValue: median(rounds.map((round) => round.peer)),
    ratio: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
    unit,
  };
}

/** How often a second something can be done, measured for about so many milliseconds. */
export function perSecond({ run }: Contestant, turnMs: number): number {
  const began = performance.now();
  let times = 0;
  let elapsed: number;
  do {
    for (let i = 0; i < 50; i += 1) kept = run();
    times += 50;
    elapsed = performance.now() - began;
  } while (elapsed < turnMs);
  return (times / elapsed) * 1_000;
}

/** What the last run gave; reading it keeps the work from being optimised away. */
export function lastResult(): unknown {
  return kept;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
