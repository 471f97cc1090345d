import { createRequire } from 'node:module';
import { expect } from 'chai';
import fc from 'fast-check';
import { type BatchContext, decodeRecord, type DecodedRecord } from './record-decoder.js';
import { encodeRecord } from './record-encoder.js';

interface Decoder {
  buffer: Buffer;
  offset: number;
  readVarIntBytes(): Buffer;
}

// Loaded by itself, before or after ours has taken its place in the client: the file is read anew.
const require = createRequire(import.meta.url);
const path = require.resolve('kafkajs/src/protocol/recordBatch/record/v0/decoder');
const replaced = require.cache[path];
// eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- the only way to load a module again
delete require.cache[path];
const kafkajsDecode = require(path) as (decoder: Decoder, context: BatchContext) => DecodedRecord;
if (replaced !== undefined) require.cache[path] = replaced;
const Decoder = require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => Decoder;

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const name = fc.string({ maxLength: 20, unit: 'grapheme' }).filter((text) => !(text in {}));
const long = fc.bigInt({ min: 0n, max: 2n ** 62n }).map(String);

describe('the decoder of records', () => {
  it('reads what kafkajs reads', () => {
    fc.assert(
      fc.property(
        fc.record({
          offsetDelta: fc.nat(),
          timestampDelta: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
          key: fc.option(bytes),
          value: fc.option(bytes),
          headers: fc.dictionary(
            name,
            fc.oneof(fc.option(bytes), fc.array(fc.option(bytes), { minLength: 1, maxLength: 3 })),
            { maxKeys: 12 },
          ),
        }),
        fc.record({
          firstOffset: long,
          firstTimestamp: long,
          maxTimestamp: long,
          timestampType: fc.constantFrom(0, 1),
          isControlBatch: fc.boolean(),
          magicByte: fc.constant(2),
        }),
        (record, context) => {
          const { buffer } = encodeRecord(record);
          const body = new Decoder(buffer).readVarIntBytes();
          expect(decodeRecord(new Decoder(body), context)).to.deep.equal(
            kafkajsDecode(new Decoder(body), context),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('leaves out a header that would be an object’s own, and keeps those that only sound so', () => {
    const record = { headers: { ['__proto__']: 'a', constructor: 'b', toString: ['c', 'd'] } };
    const body = new Decoder(encodeRecord(record).buffer).readVarIntBytes();
    const context = { firstOffset: '0', firstTimestamp: '0', maxTimestamp: '0', timestampType: 0 };
    const { headers } = decodeRecord(new Decoder(body), context);
    expect(Object.entries(headers)).to.deep.equal([
      ['constructor', Buffer.from('b')],
      ['toString', [Buffer.from('c'), Buffer.from('d')]],
    ]);
  });
});
