/** By which identifiers of patients a message is found. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { Message } from '@integration-hub/hl7';

/** How identifiers stand in the database: as hashes that only the holder of the key can make, or as they are. */
export type IdentifierPolicy = 'Hashed' | 'Clear';

/** Where identifiers are: PID-2 and PID-3 of every patient, and MRG-1, by which a merged one was known. */
const places = ['PID[*]-2[*].1', 'PID[*]-3[*].1', 'MRG[*]-1[*].1'];
/** Longer ones are no identifiers that anybody types, and no index holds them. */
const LONGEST = 64;
const HASH_BYTES = 16;

/** The distinct identifiers of a message, spelled in one way. */
export function patientIdentifiers(message: Message): string[] {
  const found = new Set(places.flatMap((place) => message.texts(place)).map(spelling));
  return [...found].filter((text) => text !== '' && text !== '""' && text.length <= LONGEST);
}

/** `943 476 5919` and `9434765919` are one. */
function spelling(identifier: string): string {
  return identifier.replace(/\s/g, '').toUpperCase();
}

/** Turns identifiers into what stands in the database. */
export class IdentifierKeys {
  readonly #policy: IdentifierPolicy;
  readonly #keys: readonly KeyObject[];

  /** @param keys the first is used for what is written, all for what is searched; 32 bytes each */
  constructor(policy: IdentifierPolicy, keys: readonly Buffer[]) {
    this.#policy = policy;
    this.#keys = keys.map((key) => createSecretKey(key));
  }

  /** What is written for an identifier. */
  stored(identifier: string): Buffer {
    const text = spelling(identifier);
    return this.#policy === 'Clear' ? clear(text) : hashed(text, this.#keys[0]!);
  }

  /** All that may have been written for an identifier, whatever the policy and the key were then. */
  searched(identifier: string): Buffer[] {
    const text = spelling(identifier);
    return [clear(text), ...this.#keys.map((key) => hashed(text, key))];
  }
}

/** The first byte keeps the two apart. */
function clear(identifier: string): Buffer {
  return Buffer.from(`c${identifier}`);
}

function hashed(identifier: string, key: KeyObject): Buffer {
  const hash = createHmac('sha256', key).update(identifier).digest();
  return Buffer.concat([Buffer.from('h'), hash.subarray(0, HASH_BYTES)]);
}
