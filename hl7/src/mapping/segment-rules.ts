import { ConditionError } from '../condition.js';
import { compileConstant, type Text } from './constant.js';
import type { Conditions, Scope } from './conditions.js';
import type { Context } from './context.js';
import { compileConversions, type Tables } from './conversion.js';
import { DefinitionError } from './definition-error.js';
import type { RuleDefinition } from './definition.js';
import { checkClaim, type Claim } from './overlap.js';
import {
  allFields,
  COMPONENT,
  FIELD,
  parsePlace,
  parsePlaces,
  type Place,
  REPETITION,
  separatorBetween,
} from './place.js';
import { sliceParts, withoutTrailing } from './slice.js';
import { compileValue, countRepetitions, isOwn, readPlace, type Surroundings } from './value.js';
import { type Count, type Slice, type Write, WriteTree } from './write-tree.js';

/** What a rule does, and what may stand beside it. */
const VERBS = ['copy', 'set', 'add', 'null', 'delete', 'rules'] as const;
const VALUES = ['value', 'from', 'join', 'components'];
const ALLOWED: Readonly<Record<Verb, readonly string[]>> = {
  copy: ['convert', 'when', 'else'],
  set: [...VALUES, 'convert', 'when', 'else'],
  add: [...VALUES, 'convert', 'when'],
  null: ['when'],
  delete: ['when'],
  rules: ['when'],
};

const CHARSET_FIELD = 18;

type Verb = (typeof VERBS)[number];
type RulePath = readonly (string | number)[];

/** A rule with where it is in the list, and the conditions of the rules that it is within. */
interface Rule extends RuleDefinition {
  readonly path: RulePath;
  readonly outer: readonly string[];
}

export interface SegmentRules {
  /** From the segment's start to the segment without its end; the start itself when nothing is written. */
  readonly write: (context: Context, start: string, at: number) => string;
  /** Number of the last field of the segment that is read. */
  readonly upTo: number;
}

/**
 * Compiles the rules of one segment.
 *
 * @param report is told what is wrong with a rule, and where in the list it stands; the rule is then left out
 */
export function compileRules(
  segment: string,
  rules: readonly RuleDefinition[],
  parts: { readonly tables: Tables; readonly conditions: Conditions },
  report: (path: RulePath, error: unknown) => void,
): SegmentRules {
  const compiler = new RuleCompiler(segment, parts.tables, parts.conditions, report);
  compiler.compileAll(rules, [], []);
  compiler.checkRepetitions();
  if (segment === 'MSH') compiler.checkCharset();
  return { write: compiler.tree.compile(), upTo: compiler.upTo };
}

class RuleCompiler implements Surroundings {
  readonly tree = new WriteTree();
  upTo = 0;
  readonly #claims: Claim[] = [];
  readonly #counts = new Map<string, Count>();
  readonly #slices = new Map<string, Slice>();
  /** Fields that something is added to, with the number of the first rule that does. */
  readonly #added = new Map<number, string>();
  readonly #failed = new Set<RulePath>();
  readonly #eachRepetition: { readonly place: Place; readonly path: RulePath }[] = [];

  constructor(
    readonly segment: string,
    readonly tables: Tables,
    readonly conditions: Conditions,
    readonly report: (path: RulePath, error: unknown) => void,
  ) {}

