/** Mappings and conditions by themselves (`@integration-hub/hl7/transformation`), without schemas and their libxml2. */
export * from './mapping/built-in.js';
export * from './mapping/mapping.js';
export * from './mapping/mappings.js';
export type { MappingProblem } from './mapping/mapping-file.js';
export * from './condition.js';
