/** The checksum of Kafka's batches of records: CRC-32C (Castagnoli; RFC 3720, section 12.1), eight bytes a step. */

/** The polynomial 0x1EDC6F41, its bits in reverse. */
const POLYNOMIAL = 0x82f63b78;

/** Eight tables of 256, one after another: what a byte does to a checksum that 0 to 7 bytes come after. */
const tables = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte += 1) {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
  tables[byte] = sum;
}
for (let entry = 256; entry < tables.length; entry += 1) {
  const before = tables[entry - 256]!;
  tables[entry] = (before >>> 8) ^ tables[before & 0xff]!;
}

/** @returns the checksum of all bytes, from 0 to 2^32 - 1 */
export function crc32c(bytes: Uint8Array): number {
  let sum = -1;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    sum ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    sum =
      tables[1792 + (sum & 0xff)]! ^
      tables[1536 + ((sum >>> 8) & 0xff)]! ^
      tables[1280 + ((sum >>> 16) & 0xff)]! ^
      tables[1024 + (sum >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^
      tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at += 1) sum = (sum >>> 8) ^ tables[(sum ^ bytes[at]!) & 0xff]!;
  return ~sum >>> 0;
}
