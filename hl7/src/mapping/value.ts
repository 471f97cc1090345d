import { part } from '../message/separators.js';
import { MessageError } from '../message/message-error.js';
import { compileConstant, type Text } from './constant.js';
import { compileConversions, type Conversion, type Name, type Tables } from './conversion.js';
import type { Context } from './context.js';
import { DefinitionError } from './definition-error.js';
import type { RuleDefinition, ValueDefinition } from './definition.js';
import {
  COMPONENT,
  FIELD,
  type Level,
  parsePlace,
  type Place,
  REPETITION,
  runOf,
  separatorBetween,
} from './place.js';

/** A value that a rule writes. */
export interface Value {
  readonly text: Text;
  /** The place whose repetitions `[*]` stands for; undefined when there is no `[*]` in it. */
  readonly each: Place | undefined;
}

/** What values are compiled for. */
export interface Surroundings {
  /** The name of the segment whose rules these are. */
  readonly segment: string;
  readonly tables: Tables;
  /** Is told the number of each field of the segment itself that is read. */
  readonly reads: (field: number) => void;
}

/** Whether a path leads to the segment that is being mapped, rather than to one that it names. */
export function isOwn({ segment, occurrence }: Place, surroundings: Surroundings): boolean {
  return segment === surroundings.segment && occurrence === undefined;
}

/**
 * Compiles `value:`, `from:`, `join:` or `components:` with `convert:`.
 *
 * @param target what the value is written to: what is larger than it is escaped to fit, separators and all
 * @throws DefinitionError, PathError, DateFormatError
 */
export function compileValue(
  definition: ValueDefinition & Pick<RuleDefinition, 'components'>,
  target: Place,
  surroundings: Surroundings,
): Value {
  const { value, from, join, components } = definition;
  const given = [value, from, join, components].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw new DefinitionError(
      `expected one of value:, from:, join: and components:, and there are ${given.length}`,
    );
  }
  const conversion = compileConversions(definition.convert, surroundings.tables);
  if (from !== undefined) return compileFrom(from, target.level, conversion, surroundings);
  if (value !== undefined) return converted(constantValue(value), conversion, target, surroundings);
  const parts =
    join === undefined
      ? compileComponents(components ?? {}, target, surroundings)
      : compileJoin(join, target, surroundings);
  return converted(parts, conversion, target, surroundings);
}

/** What stands at a place of the source, as ER7 for a target of that level. */
export function readPlace(place: Place, targetLevel: Level, surroundings: Surroundings): Text {
  const [field, repetition, component, subcomponent] = place.at;
  if (place.segment === 'MSH' && field < 3) {
    throw new DefinitionError(
      `${place.source} is a separator, which is written as it is and can not be read`,
    );
  }
  const own = isOwn(place, surroundings);
  if (own) surroundings.reads(field);
  const { level } = place;
  let text: Text;
  if (level === COMPONENT && own && repetition !== '*' && targetLevel <= level) {
    // What rules do most, so without a call for each level.
    return ({ segment, separators }) => {
      const er7 = segment.repetition(field, repetition);
      return er7 === '' ? '' : part(er7, separators.component, component);
    };
  }
  if (level === FIELD) {
    text = own ? (context) => context.segment.field(field) : (context) => context.foreignField(place);
  } else if (own) {
    text =
      repetition === '*'
        ? (context) => context.segment.repetitions(field)[context.repetition - 1] ?? ''
        : (context) => context.segment.repetition(field, repetition);
  } else if (repetition === '*') {
    text = (context) => context.foreignRepetitions(place)[context.repetition - 1] ?? '';
  } else {
    text = (context) => part(context.foreignField(place), context.separators.repetition, repetition);
  }
  if (level >= COMPONENT) {
    const outer = text;
    text = (context) => {
      const er7 = outer(context);
      return er7 === '' ? '' : part(er7, context.separators.component, component);
    };
  }
  if (level > COMPONENT) {
    const outer = text;
    text = (context) => {
      const er7 = outer(context);
      return er7 === '' ? '' : part(er7, context.separators.subcomponent, subcomponent);
    };
  }
  return targetLevel > level ? (context) => fitted(text(context), level, targetLevel, context) : text;
}

