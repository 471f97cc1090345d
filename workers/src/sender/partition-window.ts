/**
 * What is to be delivered of one partition: records that wait, by their keys. Records with one key go one after
 * another, those with different keys as they can. No I/O.
 */
import type { IncomingRecord } from '@integration-hub/kafka';

/** The records with one key, in order. The first is the one to deliver. */
export interface Lane {
  readonly key: string;
  readonly records: IncomingRecord[];
  /** How often the delivery of the first has failed. */
  failures: number;
  /** When it may be tried, by the clock of `performance.now`. */
  dueAt: number;
  /** Whether somebody is at it. */
  isBusy: boolean;
}

/** The most records that may wait. What is done out of order is noted with the offset, which has room for so many. */
const MOST_RECORDS = 1_000;
const MOST_BYTES = 16 * 1_048_576;

export class PartitionWindow {
  readonly #lanes = new Map<string, Lane>();
  /** Offsets of the records that were added and of which an earlier one waits, in order; those that are done too. */
  #offsets: bigint[] = [];
  readonly #done = new Set<bigint>();
  readonly #doneBefore: readonly Range[];
  /** The offset behind the last record that was added. */
  #end: bigint;
  #bytes = 0;

  /**
   * @param position everything before it is done
   * @param note what was done out of order behind it, as `note` gives it
   */
  constructor(position: bigint, note: string) {
    this.#end = position;
    this.#doneBefore = readRanges(note, position);
  }

  /** Everything before it is done. */
  get position(): bigint {
    return this.#offsets[0] ?? this.#end;
  }

  /** Which records behind the position are done: at most 3,000 ASCII characters. */
  get note(): string {
    if (this.#done.size === 0 && this.#doneBefore.length === 0) return '';
    const ranges = rangesOf(this.#offsets, this.#done);
    // What was done before and has not been added again is still so.
    for (const { first, last } of this.#doneBefore) {
      if (last >= this.#end) ranges.push({ first: first < this.#end ? this.#end : first, last });
    }
    return writeRanges(ranges, this.position);
  }

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#offsets.length === 0;
  }

  /** The time of the oldest record that waits, in milliseconds since 1970. It is looked for, so ask seldom. */
  get oldestTimestamp(): number | undefined {
    let oldest: number | undefined;
    for (const { records } of this.#lanes.values()) {
      const timestamp = records[0]?.timestamp;
      if (timestamp !== undefined && (oldest === undefined || timestamp < oldest)) oldest = timestamp;
    }
    return oldest;
  }

  /** The offset from which records are to be added. */
  get end(): bigint {
    return this.#end;
  }

  /**
   * Adds records for which there is room, in order. Those that have been added before, or were done before, are left
   * out.
   *
   * @param from index of the first record to add
   * @returns how many of the records are dealt with
   */
  add(records: readonly IncomingRecord[], from = 0): number {
    let taken = 0;
    for (let at = from; at < records.length; at += 1) {
      const record = records[at]!;
      if (record.offset >= this.#end) {
        const isDone = this.#doneBefore.some(
          ({ first, last }) => first <= record.offset && record.offset <= last,
        );
        if (isDone) {
          if (this.#offsets.length > 0) this.#note(record.offset);
        } else {
          const isFull =
            this.#offsets.length >= MOST_RECORDS || this.#bytes + record.value.length > MOST_BYTES;
          if (isFull && this.#offsets.length > 0) break;
          this.#offsets.push(record.offset);
          this.#bytes += record.value.length;
          this.#laneOf(record).records.push(record);
        }
        this.#end = record.offset + 1n;
      }
      taken += 1;
    }
    return taken;
  }

  /** The lanes that somebody could begin with, in the order in which their keys came. */
  *idle(now: number): Generator<Lane, void> {
    for (const lane of this.#lanes.values()) if (!lane.isBusy && lane.dueAt <= now) yield lane;
  }

  /** When the next lane that waits for its time may be tried; Infinity where none does. */
  nextDue(): number {
    let next = Infinity;
    for (const { isBusy, dueAt } of this.#lanes.values()) if (!isBusy && dueAt < next) next = dueAt;
    return next;
  }

  /** Somebody begins with a lane. Until it is left nobody else is offered records with its key, those that come too. */
  take(lane: Lane): void {
    lane.isBusy = true;
  }

  /** Whoever has taken a lane is through with it, the commit of its last record too. */
  leave(lane: Lane): void {
    lane.isBusy = false;
    this.#leaveOut(lane);
  }

  /** The first record of a lane is done. */
  done(lane: Lane): void {
    const record = lane.records.shift()!;
    lane.failures = 0;
    lane.dueAt = 0;
    this.#bytes -= record.value.length;
    this.#done.add(record.offset);
    this.#leaveOut(lane);
    let passed = 0;
    while (passed < this.#offsets.length && this.#done.delete(this.#offsets[passed]!)) passed += 1;
    if (passed > 0) this.#offsets.splice(0, passed);
  }

  #leaveOut(lane: Lane): void {
    if (lane.records.length === 0 && !lane.isBusy) this.#lanes.delete(lane.key);
  }

  #note(offset: bigint): void {
    this.#offsets.push(offset);
    this.#done.add(offset);
  }

  #laneOf(record: IncomingRecord): Lane {
    const key = keyOf(record);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { key, records: [], failures: 0, dueAt: 0, isBusy: false };
      this.#lanes.set(key, lane);
    }
    return lane;
  }
}

/** Records without a key are in one order. */
function keyOf({ key }: IncomingRecord): string {
  return key === null ? '' : `=${key.toString('latin1')}`;
}

/** Offsets from `first` to `last`, of which those that hold a record are done. */
interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

function rangesOf(offsets: readonly bigint[], done: ReadonlySet<bigint>): Range[] {
  const ranges: Range[] = [];
  for (let at = 0; at < offsets.length; at += 1) {
    if (!done.has(offsets[at]!)) continue;
    const first = offsets[at]!;
    while (at + 1 < offsets.length && done.has(offsets[at + 1]!)) at += 1;
    ranges.push({ first, last: offsets[at]! });
  }
  return ranges;
}

/** As in `3-9,c`, base 36, counted from the position. */
function writeRanges(ranges: readonly Range[], position: bigint): string {
  const name = (offset: bigint): string => (offset - position).toString(36);
  return ranges
    .map(({ first, last }) => (first === last ? name(first) : `${name(first)}-${name(last)}`))
    .join(',');
}

/** What is not in that form was written by another tool, and says nothing. */
function readRanges(note: string, position: bigint): Range[] {
  if (!/^[0-9a-z]{1,9}(-[0-9a-z]{1,9})?(,[0-9a-z]{1,9}(-[0-9a-z]{1,9})?)*$/.test(note)) return [];
  return note.split(',').map((range) => {
    const [first, last] = range.split('-').map((number) => position + BigInt(parseInt(number, 36)));
    return { first: first!, last: last ?? first! };
  });
}
