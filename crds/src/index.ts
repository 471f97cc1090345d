/** CustomResourceDefinitions, generated from the zod schemas in api/. */
export { customResourceDefinitions, type CustomResourceDefinition } from './definitions.js';
export type { StructuralSchema } from './structural-schema.js';
