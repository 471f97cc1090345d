/**
 * Rules that both sides of the API keep: zod, where a resource is read, and CEL in the CustomResourceDefinition, where
 * it is applied. A rule stands once, here, with its two forms side by side; crds/ copies the CEL as it is.
 */
import { z } from 'zod';

/** What Kubernetes calls `x-kubernetes-validations`: https://kubernetes.io/docs/reference/using-api/cel/ */
export interface CelValidation {
  readonly rule: string;
  readonly message: string;
  /** The field that the message is about, such as `.path`, where it isn't the whole value. */
  readonly fieldPath?: string;
}

/** A rule in its two forms. */
export interface Rule<T> {
  /** CEL expression over `self`; true where the value is right. */
  readonly cel: string;
  /** The same for zod. */
  readonly holds: (value: T) => boolean;
  /** Says what to change: `must …`. */
  readonly message: string;
  /** The direct field of an object that the message is about. */
  readonly field?: string;
}

/** The key under which a schema's metadata holds its CEL rules. */
export const celKey = 'x-kubernetes-validations';

/** The schema with a rule more. */
export function withRule<S extends z.ZodType>(schema: S, rule: Rule<z.output<S>>): S {
  const { cel, holds, message, field } = rule;
  const checked = schema.refine(holds, { message, ...(field === undefined ? {} : { path: [field] }) });
  return addCel(checked, { rule: cel, message, ...(field === undefined ? {} : { fieldPath: `.${field}` }) });
}

/** The schema of a value that can't be changed once it is applied. Only the API server sees both, so zod has no part. */
export function immutable<S extends z.ZodType>(schema: S, message: string): S {
  return addCel(schema, { rule: 'self == oldSelf', message });
}

/** The schema of an object of which given fields, which may be absent, can't be changed, added or taken away. */
export function immutableFields<S extends z.ZodType>(
  schema: S,
  fields: readonly string[],
  message: string,
): S {
  return fields.reduce(
    (checked, field) =>
      addCel(checked, {
        rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
        message,
        fieldPath: `.${field}`,
      }),
    schema,
  );
}

/** A text of at most so many characters that matches a pattern which JavaScript and RE2 read alike. */
export function textMatching(pattern: RegExp, longest: number, message: string): z.ZodString {
  const schema = z.string().max(longest).regex(pattern, message);
  return addCel(schema, { rule: celMatches('self', pattern), message });
}

/** CEL that is true where the text of an expression matches. */
export function celMatches(expression: string, pattern: RegExp): string {
  return `${expression}.matches(r'${pattern.source}')`;
}

/** A list whose values differ. The API server checks that by the type of list, without CEL. */
export function distinct<S extends z.ZodArray<z.ZodType<string>>>(schema: S, message: string): S {
  return schema
    .refine((values) => new Set(values).size === values.length, message)
    .meta({ 'x-kubernetes-list-type': 'set' });
}

/** A list of objects that differ in their name, which the API server then takes for their key when it merges. */
export function named<S extends z.ZodArray<z.ZodObject<{ name: z.ZodString }>>>(
  schema: S,
  message: string,
): S {
  return schema
    .refine((entries) => new Set(entries.map(({ name }) => name)).size === entries.length, message)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] });
}

function addCel<S extends z.ZodType>(schema: S, validation: CelValidation): S {
  const present = (schema.meta()?.[celKey] ?? []) as CelValidation[];
  return schema.meta({ [celKey]: [...present, validation] });
}
