import { expect } from 'chai';
import fc from 'fast-check';
import type { IncomingRecord } from '@integration-hub/kafka';
import { type Lane, PartitionWindow } from './partition-window.js';

function record(offset: number, key: string | null = null, bytes = 10): IncomingRecord {
  return {
    topic: 'topic',
    partition: 0,
    offset: BigInt(offset),
    timestamp: 0,
    key: key === null ? null : Buffer.from(key),
    value: Buffer.alloc(bytes),
    headers: {},
  };
}

/** The lane whose first record has this offset. */
function lane(window: PartitionWindow, offset: number): Lane {
  return [...window.idle(Infinity)].find(({ records }) => records[0]!.offset === BigInt(offset))!;
}

const heads = (window: PartitionWindow, now = 0): number[] =>
  [...window.idle(now)].map(({ records }) => Number(records[0]!.offset));

describe('the window of a partition', () => {
  it('offers the first record of each key', () => {
    const window = new PartitionWindow(5n, '');
    expect(window.add([record(5, 'a'), record(6, 'b'), record(7, 'a'), record(8), record(9)])).to.equal(5);
    expect(heads(window)).to.deep.equal([5, 6, 8]);
    window.done(lane(window, 5));
    expect(heads(window)).to.deep.equal([7, 6, 8]);
  });

  it('does not begin with a key’s next record while somebody is still at its last one, however many keys come', () => {
    const window = new PartitionWindow(0n, '');
    window.add([record(0, 'a')]);
    const busy = lane(window, 0);
    window.take(busy);
    // Delivered, and not committed yet.
    window.done(busy);
    for (let offset = 1; offset <= 500; offset += 1) {
      window.add([record(offset, `${offset}`)]);
      window.done(lane(window, offset));
    }
    window.add([record(501, 'a'), record(502, 'b')]);
    expect(heads(window)).to.deep.equal([502]);
    expect(window.isEmpty).to.equal(false);
    window.leave(busy);
    expect(heads(window)).to.have.members([501, 502]);
    expect(lane(window, 501)).to.equal(busy);
    for (const offset of [501, 502]) window.done(lane(window, offset));
    expect([window.isEmpty, window.position, window.nextDue()]).to.deep.equal([true, 503n, Infinity]);
  });

  it('knows up to where all is done, and what is done behind that', () => {
    const window = new PartitionWindow(5n, '');
    window.add([5, 6, 7, 8, 9, 20].map((offset) => record(offset, `${offset}`)));
    expect([window.position, window.note]).to.deep.equal([5n, '']);
    for (const offset of [6, 7, 9]) window.done(lane(window, offset));
    expect([window.position, window.note]).to.deep.equal([5n, '1-2,4']);
    window.done(lane(window, 5));
    expect([window.position, window.note]).to.deep.equal([8n, '1']);
    window.done(lane(window, 8));
    expect([window.position, window.note]).to.deep.equal([20n, '']);
    window.done(lane(window, 20));
    expect([window.position, window.note]).to.deep.equal([21n, '']);
    expect(window.isEmpty).to.equal(true);
  });

  it('leaves out what was done before, and what it has already', () => {
    const window = new PartitionWindow(8n, '1,4-6');
    const records = [8, 9, 10, 11, 12, 13, 14, 15].map((offset) => record(offset, `${offset}`));
    expect(window.add(records)).to.equal(8);
    expect(window.add(records)).to.equal(8);
    expect(heads(window)).to.deep.equal([8, 10, 11, 15]);
    expect(window.note).to.equal('1,4-6');
    for (const offset of [10, 8]) window.done(lane(window, offset));
    expect([window.position, window.note]).to.deep.equal([11n, '1-3']);
  });

  it('takes a note of another tool for none', () => {
    for (const note of ['consumed by kcat', '-', '1-', '1,,2', '{"a":1}', 'é']) {
      const window = new PartitionWindow(0n, note);
      window.add([record(0, 'a'), record(1, 'b')]);
      expect(heads(window), note).to.deep.equal([0, 1]);
    }
  });

  it('has room for so many records and bytes, and for any one record', () => {
    const many = new PartitionWindow(0n, '');
    const records = Array.from({ length: 1_100 }, (_, offset) => record(offset, `${offset}`));
    expect(many.add(records)).to.equal(1_000);
    many.done(lane(many, 500));
    expect(many.add(records.slice(1_000)), 'the first still waits').to.equal(0);
    many.done(lane(many, 0));
    expect(many.add(records.slice(1_000))).to.equal(1);

    const large = new PartitionWindow(0n, '');
    expect(large.add([record(0, 'a', 20_000_000), record(1, 'b', 1)])).to.equal(1);
    large.done(lane(large, 0));
    expect(large.add([record(1, 'b', 1)])).to.equal(1);
  });

  it('keeps its note short whatever is done', () => {
    const window = new PartitionWindow(10n ** 15n, '');
    window.add(
      Array.from({ length: 1_000 }, (_, index) => ({
        ...record(0, `${index}`),
        offset: 10n ** 15n + BigInt(index * 3),
      })),
    );
    for (const one of [...window.idle(0)].filter((_, index) => index % 2 === 1)) window.done(one);
    expect(Buffer.byteLength(window.note)).to.be.lessThan(3_000);
  });

  it('offers a lane once it is due, and says when', () => {
    const window = new PartitionWindow(0n, '');
    window.add([record(0, 'a'), record(1, 'b')]);
    lane(window, 0).dueAt = 100;
    expect(heads(window, 50)).to.deep.equal([1]);
    lane(window, 1).isBusy = true;
    expect(window.nextDue()).to.equal(100);
    expect(heads(window, 100)).to.deep.equal([0]);
  });

  it('delivers each record once and each key in order, whatever is done when, over any number of restarts', () => {
    const keys = fc.array(fc.constantFrom(null, 'a', 'b', 'c', 'd'), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(
        keys,
        fc.array(fc.nat(), { maxLength: 200 }),
        fc.integer({ min: 1, max: 9 }),
        (keys, picks, batch) => {
          const records = keys.map((key, index) => record(index * 2, key));
          let window = new PartitionWindow(0n, '');
          const delivered: IncomingRecord[] = [];
          const fill = (): void => {
            const from = records.findIndex(({ offset }) => offset >= window.end);
            if (from !== -1) window.add(records.slice(from, from + batch));
          };
          for (const pick of picks) {
            fill();
            const lanes = [...window.idle(0)];
            if (lanes.length === 0) continue;
            const chosen = lanes[pick % lanes.length]!;
            delivered.push(chosen.records[0]!);
            window.done(chosen);
            // A restart knows what was committed, and nothing else.
            if (pick % 5 === 0) window = new PartitionWindow(window.position, window.note);
          }
          for (let left = records.length + 1; left > 0; left -= 1) {
            fill();
            for (const one of [...window.idle(0)]) {
              delivered.push(one.records[0]!);
              window.done(one);
            }
          }
          expect(delivered.length).to.equal(records.length);
          for (const key of new Set(keys)) {
            const of = (list: readonly IncomingRecord[]): bigint[] =>
              list.filter((one) => (one.key?.toString() ?? null) === key).map(({ offset }) => offset);
            expect(of(delivered)).to.deep.equal(of(records));
          }
          expect(window.position).to.equal(BigInt(records.length * 2 - 1));
        },
      ),
      { numRuns: 300 },
    );
  });
});
