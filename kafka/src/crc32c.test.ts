import { createRequire } from 'node:module';
import { expect } from 'chai';
import fc from 'fast-check';
import { crc32c } from './crc32c.js';

const byBytes = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/crc32C/crc32C') as (
  bytes: Uint8Array,
) => number;

describe('CRC-32C', () => {
  // RFC 3720, appendix B.4.
  for (const [what, bytes, sum] of [
    ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 bytes that count up', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
    ['32 bytes that count down', Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
    ['nothing', new Uint8Array(), 0],
  ] as const) {
    it(`is right for ${what}`, () => expect(crc32c(bytes)).to.equal(sum));
  }

  it('is what kafkajs reckons byte by byte, whatever the length and where the bytes begin', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(9), (bytes, from) => {
        const part = bytes.subarray(from);
        expect(crc32c(part)).to.equal(byBytes(part) >>> 0);
      }),
    );
  });
});
