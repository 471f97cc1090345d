/** Validation by itself (`@integration-hub/hl7/validation`), without the reference and its libxml2. */
export * from './schema/built-in-sets.js';
export type { Strictness, ValidationOptions } from './schema/compiled-validator.js';
export type { Finding, FindingCode, Severity } from './schema/finding.js';
export { SchemaError, type SchemaErrorCode } from './schema/schema-error.js';
export { SchemaSet, SchemaSets } from './schema/schema-set.js';
export { isValid, validate } from './schema/validate.js';
