import type { Mapping } from './mapping.js';

/** Sends what was received, byte for byte. */
export const identity: Mapping = { name: 'identity', map: (message) => message.bytes };
