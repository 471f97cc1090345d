import { withoutEmptyEnds } from '../message/empty-ends.js';
import { resolveEscapes } from '../message/escape.js';
import { compileConstant, type Text } from './constant.js';
import type { Context } from './context.js';
import { isDateTime } from '../calendar.js';
import { parseDateFormat } from './date-format.js';
import { DefinitionError } from './definition-error.js';
import type {
  ConversionDefinition,
  DateDefinition,
  LookupDefinition,
  OtherwiseDefinition,
} from './definition.js';
import { MappingError } from './mapping.js';
import { nearest } from './nearest.js';

/** Changes what a rule has read: ER7 as a latin1 view in, the same out. `where` names the place for errors. */
export type Conversion = (er7: string, context: Context, where: Name) => string;
export type Name = (context: Context) => string;

/** What lookups find: values by what is looked up. */
export type Table = Readonly<Record<string, string>>;

/** The tables of a mapping by name, and which of them are used. */
export class Tables {
  readonly used = new Set<string>();

  constructor(readonly byName: Readonly<Record<string, Table>>) {}

  /** @throws DefinitionError when there is no such table */
  get(name: string): Table {
    this.used.add(name);
    const table = Object.hasOwn(this.byName, name) ? this.byName[name] : undefined;
    if (table !== undefined) return table;
    const names = Object.keys(this.byName);
    const near = nearest(name, names);
    throw new DefinitionError(
      `there is no table "${name}"${near === undefined ? '' : ` (did you mean ${near}?)`}: write it under tables:, ` +
        `where there ${names.length === 0 ? 'are none yet' : `is ${names.join(', ')}`}`,
    );
  }
}

/**
 * Compiles the steps of `convert:`, which are taken in order. An empty value stays empty but for `default` and a
 * required date.
 *
 * @throws DefinitionError, DateFormatError
 */
export function compileConversions(
  definition: ConversionDefinition | readonly ConversionDefinition[] | undefined,
  tables: Tables,
): Conversion | undefined {
  if (definition === undefined) return undefined;
  const steps = (isList(definition) ? definition : [definition]).map((step) => compileStep(step, tables));
  if (steps.length === 1) return steps[0];
  return (er7, context, where) => steps.reduce((text, step) => step(text, context, where), er7);
}

function isList(
  definition: ConversionDefinition | readonly ConversionDefinition[],
): definition is readonly ConversionDefinition[] {
  return Array.isArray(definition);
}

function compileStep(step: ConversionDefinition, tables: Tables): Conversion {
  if (step === 'trim') return trimmed;
  if (step === 'upper') return inText((text) => text.toUpperCase());
  if (step === 'lower') return inText((text) => text.toLowerCase());
  if (step.lookup !== undefined) return compileLookup(step.lookup, tables);
  if (step.date !== undefined) return compileDate(step.date);
  const constant = compileConstant(step.default ?? '');
  return (er7, context) => (er7 === '' ? constant(context) : er7);
}

function trimmed(er7: string, context: Context): string {
  if (isPlain(er7.charCodeAt(0)) && isPlain(er7.charCodeAt(er7.length - 1))) return er7;
  const { message, separators } = context;
  // What was blank may be an empty end now.
  return withoutEmptyEnds(message.encode(message.decode(er7).trim()), separators);
}

/** Whether a byte is an ASCII character that is no blank. At either end of a text it proves that there is none. */
function isPlain(code: number): boolean {
  return code > 0x20 && code < 0x7f;
}

/** A change of a text that leaves its escape sequences alone. */
function inText(change: (text: string) => string): Conversion {
  return (er7, { message, separators: { escape } }) => {
    if (isAscii(er7) && (escape === undefined || !er7.includes(escape))) return change(er7);
    const changed = (part: string): string => message.encode(change(message.decode(part)));
    if (escape === undefined) return changed(er7);
    return er7
      .split(escape)
      .map((part, index) => (index % 2 === 0 ? changed(part) : part))
      .join(escape);
  };
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

function compileLookup(definition: LookupDefinition, tables: Tables): Conversion {
  const { table, otherwise, ...options } =
    typeof definition === 'string' ? { table: definition } : { otherwise: undefined, ...definition };
  const ignoreCase = 'ignore case' in options && options['ignore case'] === true;
  const keyOf = ignoreCase ? (text: string) => text.toUpperCase() : (text: string) => text;
  const entries = new Map<string, Text>();
  for (const [key, value] of Object.entries(typeof table === 'string' ? tables.get(table) : table)) {
    if (entries.has(keyOf(key))) {
      throw new DefinitionError(`the table has "${key}" twice when case is ignored: leave one of them out`);
    }
    entries.set(keyOf(key), compileConstant(value));
  }
  if (entries.size === 0)
    throw new DefinitionError('the table has no entries: write some, or take the lookup out');
  const missing = compileOtherwise(otherwise);
  return (er7, context, where) => {
    if (er7 === '') return '';
    const text = context.message.decode(resolveEscapes(er7, context.separators, false));
    const found = entries.get(keyOf(text));
    if (found !== undefined) return found(context);
    return missing(er7, context, () => {
      const name = where(context);
      const what = `${name} is not in the mapping's table: it must be one of the ${entries.size} values there`;
      return new MappingError('NOT_IN_TABLE', name, what);
    });
  };
}

function compileDate(definition: DateDefinition): Conversion {
  const from = [definition.from].flat().map(parseDateFormat);
  const to = definition.to === undefined ? undefined : parseDateFormat(definition.to);
  const { zone, calendar, required = false } = definition;
  const bad = compileOtherwise(definition.otherwise);
  const timed = from.every((format) => format.timed);
  const expected =
    `a date${timed ? ' and time' : ''}: expected ${from.map(({ source }) => source).join(' or ')}` +
    (zone === 'cut' ? ', with a zone or without' : '') +
    (calendar === 'unchecked' ? '' : `, with a real date${timed ? ' and time of day' : ''}`);

  return (er7, context, where) => {
    if (er7 === '' && !required) return '';
    const text = zone === 'cut' ? withoutZone(er7) : er7;
    for (const format of from) {
      if (!format.matches(text)) continue;
      if (calendar === 'unchecked' && to === undefined) return text;
      const compact = format.read(text);
      if (calendar === undefined && !isDateTime(compact)) continue;
      return to === undefined ? text : to.write(compact);
    }
    return bad(er7, context, () => {
      const name = where(context);
      return new MappingError('BAD_DATE_TIME', name, `${name} is not ${expected}`);
    });
  };
}

function withoutZone(text: string): string {
  const plus = text.indexOf('+');
  return (plus === -1 ? text : text.slice(0, plus)).trim();
}

/** What becomes of a value that a step can't convert. */
function compileOtherwise(
  definition: OtherwiseDefinition = 'error',
): (er7: string, context: Context, error: () => MappingError) => string {
  switch (definition) {
    case 'keep':
      return (er7) => er7;
    case 'empty':
      return () => '';
    case 'error':
      return (_er7, _context, error) => {
        throw error();
      };
  }
  const constant = compileConstant(definition.value);
  return (_er7, context) => constant(context);
}
