import { createRequire } from 'node:module';
import { expect } from 'chai';
import fc from 'fast-check';
import { encodeRecord, type RecordParts } from './record-encoder.js';

// Loaded by itself, before or after ours has taken its place in the client: the file is read anew.
const require = createRequire(import.meta.url);
const path = require.resolve('kafkajs/src/protocol/recordBatch/record/v0');
const replaced = require.cache[path];
// eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- the only way to load a module again
delete require.cache[path];
const kafkajsEncode = require(path) as (record: RecordParts) => { buffer: Buffer };
if (replaced !== undefined) require.cache[path] = replaced;

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const text = fc.oneof(bytes, fc.string({ maxLength: 200, unit: 'grapheme' }));

describe('the encoder of records', () => {
  it('writes what kafkajs writes', () => {
    fc.assert(
      fc.property(
        fc.record(
          {
            offsetDelta: fc.nat(5_000),
            timestampDelta: fc.oneof(fc.nat(), fc.integer({ min: -1_000, max: 2 ** 40 })),
            key: fc.option(bytes),
            value: fc.option(text),
            headers: fc.dictionary(
              fc.string({ maxLength: 20, unit: 'grapheme' }).filter((name) => name !== '__proto__'),
              fc.oneof(text, fc.array(text, { maxLength: 3 })),
              { maxKeys: 12 },
            ),
          },
          { requiredKeys: [] },
        ),
        (record) => {
          expect(encodeRecord(record).buffer.toString('hex')).to.equal(
            kafkajsEncode(record).buffer.toString('hex'),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('writes a record of a mebibyte', () => {
    const record = { offsetDelta: 70, key: null, value: Buffer.alloc(1_048_576, 'a'), headers: { a: 'b' } };
    expect(encodeRecord(record).buffer.equals(kafkajsEncode(record).buffer)).to.equal(true);
  });
});
