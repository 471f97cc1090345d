/** Keys as a Secret holds them. */
import { ArchiveError } from './archive-error.js';

/** Bytes of a key: AES-256 (FIPS 197), and as many for HMAC-SHA-256 (RFC 2104, section 3). */
const KEY_BYTES = 32;

/**
 * Reads the keys of a file: 32 bytes in base64 on each line. The first is used for what is written, all for what is
 * read; so a key is exchanged by putting a new line before the old one.
 *
 * @param name how a person calls the file, such as `content.key`
 * @throws ArchiveError BAD_KEY
 */
export function readKeys(text: string, name: string): Buffer[] {
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'base64'));
  if (keys.length === 0 || keys.some((key) => key.length !== KEY_BYTES)) {
    const sentence = `${name} must have a key of ${KEY_BYTES} bytes in base64 on each line: make one with "openssl rand -base64 ${KEY_BYTES}"`;
    throw new ArchiveError('BAD_KEY', sentence);
  }
  return keys;
}