  /** Reports rules for each repetition of fields that no rule gives any. */
  checkRepetitions(): void {
    for (const { place, path } of this.#eachRepetition) {
      if (this.#failed.has(path) || this.tree.hasRepetitions(place)) continue;
      const field = `${place.segment}-${place.at[FIELD]}`;
      const problem =
        `${place.source} is about each repetition, and no rule says how many ${field} gets: ` +
        `put copy: ${field} in front of this rule, or write [1] for [*]`;
      this.report(path, new DefinitionError(problem));
    }
  }

  /** Reports rules for the MSH that do not copy MSH-18, for then the next reader takes the bytes for other characters. */
  checkCharset(): void {
    const claims = this.#claims.filter(({ place }) => coversField(place, CHARSET_FIELD));
    if (this.#failed.size > 0) return;
    if (claims.some(({ conditional }) => !conditional) && claims.every(({ plainCopy }) => plainCopy)) return;
    const problem =
      'MSH-18 names the character set of the message, which stays as it is: copy it, as in copy: MSH-18, ' +
      'and let no other rule write it';
    this.report([], new DefinitionError(problem));
  }

  reads(field: number): void {
    this.upTo = Math.max(this.upTo, field);
  }

  /** @param outer the conditions of the rules that these are within */
  compileAll(rules: readonly RuleDefinition[], path: RulePath, outer: readonly string[]): void {
    for (const [index, rule] of rules.entries()) {
      const here = [...path, index];
      try {
        const verb = verbOf(rule);
        if (rule.rules === undefined) {
          this.#compile(verb, rule[verb] as string, { ...rule, path: here, outer });
        } else {
          if (rule.when !== undefined) this.conditions.compile(rule.when);
          const within = rule.when === undefined ? outer : [...outer, rule.when];
          this.compileAll(rule.rules, [...here, 'rules'], within);
        }
      } catch (error) {
        this.#failed.add(here);
        this.report(error instanceof ConditionError ? [...here, 'when'] : here, error);
      }
    }
  }

  #compile(verb: Verb, source: string, rule: Rule): void {
    switch (verb) {
      case 'copy':
        for (const place of parsePlaces(source === this.segment ? allFields(source) : source))
          this.#copy(place, rule);
        return;
      case 'set':
        this.#set(single(source), rule);
        return;
      case 'add':
        this.#add(single(source), rule);
        return;
      default:
        for (const place of parsePlaces(source)) {
          this.#claim(place, rule, false);
          const write = this.#conditioned(compileConstant(verb === 'null' ? '""' : ''), place, rule);
          this.tree.write(place, () => write, !isConditional(rule));
        }
    }
  }

  #copy(place: Place, rule: Rule): void {
    const conversion = compileConversions(rule.convert, this.tables);
    this.#claim(place, rule, conversion === undefined && rule.else === undefined);
    const write = (one: Place): Write => {
      const text = readPlace(one, one.level, this);
      if (conversion === undefined) return this.#conditioned(text, place, rule);
      const where = (context: Context): string => context.nameOf(one, true);
      return this.#conditioned((context) => conversion(text(context), context, where), place, rule);
    };
    const plain = conversion === undefined && rule.when === undefined && rule.outer.length === 0;
    this.tree.write(place, write, !isConditional(rule), plain ? this.#sliceAt(place) : undefined);
    if (place.at[REPETITION] === '*') this.tree.repeat(place, this.#count(place));
  }

  #set(target: Place, rule: Rule): void {
    this.#claim(target, rule, false);
    const { text, each } = compileValue(rule, target, this);
    const write = this.#conditioned(text, each ?? target, rule);
    this.tree.write(target, () => write, !isConditional(rule));
    if (each === undefined) return;
    if (target.at[REPETITION] !== '*') {
      throw new DefinitionError(
        `${each.source} has [*] and ${target.source} has none: write [*] in both, or use add:`,
      );
    }
    this.tree.repeat(target, this.#count(each));
  }

  #add(target: Place, rule: Rule): void {
    checkTarget(target, this.segment);
    if (target.level !== FIELD) {
      throw new DefinitionError(
        'add: puts a repetition behind those of a field: name the field, as in add: PID-3',
      );
    }
    const { text, each } = compileValue(rule, { ...target, level: REPETITION }, this);
    const write = this.#conditioned(text, each, rule);
    if (!this.#added.has(target.at[FIELD])) this.#added.set(target.at[FIELD], ruleNumber(rule.path));
    this.tree.add(target, (context) => write(context) ?? '', each && this.#count(each));
  }

  #claim(place: Place, rule: Rule, plainCopy: boolean): void {
    checkTarget(place, this.segment);
    for (const [field, number] of this.#added) {
      if (!coversField(place, field)) continue;
      throw new DefinitionError(
        `${place.source} is written behind rule ${number}, which adds to ${this.segment}-${field}: put this rule in front of it`,
      );
    }
    const claim = { place, rule: ruleNumber(rule.path), conditional: isConditional(rule), plainCopy };
    checkClaim(this.#claims, claim);
    this.#claims.push(claim);
    if (place.at[REPETITION] === '*') this.#eachRepetition.push({ place, path: rule.path });
  }

  /** @param place whose repetition conditions are about when it has `[*]` */
  #conditioned(text: Text, place: Place | undefined, { outer, when, else: otherwise }: Rule): Write {
    if (when === undefined && outer.length === 0) return text;
    const each = place !== undefined && isOwn(place, this) && place.at[REPETITION] === '*';
    const scope: Scope = {
      segment: this.segment,
      field: each ? place.at[FIELD] : undefined,
      reads: (field) => this.reads(field),
    };
    const around = outer.map((condition) => this.conditions.compile(condition, scope));
    const own = when === undefined ? undefined : this.conditions.compile(when, scope);
    const alternative = otherwise === undefined ? undefined : compileConstant(otherwise);
    return (context) => {
      for (const holds of around) if (!holds(context)) return undefined;
      return own === undefined || own(context) ? text(context) : alternative?.(context);
    };
  }

  /** The same function for the same field, so that the repetitions are counted once however many rules there are. */
  #count(place: Place): Count {
    const key = `${place.segment}-${place.at[FIELD]}`;
    const count = this.#counts.get(key) ?? countRepetitions(place, this);
    this.#counts.set(key, count);
    return count;
  }

  /** How neighbours of a place are copied in one piece, the same function for all of them. */
  #sliceAt(place: Place): Slice | undefined {
    const { level, at } = place;
    if (level === FIELD) return copyFields;
    if (level === REPETITION) return undefined;
    const above = level === COMPONENT ? REPETITION : COMPONENT;
    const key = at.slice(0, level).join('.');
    const whole = readPlace({ ...place, level: above }, above, this);
    const slice: Slice =
      this.#slices.get(key) ??
      ((context, first, last) =>
        sliceParts(context, whole(context), separatorBetween(level, context.separators), first, last));
    this.#slices.set(key, slice);
    return slice;
  }
}

