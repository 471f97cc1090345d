import { IS_CONTROL, IS_TRANSACTIONAL, type RecordsBatch } from '@platformatic/kafka';
import { expect } from 'chai';
import fc from 'fast-check';
import { committedRecords } from './committed-records.js';

/** A batch as the library reads it. */
function batch(
  firstOffset: bigint,
  producerId: bigint,
  attributes: number,
  texts: string[],
  key?: Buffer,
): RecordsBatch {
  return {
    firstOffset,
    length: 0,
    partitionLeaderEpoch: 0,
    magic: 2,
    crc: 0,
    attributes,
    lastOffsetDelta: texts.length - 1,
    firstTimestamp: 1_000n,
    maxTimestamp: 2_000n,
    producerId,
    producerEpoch: 0,
    firstSequence: 0,
    records: texts.map((text, offsetDelta) => ({
      length: 0,
      attributes: 0,
      timestampDelta: BigInt(offsetDelta),
      offsetDelta,
      key: key ?? null,
      value: Buffer.from(text),
      headers: [
        [Buffer.from('name'), Buffer.from('first')],
        [Buffer.from('name'), null],
      ],
    })),
  };
}

const marker = (offset: bigint, producerId: bigint, isCommit: boolean): RecordsBatch =>
  batch(offset, producerId, IS_TRANSACTIONAL | IS_CONTROL, [''], Buffer.from([0, 0, 0, isCommit ? 1 : 0]));

const textsOf = (...args: Parameters<typeof committedRecords>): string[] =>
  committedRecords(...args).records.map(({ value }) => value.toString());

describe('committed records of a fetched partition', () => {
  it('are given with all that they have', () => {
    const { records, next } = committedRecords('topic', 3, 10n, {
      abortedTransactions: null,
      records: [batch(10n, -1n, 0, ['a', 'b'])],
    });
    expect(next).to.equal(12n);
    expect(records[1]).to.deep.equal({
      topic: 'topic',
      partition: 3,
      offset: 11n,
      timestamp: 1_001,
      key: null,
      value: Buffer.from('b'),
      headers: { name: Buffer.alloc(0) },
    });
  });

  it('leave out what precedes the offset, and have the time of the broker where the topic says so', () => {
    const { records } = committedRecords('topic', 0, 11n, {
      abortedTransactions: [],
      records: [batch(10n, -1n, 1 << 3, ['a', 'b'])],
    });
    expect(records.map(({ offset, timestamp }) => [offset, timestamp])).to.deep.equal([[11n, 2_000]]);
  });

  it('are not those of an aborted transaction whose marker is in a later answer', () => {
    const fetched = {
      abortedTransactions: [{ producerId: 1n, firstOffset: 0n }],
      records: [batch(0n, 1n, IS_TRANSACTIONAL, ['aborted']), batch(1n, 2n, IS_TRANSACTIONAL, ['committed'])],
    };
    expect(textsOf('topic', 0, 0n, fetched)).to.deep.equal(['committed']);
    expect(committedRecords('topic', 0, 0n, fetched).next).to.equal(2n);
  });

  it('are the right ones whatever transactions are open at once', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            producer: fc.integer({ min: 1, max: 4 }),
            ends: fc.constantFrom('no', 'commit', 'abort'),
          }),
          { maxLength: 40 },
        ),
        (steps) => {
          const records: RecordsBatch[] = [];
          const open = new Map<number, { first: bigint; texts: string[] }>();
          const abortedTransactions: { producerId: bigint; firstOffset: bigint }[] = [];
          const expected = new Set<string>();
          let offset = 0n;
          const end = (producer: number, isCommit: boolean): void => {
            const transaction = open.get(producer);
            if (transaction === undefined) return;
            open.delete(producer);
            if (isCommit) for (const text of transaction.texts) expected.add(text);
            // A broker names them as they end.
            else abortedTransactions.push({ producerId: BigInt(producer), firstOffset: transaction.first });
            records.push(marker(offset++, BigInt(producer), isCommit));
          };
          for (const { producer, ends } of steps) {
            const text = `${offset}`;
            const transaction = open.get(producer) ?? { first: offset, texts: [] };
            transaction.texts.push(text);
            open.set(producer, transaction);
            records.push(batch(offset++, BigInt(producer), IS_TRANSACTIONAL, [text]));
            if (ends !== 'no') end(producer, ends === 'commit');
          }
          for (const producer of [...open.keys()]) end(producer, true);
          expect(textsOf('topic', 0, 0n, { abortedTransactions, records }).sort()).to.deep.equal(
            [...expected].sort(),
          );
          expect(committedRecords('topic', 0, 0n, { abortedTransactions, records }).next).to.equal(offset);
        },
      ),
    );
  });
});
