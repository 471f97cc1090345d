/** The message store: what came, what became of it and when, in PostgreSQL. */
export * from './archive.js';
export * from './archive-error.js';
export * from './archived-step.js';
export type * from './database.js';
export * from './embedded-postgres.js';
export * from './keys.js';
export { patientIdentifiers, type IdentifierPolicy } from './patient-identifiers.js';
export * from './open-archive.js';
export * from './outcome.js';
export * from './redaction.js';
export * from './replays.js';
export { cursorOf, type FoundMessage, type MessageCriteria, type MessageSearch } from './search.js';