/** Whether it depends on the message that the rule writes anything. */
function isConditional({ outer, when, else: otherwise }: Rule): boolean {
  return outer.length > 0 || (when !== undefined && otherwise === undefined);
}

function verbOf(rule: RuleDefinition): Verb {
  const verbs = VERBS.filter((verb) => rule[verb] !== undefined);
  const [verb] = verbs;
  if (verb === undefined || verbs.length > 1) {
    const found = verbs.length === 0 ? 'has none' : `has ${verbs.join(' and ')}`;
    throw new DefinitionError(`a rule has exactly one of ${VERBS.join(', ')}, and this one ${found}`);
  }
  const wrong = Object.keys(rule).find((key) => key !== verb && !ALLOWED[verb].includes(key));
  if (wrong !== undefined) {
    const allowed = ALLOWED[verb].join(', ');
    throw new DefinitionError(`${wrong}: can not stand beside ${verb}:, which takes ${allowed}`);
  }
  if (rule.else !== undefined && rule.when === undefined) {
    throw new DefinitionError('else: needs when:, for it is what is written when that does not hold');
  }
  return verb;
}

/** Whether a place is in a field, or one of several of which that is one. */
function coversField({ at: [field], level, last }: Place, number: number): boolean {
  return field <= number && number <= (level === FIELD ? last : field);
}

/** `3`, and `3.1` for the first of the rules within rule 3. */
function ruleNumber(path: readonly (string | number)[]): string {
  return path
    .filter((step) => typeof step === 'number')
    .map((index) => index + 1)
    .join('.');
}

function single(source: string): Place {
  const place = parsePlace(source);
  if (place.source.includes('..')) {
    throw new DefinitionError(`${source} is a range, and one place is wanted: make a rule for each`);
  }
  return place;
}

function checkTarget({ source, segment: name, occurrence, at }: Place, segment: string): void {
  if (name !== segment || occurrence !== undefined) {
    throw new DefinitionError(
      `${source} can not be written by a rule of ${segment}: name a place in ${segment} without [n] behind its name; ` +
        'what is read (from:) may be in other segments',
    );
  }
  if (segment === 'MSH' && at[FIELD] < 3) {
    throw new DefinitionError(`${source} is a separator, which is written as it is: leave it out`);
  }
}

const copyFields: Slice = (context, first, last) => {
  const { segment } = context;
  const reached = Math.min(last, segment.count);
  return withoutTrailing(context, segment.fields(first, last), context.separators.field, reached);
};
