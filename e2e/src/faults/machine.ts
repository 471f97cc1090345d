import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './faults.js';
import { type Findings, WRONGS } from './ledger.js';
import { Random } from './random.js';
import { TwoZoneHub, type TwoZoneHubOptions } from './two-zone-hub.js';

/** A time of the run, in which one fault was there, or several at once. */
export interface StepReport {
  readonly faults: readonly string[];
  readonly seconds: number;
  /** Messages acknowledged to senders meanwhile. */
  readonly acknowledged: number;
  /** The longest time without an arrival at the receiver, in milliseconds, from the beginning of the fault until all was as before. */
  readonly longestGapMs: number;
  /** When that ended, ISO 8601. */
  readonly gapUntil: string;
  /** The gap that is allowed; null where the fault itself stops delivery, and where there was more than one. */
  readonly allowedGapMs: number | null;
  /** The longest time that a sender waited for its acknowledgement, trying again included, in milliseconds. */
  readonly longestWaitMs: number;
  /** What did not come back in time, in words. */
  readonly hung?: string;
}

export interface RunReport {
  readonly seed: number;
  readonly senders: number;
  readonly steps: readonly StepReport[];
  readonly findings: Findings;
  /** In words, all that must not be; empty where the run has passed. */
  readonly wrongs: readonly string[];
}

export interface RunOptions extends TwoZoneHubOptions {
  /** One after another; those of one list at the same time. Each is asked for when the one before has ended. */
  readonly steps: Iterable<readonly Fault[]>;
  readonly keepLogs?: boolean;
  /** Whether a gap that is longer than allowed is a wrong. */
  readonly judgeGaps: boolean;
  /** Is given the report as it stands after each step. */
  readonly onStep?: (report: RunReport) => void;
  /** Ends the run where it stands; the report says so, and all that was started is ended. */
  readonly signal?: AbortSignal;
}

/** Quiet time before each step, in which load only is there, in milliseconds. */
const QUIET = 2_000;
/** A step that takes so long, in seconds, and in which nothing is acknowledged, shows that the load has come to a stand. */
const LONG_STEP = 20;
/** How often it is told how far the run is, in milliseconds. */
const TELL_EVERY = 60_000;

/** Starts a hub over two zones, sends a load through it, breaks it step by step, and compares what came with what went. */
export async function runFaults(options: RunOptions): Promise<RunReport> {
  const { seed, onProgress, judgeGaps } = options;
  const began = performance.now();
  const hub = await TwoZoneHub.start(options);
  const { ledger } = hub;
  const reports: StepReport[] = [];
  const wrongs: string[] = [];
  const report = (findings: Findings, all: readonly string[]): RunReport => {
    return { seed, senders: hub.senders.length, steps: reports, findings, wrongs: all };
  };
  const telling = setInterval(() => {
    const { acknowledgedCount, deliveredCount } = ledger;
    const memory = Math.round(process.memoryUsage().rss / 1_048_576);
    onProgress(`${acknowledgedCount} acknowledged, ${deliveredCount} delivered; ${memory} MiB here`);
  }, TELL_EVERY);
  let keepLogs = true;
  let isOver = false;
  const run = async (): Promise<void> => {
    await broken(hub, options, (one) => {
      reports.push(one);
      onProgress(lineOf(one));
      if (one.hung !== undefined) wrongs.push(`${one.faults.join(' + ')}: ${one.hung}`);
      options.onStep?.(report(ledger.findings(false), [...wrongs, 'the run has not ended']));
    });
    await ended('the senders have all they sent acknowledged', hub.stopLoad(), wrongs, hub.patienceMs);
    await ended('all that was acknowledged has arrived', hub.delivered(), wrongs, hub.patienceMs + 1_000);
    // What would come twice has the time to.
    await sleep(3_000);
    isOver = true;
  };
  try {
    await Promise.race([run(), failureOf(hub, options.signal)]).catch((error: unknown) =>
      wrongs.push((error as Error).message),
    );
    const findings = ledger.findings(isOver);
    wrongs.push(
      ...WRONGS.filter((kind) => findings[kind].length > 0).map((kind) =>
        sentenceOf(kind, findings, (id) => ledger.arrivalsOf(id, began)),
      ),
    );
    if (judgeGaps) wrongs.push(...reports.filter(isTooLong).map(gapSentence));
    keepLogs = options.keepLogs === true || wrongs.length > 0;
    return report(findings, wrongs);
  } finally {
    clearInterval(telling);
    await hub.stop({ keepLogs });
  }
}

