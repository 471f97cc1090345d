/** Encryption of what is kept of messages. */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomFillSync,
} from 'node:crypto';
import { ArchiveError } from './archive-error.js';

const [FORM, NAME_BYTES, NONCE_BYTES, TAG_BYTES] = [1, 4, 12, 16];
const form = Buffer.of(FORM);
/** Nonces that are drawn at once. */
const NONCES = 500;
const HEADER_BYTES = 1 + NAME_BYTES + NONCE_BYTES + TAG_BYTES;

interface NamedKey {
  /** The first bytes of its hash, by which the right key is found again. */
  readonly name: Buffer;
  readonly key: Buffer;
  /** As objects, for Node would make one of bytes each time, which costs more than to encrypt. */
  readonly ofDays: Map<string, KeyObject>;
}

/**
 * AES-256-GCM (NIST SP 800-38D) with a random nonce. Each day has a key of its own, derived by HKDF (RFC 5869): with
 * one key for all days a busy hub would come to the 2^32 messages that section 8.3 allows within months.
 *
 * What is written: a 1 for this form, 4 bytes that name the key, nonce, tag, ciphertext.
 */
export class ContentCipher {
  readonly #keys: readonly NamedKey[];
  /** Drawn many at a time, which costs less. */
  readonly #nonces = Buffer.alloc(NONCES * NONCE_BYTES);
  #nonceAt = this.#nonces.length;

  /** @param keys the first encrypts, all decrypt; 32 bytes each */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys.map((key) => ({
      name: createHash('sha256').update('ihub key name').update(key).digest().subarray(0, NAME_BYTES),
      key,
      ofDays: new Map(),
    }));
  }

  /**
   * @param place where it will stand; what is moved elsewhere can't be decrypted there
   * @param day of the message, as 2026-11-21
   */
  encrypt(content: Buffer, day: string, place: string): Buffer {
    const key = this.#keys[0]!;
    const nonce = this.#nextNonce();
    const cipher = createCipheriv('aes-256-gcm', ofDay(key, day), nonce).setAAD(Buffer.from(place));
    const body = cipher.update(content);
    // In this mode nothing is left for the end but the tag.
    cipher.final();
    return Buffer.concat([form, key.name, nonce, cipher.getAuthTag(), body]);
  }

  /** Each part of what is drawn is given out once. */
  #nextNonce(): Buffer {
    if (this.#nonceAt === this.#nonces.length) {
      randomFillSync(this.#nonces);
      this.#nonceAt = 0;
    }
    return this.#nonces.subarray(this.#nonceAt, (this.#nonceAt += NONCE_BYTES));
  }

  /** @throws ArchiveError UNKNOWN_KEY, ALTERED_CONTENT */
  decrypt(stored: Buffer, day: string, place: string): Buffer {
    const [name, nonce, tag] = [stored.subarray(1, 5), stored.subarray(5, 17), stored.subarray(17, 33)];
    const key = this.#keys.find((one) => one.name.equals(name));
    if (stored[0] !== FORM || key === undefined) {
      const sentence =
        'the content was encrypted with another key: put that key behind the first in content.key';
      throw new ArchiveError('UNKNOWN_KEY', sentence);
    }
    const decipher = createDecipheriv('aes-256-gcm', ofDay(key, day), nonce)
      .setAAD(Buffer.from(place))
      .setAuthTag(tag);
    try {
      return Buffer.concat([decipher.update(stored.subarray(HEADER_BYTES)), decipher.final()]);
    } catch (error) {
      const sentence =
        'the content in the database is not what was written: somebody or something has changed it';
      throw new ArchiveError('ALTERED_CONTENT', sentence, { cause: error });
    }
  }
}

function ofDay({ key, ofDays }: NamedKey, day: string): KeyObject {
  let derived = ofDays.get(day);
  if (derived === undefined) {
    derived = createSecretKey(Buffer.from(hkdfSync('sha256', key, '', `ihub content ${day}`, 32)));
    if (ofDays.size > 100) ofDays.clear();
    ofDays.set(day, derived);
  }
  return derived;
}
