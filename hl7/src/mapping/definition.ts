import { z } from 'zod';
import { nearest } from './nearest.js';

/**
 * What may stand in a mapping.yaml. Every scalar is a text there (the file is read with YAML's failsafe schema), so
 * that `2.50` and `0103` stay what they are.
 */

/** An object with no other keys than these; of any other, the one that was meant is named. */
function strict<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  expected?: string,
): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? unknownKey(issue.keys[0] ?? '', Object.keys(shape)) : expected,
  });
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  const meant = near === undefined ? '' : `did you mean ${near}? `;
  return `"${key}:" means nothing here: ${meant}What may stand here is ${known.join(', ')}`;
}

const text = z.string({ error: 'expected a text' });
const aPath = 'expected a path, as in PID-3[2].4.1';
const path = z.string({ error: aPath }).min(1, aPath);
const flag = z
  .enum(['true', 'false', 'yes', 'no'], { error: 'expected yes or no' })
  .transform((value) => value === 'true' || value === 'yes');

const otherwise = z.union([z.enum(['error', 'keep', 'empty']), strict({ value: text })], {
  error: 'expected error, keep, empty or a text given as {value: …}',
});

const table = z.record(text, text, { error: 'expected a table: a line for each entry, as in 224: VCC' });

const lookup = z.union(
  [
    z.string(),
    strict({
      table: z.union([z.string(), table], { error: 'expected the name of a table, or a table' }),
      'ignore case': flag.optional(),
      otherwise: otherwise.optional(),
    }),
  ],
  { error: 'expected the name of a table, or table: and otherwise:' },
);

const date = strict({
  from: z.union([text, z.array(text).min(1, 'expected one format or more')], {
    error: 'expected date formats, as in YYYYMMDD',
  }),
  to: text.optional(),
  zone: z.literal('cut', { error: 'expected cut' }).optional(),
  calendar: z.literal('unchecked', { error: 'expected unchecked' }).optional(),
  required: flag.optional(),
  otherwise: otherwise.optional(),
});

const conversion = z.union(
  [
    z.enum(['trim', 'upper', 'lower']),
    strict({ lookup: lookup.optional(), date: date.optional(), default: text.optional() }).refine(
      (step) => Object.keys(step).length === 1,
      'expected one step: give each an item of its own',
    ),
  ],
  { error: 'expected trim, upper, lower, lookup:, date: or default:' },
);

const conversions = z.union([conversion, z.array(conversion)], {
  error: 'expected trim, upper, lower, lookup:, date: or default:, or a list of them',
});

/** A value that is made of others: exactly one of `value`, `from` and `join`, which the compiler sees to. */
export interface ValueDefinition {
  readonly value?: string | undefined;
  readonly from?: string | undefined;
  readonly join?: readonly ValueDefinition[] | undefined;
  readonly convert?: z.output<typeof conversions> | undefined;
}

const value: z.ZodType<ValueDefinition> = z.lazy(() =>
  strict({
    value: text.optional(),
    from: path.optional(),
    join: z.array(value).min(2, 'expected two or more values to join').optional(),
    convert: conversions.optional(),
  }),
);

const components = z.record(
  z.string().regex(/^[1-9]\d{0,2}$/, 'expected the number of a component'),
  z.union([z.string(), value], { error: 'expected a text, or a value such as {from: PID-2.1}' }),
  { error: 'expected a line for each component, as in 4: NHS' },
);

export interface RuleDefinition {
  readonly copy?: string | undefined;
  readonly set?: string | undefined;
  readonly add?: string | undefined;
  readonly null?: string | undefined;
  readonly delete?: string | undefined;
  readonly rules?: readonly RuleDefinition[] | undefined;
  readonly when?: string | undefined;
  readonly else?: string | undefined;
  readonly value?: string | undefined;
  readonly from?: string | undefined;
  readonly join?: readonly ValueDefinition[] | undefined;
  readonly components?: Readonly<Record<string, string | ValueDefinition>> | undefined;
  readonly convert?: z.output<typeof conversions> | undefined;
}

const rule: z.ZodType<RuleDefinition> = z.lazy(() =>
  strict({
    copy: path.optional(),
    set: path.optional(),
    add: path.optional(),
    null: path.optional(),
    delete: path.optional(),
    rules: z.array(rule).min(1, 'expected a list of rules').optional(),
    when: text.optional(),
    else: text.optional(),
    value: text.optional(),
    from: path.optional(),
    join: z.array(value).min(2, 'expected two or more values to join').optional(),
    components: components.optional(),
    convert: conversions.optional(),
  }),
);

const whole = z.enum(['copy', 'drop']);
const block = z.union(
  [
    whole,
    z.array(rule).min(1, 'expected one rule or more'),
    strict({
      when: text.optional(),
      always: flag.optional(),
      rules: z.union([whole, z.array(rule).min(1, 'expected one rule or more')], {
        error: 'expected copy, drop or a list of rules',
      }),
    }),
  ],
  { error: 'expected copy, drop, a list of rules, or when:, always: and rules:' },
);

const refusal = strict({
  when: text,
  code: text.regex(/^[A-Z][A-Z0-9_]*$/, 'expected a code in capital letters, as in MERGE_NOT_MAPPED'),
  message: text.min(1, 'expected a sentence that says why and what to do'),
});

const tableOrFile =
  'expected a table, or the name of a file in the same folder that is one, as in hospitals.yaml';

/** A mapping.yaml as a whole. */
export const mappingDefinition = strict(
  {
    description: text.optional(),
    order: z.enum(['source', 'listed'], { error: 'expected source or listed' }).optional(),
    'other segments': z.enum(['copy', 'drop'], {
      error: 'expected copy or drop: what becomes of the segments that are not listed',
    }),
    tables: z
      .record(
        text,
        z.union([z.string().regex(/^\w[\w.-]*\.ya?ml$/, { error: tableOrFile }), table], {
          error: tableOrFile,
        }),
      )
      .optional(),
    refuse: z.array(refusal).optional(),
    segments: z.record(
      z
        .string()
        .regex(/^[A-Z][A-Z0-9]{2}( [A-Z][A-Z0-9]{2})*$/, 'expected names of segments, as in PID or IN1 IN2'),
      block,
      { error: 'expected segments, as in PID: copy' },
    ),
  },
  'expected a mapping: segments:, with what becomes of each, and other segments:',
);

/** A table in a file of its own. */
export const tableDefinition = table;

export type MappingDefinition = z.output<typeof mappingDefinition>;
export type BlockDefinition = MappingDefinition['segments'][string];
export type ConversionDefinition = z.output<typeof conversion>;
export type DateDefinition = z.output<typeof date>;
export type LookupDefinition = z.output<typeof lookup>;
export type OtherwiseDefinition = z.output<typeof otherwise>;
