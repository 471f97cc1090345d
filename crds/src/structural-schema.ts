/** Turns a zod schema into what Kubernetes calls a structural schema. */
import { z } from 'zod';

/** A schema as a CustomResourceDefinition holds it: a subset of OpenAPI 3.0 with extensions of Kubernetes' own. */
export interface StructuralSchema {
  type: string;
  description?: string;
  properties?: Record<string, StructuralSchema>;
  items?: StructuralSchema;
  additionalProperties?: StructuralSchema;
  required?: string[];
  default?: unknown;
  'x-kubernetes-validations'?: { rule: string; message: string; fieldPath?: string }[];
  'x-kubernetes-list-type'?: string;
  [keyword: string]: unknown;
}

/** The keywords that are taken over as they are. */
const keywords = [
  'format',
  'enum',
  'default',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'maxProperties',
  'required',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
];

/**
 * @param schema describes what a person writes: a field with a default may be missing
 * @throws Error where the schema holds something that has no structural form, so that nothing is lost in silence
 */
export function structuralSchema(schema: z.ZodType): StructuralSchema {
  return structural(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' }), '');
}

function structural(schema: z.core.JSONSchema.BaseSchema, path: string): StructuralSchema {
  const { type, description, range, properties, items, additionalProperties, ...rest } = schema;
  if (typeof type !== 'string') throw new Error(`${path} has no type`);
  const result: StructuralSchema = { type, ...(description !== undefined && { description }) };
  for (const [keyword, value] of Object.entries(rest)) {
    // zod gives a time both; the API server knows the format.
    if (keyword === 'pattern' && rest.format === 'date-time') continue;
    // The end of JavaScript's whole numbers is no limit of the field's own.
    if (keyword === 'maximum' && value === Number.MAX_SAFE_INTEGER) continue;
    if (!keywords.includes(keyword))
      throw new Error(`${path} has ${keyword}, which no structural schema has`);
    result[keyword] = value;
  }
  if (properties) {
    result.properties = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, nested(property, `${path}.${name}`)]),
    );
  }
  if (items) {
    if (Array.isArray(items)) throw new Error(`${path} is a tuple, which no structural schema has`);
    result.items = nested(items, `${path}[]`);
  }
  if (description !== undefined) {
    result.description = [description, rangeSentence(range, result), defaultSentence(result)]
      .filter((sentence) => sentence !== undefined)
      .join(' ');
  }
  // The API server tries the rules on a default as it stands, before it fills in the defaults within.
  if ('default' in result) result.default = completed(result, result.default);
  // Fields that are not named are pruned by the API server, and refused where the client asks for strictness.
  if (!properties && additionalProperties)
    result.additionalProperties = nested(additionalProperties, `${path}{}`);
  return result;
}

/** `kubectl explain` shows neither ranges nor defaults, so the description says them. */
function rangeSentence(range: unknown, { minimum, maximum }: StructuralSchema): string | undefined {
  if (typeof range === 'string') return range;
  return typeof minimum === 'number' && typeof maximum === 'number'
    ? `From ${minimum} to ${maximum}.`
    : undefined;
}

function defaultSentence(schema: StructuralSchema): string | undefined {
  return ['string', 'number', 'boolean'].includes(typeof schema.default)
    ? `Default: ${String(schema.default)}.`
    : undefined;
}

/** A value of a schema with the defaults of its fields. */
function completed({ properties }: StructuralSchema, value: unknown): unknown {
  if (!properties) return value;
  const defaults = Object.entries(properties)
    .filter(([, property]) => 'default' in property)
    .map(([name, property]) => [name, property.default]);
  return { ...(Object.fromEntries(defaults) as object), ...(value as object) };
}

function nested(schema: z.core.JSONSchema._JSONSchema, path: string): StructuralSchema {
  if (typeof schema === 'boolean') throw new Error(`${path} allows anything or nothing`);
  return structural(schema, path);
}