/** How many repetitions there are of the field that a place is in. */
export function countRepetitions(place: Place, surroundings: Surroundings): (context: Context) => number {
  const [field] = place.at;
  if (!isOwn(place, surroundings)) return (context) => context.foreignRepetitions(place).length;
  surroundings.reads(field);
  return (context) => context.segment.repetitions(field).length;
}

/** The first that is not empty of the places in `PID-2.1 or PID-2`. */
function compileFrom(
  from: string,
  level: Level,
  conversion: Conversion | undefined,
  surroundings: Surroundings,
): Value {
  const places = from.split(' or ').map((path) => parsePlace(path.trim()));
  for (const { source } of places) {
    if (source.includes('..')) throw new DefinitionError(`from: "${source}" is a range: name one place`);
  }
  const [first, ...others] = places.map((place) => readPlace(place, level, surroundings));
  const read: Text = (context) => {
    let text = first!(context);
    for (const other of others) {
      if (text !== '') break;
      text = other(context);
    }
    return text;
  };
  const text = others.length === 0 ? first! : read;
  return converted({ text, each: theOneOf(places) }, conversion, places[0]!, surroundings);
}

function constantValue(value: string): Value {
  return { text: compileConstant(value), each: undefined };
}

/** The parts behind one another. Nothing when one of them is empty: a prefix without a number is no identifier. */
function compileJoin(join: readonly ValueDefinition[], target: Place, surroundings: Surroundings): Value {
  const parts = join.map((definition) => compileValue(definition, target, surroundings));
  return {
    each: theOneOf(parts.map(({ each }) => each)),
    text: (context) => {
      let joined = '';
      for (const { text } of parts) {
        const er7 = text(context);
        if (er7 === '' || er7 === '""') return er7;
        joined += er7;
      }
      return joined;
    },
  };
}

function compileComponents(
  components: NonNullable<RuleDefinition['components']>,
  target: Place,
  surroundings: Surroundings,
): Value {
  if (target.level > REPETITION) {
    throw new DefinitionError(
      `${target.source} is itself a component, so it has no components: name a field or a repetition`,
    );
  }
  if (Object.keys(components).length === 0) {
    throw new DefinitionError('components: has none: write a line for each, as in 4: NHS');
  }
  const inner: Place = { ...target, level: COMPONENT };
  // In the order of their numbers, as numbers among an object's keys are.
  const parts = Object.entries(components).map(([number, value]) => ({
    number: Number(number),
    ...compileValue(typeof value === 'string' ? { value } : value, inner, surroundings),
  }));
  return {
    each: theOneOf(parts.map(({ each }) => each)),
    text: (context) => {
      const separator = context.separator(COMPONENT);
      let er7 = '';
      let at = 1;
      for (const { number, text } of parts) {
        const component = text(context);
        if (component === '') continue;
        if (number > at) er7 += runOf(separator, number - at);
        er7 += component;
        at = number;
      }
      return er7;
    },
  };
}

function converted(
  { text, each }: Value,
  conversion: Conversion | undefined,
  place: Place,
  surroundings: Surroundings,
): Value {
  if (conversion === undefined) return { text, each };
  const own = isOwn(place, surroundings);
  const where: Name = (context) => context.nameOf(place, own);
  return { text: (context) => conversion(text(context), context, where), each };
}

/** `[*]` can stand for the repetitions of one field only. */
function theOneOf(places: readonly (Place | undefined)[]): Place | undefined {
  const each = places.filter((place) => place?.at[REPETITION] === '*');
  const fields = new Set(each.map((place) => `${place!.segment}-${place!.at[FIELD]}`));
  if (fields.size > 1) {
    throw new DefinitionError(
      `[*] stands for the repetitions of ${[...fields].join(' and of ')} at once: use it for one of them`,
    );
  }
  return each[0];
}

/** Escapes the separators that would break out of a place that is smaller than what is written into it. */
function fitted(er7: string, level: Level, target: Level, context: Context): string {
  let fit = er7;
  for (let outer = level + 1; outer <= target; outer++) {
    const separator = separatorBetween(outer as Level, context.separators);
    if (separator === undefined || !fit.includes(separator)) continue;
    const { escape } = context.separators;
    if (escape === undefined) {
      throw new MessageError(
        'NO_SEPARATOR',
        'A value of several parts is to be written into one, and the message declares no escape character in MSH-2',
      );
    }
    fit = fit.split(separator).join(escape + ['F', 'R', 'S', 'T'][outer]! + escape);
  }
  return fit;
}