/** Goes through the steps under load; ends after the first from which the hub does not recover. */
async function broken(
  hub: TwoZoneHub,
  { steps, seed }: RunOptions,
  onStep: (report: StepReport) => void,
): Promise<void> {
  const random = new Random(seed);
  hub.startLoad();
  await sleep(QUIET);
  await hub.recovered();
  for (const faults of steps) {
    await sleep(QUIET);
    const report = await step(hub, faults, random);
    onStep(report);
    if (report.hung !== undefined) return;
  }
}

/** Fails when a sender does, or when the run is told to end; never ends otherwise. */
async function failureOf(hub: TwoZoneHub, signal: AbortSignal | undefined): Promise<never> {
  const told = new Promise<never>((_, reject) => {
    const tell = (): void => reject(new Error(`ended before its end: ${String(signal!.reason)}`));
    if (signal?.aborted === true) tell();
    else signal?.addEventListener('abort', tell, { once: true });
  });
  return Promise.race([told, hub.loadFailure]);
}

async function step(hub: TwoZoneHub, faults: readonly Fault[], random: Random): Promise<StepReport> {
  const { ledger, senders } = hub;
  const since = performance.now();
  const acknowledgedBefore = ledger.acknowledgedCount;
  ledger.takeLongestGap();
  for (const sender of senders) sender.takeLongestWait();
  let hung: string | undefined;
  try {
    await Promise.all(
      faults.map(async (fault) => {
        const end = await fault.begin(hub, random);
        await sleep(fault.lastsMs);
        await end();
      }),
    );
    await hub.recovered();
  } catch (error) {
    hung = (error as Error).message;
  }
  const seconds = Math.round((performance.now() - since) / 1000);
  const acknowledged = ledger.acknowledgedCount - acknowledgedBefore;
  if (acknowledged === 0 && seconds > LONG_STEP) hung ??= 'no message was acknowledged';
  const gap = ledger.takeLongestGap();
  return {
    faults: faults.map(({ name }) => name),
    seconds,
    acknowledged,
    longestGapMs: gap.ms,
    gapUntil: gap.until,
    allowedGapMs: faults.length > 1 ? null : (faults[0]?.longestGapMs ?? null),
    longestWaitMs: Math.max(...senders.map((sender) => sender.takeLongestWait())),
    ...(hung !== undefined && { hung }),
  };
}

async function ended(what: string, work: Promise<void>, wrongs: string[], withinMs: number): Promise<void> {
  const late = sleep(withinMs, 'late', { ref: false });
  const result = await Promise.race([work.catch((error: unknown) => (error as Error).message), late]);
  if (result !== undefined) wrongs.push(result === 'late' ? `not within ${withinMs} ms: ${what}` : result);
}

function isTooLong({ allowedGapMs, longestGapMs }: StepReport): boolean {
  return allowedGapMs !== null && longestGapMs > allowedGapMs;
}

function gapSentence({ faults, longestGapMs, gapUntil, allowedGapMs }: StepReport): string {
  return `${faults.join(' + ')}: nothing was delivered for ${longestGapMs} ms until ${gapUntil}, and ${allowedGapMs} ms are allowed`;
}

/** @param arrivalsOf when a message arrived, in seconds of the run */
function sentenceOf(
  kind: (typeof WRONGS)[number],
  findings: Findings,
  arrivalsOf: (controlId: string) => readonly number[],
): string {
  const ids = findings[kind];
  const more = ids.length > 5 ? ` and ${ids.length - 5} more` : '';
  const some = ids.slice(0, 5).map((id) => `${id} (arrived at ${arrivalsOf(id).join(' and ') || '–'} s)`);
  return `${kind}: ${some.join(', ')}${more}`;
}

/** One step as a line of the table. */
export function lineOf({
  faults,
  seconds,
  acknowledged,
  longestGapMs,
  longestWaitMs,
  hung,
}: StepReport): string {
  const figures = [
    `${seconds} s`,
    `${acknowledged} acked`,
    `gap ${longestGapMs} ms`,
    `wait ${longestWaitMs} ms`,
  ];
  return `${faults.join(' + ').padEnd(50)} ${figures.map((figure) => figure.padStart(14)).join('')}${hung === undefined ? '' : `  HUNG: ${hung}`}`;
}
