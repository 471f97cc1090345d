import { ConditionError } from '../condition.js';
import { Conditions, type Holds } from './conditions.js';
import { Context } from './context.js';
import { type Table, Tables } from './conversion.js';
import { DefinitionError } from './definition-error.js';
import type { BlockDefinition, MappingDefinition } from './definition.js';
import { type Mapping, MappingError } from './mapping.js';
import { compileRules, type SegmentRules } from './segment-rules.js';
import { headerStart, SourceSegment } from './source-segment.js';

/** Is told what is wrong, and where in the definition. */
export type Report = (path: readonly (string | number)[], error: unknown) => void;

/** What becomes of the segments of one name. */
interface Block {
  readonly name: string;
  readonly isHeader: boolean;
  /** Its number among all blocks. */
  readonly id: number;
  /** Its place in the list of segments, from 1, which it may share with others; 0 for the MSH, which is always first. */
  readonly number: number;
  readonly holds: Holds | undefined;
  /** Number of the last field that is read. */
  readonly upTo: number;
  /** Whether one is written where the source has none. */
  readonly always: boolean;
  readonly action: SegmentRules | 'copy' | 'drop';
}

/**
 * Compiles a mapping. What is wrong in it is reported, all of it, and left out: use the result only when nothing was.
 *
 * @returns a mapping that throws MappingError (refused, or a value that can't be converted), ConditionError when a
 *   condition fails, and MessageError when the message's separators or character set do not allow what is to be written
 */
export function compileMapping(
  name: string,
  definition: MappingDefinition,
  tablesByName: Readonly<Record<string, Table>>,
  report: Report,
): Mapping {
  const conditions = new Conditions();
  const tables = new Tables(tablesByName);
  const refuse = compileRefusals(definition, conditions, report);
  const blocks = compileBlocks(definition, { tables, conditions }, report);
  for (const table of Object.keys(tables.byName)) {
    if (tables.used.has(table)) continue;
    report(['tables', table], new DefinitionError('no lookup uses this table: take it out, or use it'));
  }
  const listed = definition.order === 'listed';
  const order = listed ? inListedOrder : inSourceOrder;
  const segment = new SourceSegment();
  return {
    name,
    map(message) {
      const context = new Context(message, blocks.size, segment);
      refuse(context);
      return Buffer.from(order(context, blocks), 'latin1');
    },
  };
}

class Blocks {
  /** By the bytes of the name as one number, which is found faster than a text cut out of the message. */
  readonly #byName = new Map<number, Block>();
  readonly #unlisted: Block;
  readonly #always: Block[] = [];

  constructor(
    blocks: readonly Block[],
    /** What is done with segments that are not listed. */
    others: 'copy' | 'drop',
    /** How many places the list of segments has. */
    readonly count: number,
  ) {
    for (const block of blocks) this.#byName.set(nameOf(block.name), block);
    this.#always = blocks.filter(({ always }) => always);
    this.#unlisted = { ...copied('', blocks.length, count + 1), action: others };
  }

  get size(): number {
    return this.#byName.size + 1;
  }

  of(er7: string): Block {
    return this.#byName.get(nameOf(er7)) ?? this.#unlisted;
  }

  /** Those that are written though the message has no such segment, in the order in which they are listed. */
  missing({ message }: Context): Block[] {
    return this.#always.filter(({ name }) => !message.segments().some((segment) => segment.is(name)));
  }
}

function inListedOrder(context: Context, blocks: Blocks): string {
  const pieces = new Array<string>(blocks.count + 2).fill('');
  for (const { er7 } of context.message.segments()) {
    const block = blocks.of(er7);
    pieces[block.number] = pieces[block.number]! + written(context, block, er7);
  }
  for (const block of blocks.missing(context))
    pieces[block.number] = pieces[block.number]! + written(context, block, undefined);
  let made = '';
  for (const piece of pieces) made += piece;
  return made;
}

/** What the source lacks comes in front of the first segment that is listed behind it. */
function inSourceOrder(context: Context, blocks: Blocks): string {
  const missing = blocks.missing(context);
  let made = '';
  for (const { er7 } of context.message.segments()) {
    const block = blocks.of(er7);
    while (missing.length > 0 && block.number > missing[0]!.number && block.number <= blocks.count) {
      made += written(context, missing.shift()!, undefined);
    }
    made += written(context, block, er7);
  }
  for (const block of missing) made += written(context, block, undefined);
  return made;
}

function nameOf(er7: string): number {
  return (er7.charCodeAt(0) << 16) | (er7.charCodeAt(1) << 8) | er7.charCodeAt(2);
}

/** A segment with its end; '' when none is written. */
function written(context: Context, block: Block, er7: string | undefined): string {
  const { action, holds, id, isHeader } = block;
  if (action === 'drop') return '';
  context.occurrence = context.occurrences[id] = context.occurrences[id]! + 1;
  const start = isHeader ? headerStart(context.separators) : block.name;
  const source = er7 === undefined ? '' : context.trimmed(er7, isHeader ? start.length : 0);
  if (holds === undefined && action === 'copy') return source + '\r';
  context.segment.open(source, context.separators, isHeader, block.upTo);
  if (holds !== undefined && !holds(context)) return '';
  if (action === 'copy') return source + '\r';
  const made = action.write(context, start, isHeader ? 2 : 0);
  return made === start && !isHeader ? '' : made + '\r';
}

function compileRefusals(
  { refuse = [] }: MappingDefinition,
  conditions: Conditions,
  report: Report,
): (context: Context) => void {
  const refusals: { readonly holds: Holds; readonly code: string; readonly message: string }[] = [];
  for (const [index, { when, code, message }] of refuse.entries()) {
    try {
      refusals.push({ holds: conditions.compile(when), code, message });
    } catch (error) {
      report(['refuse', index, 'when'], error);
    }
  }
  return (context) => {
    for (const { holds, code, message } of refusals) {
      if (holds(context)) throw new MappingError(code, '', message);
    }
  };
}

function compileBlocks(
  definition: MappingDefinition,
  parts: { readonly tables: Tables; readonly conditions: Conditions },
  report: Report,
): Blocks {
  const others = definition['other segments'];
  const lists = Object.entries(definition.segments);
  const blocks = new Map<string, Block>();
  const listed = new Map<string, Listed>();
  for (const [index, [names, block]] of lists.entries()) {
    const path = ['segments', names];
    const options = optionsOf(block);
    for (const name of names.split(' ')) {
      try {
        checkBlock(name, names, options, others, listed.get(name));
        listed.set(name, { names, dropped: options.rules === 'drop' });
        const reportRule: Report = (within, error) => {
          report([...path, ...(isPlain(block) ? [] : ['rules']), ...within], error);
        };
        const compiled = compileBlock(name, options, parts, reportRule);
        blocks.set(name, { ...copied(name, blocks.size, name === 'MSH' ? 0 : index + 1), ...compiled });
      } catch (error) {
        report(error instanceof ConditionError ? [...path, 'when'] : path, error);
      }
    }
  }
  if (!blocks.has('MSH')) {
    if (others === 'copy') blocks.set('MSH', copied('MSH', blocks.size, 0));
    else
      report(['segments'], new DefinitionError('every message begins with an MSH: list it, as in MSH: copy'));
  }
  return new Blocks([...blocks.values()], others, lists.length);
}

function copied(name: string, id: number, number: number): Block {
  return {
    name,
    isHeader: name === 'MSH',
    id,
    number,
    holds: undefined,
    upTo: 0,
    always: false,
    action: 'copy',
  };
}

/** A segment that the list has had already. */
interface Listed {
  readonly names: string;
  readonly dropped: boolean;
}

type BlockOptions = Exclude<BlockDefinition, string | readonly unknown[]>;

function isPlain(block: BlockDefinition): block is Exclude<BlockDefinition, BlockOptions> {
  return typeof block === 'string' || Array.isArray(block);
}

function optionsOf(block: BlockDefinition): BlockOptions {
  return isPlain(block) ? { rules: block } : block;
}

function compileBlock(
  name: string,
  { when, always = false, rules }: BlockOptions,
  parts: { readonly tables: Tables; readonly conditions: Conditions },
  report: Report,
): Pick<Block, 'holds' | 'upTo' | 'always' | 'action'> {
  const action = typeof rules === 'string' ? rules : compileRules(name, rules, parts, report);
  let upTo = typeof action === 'string' ? 0 : action.upTo;
  const reads = (field: number): void => {
    upTo = Math.max(upTo, field);
  };
  const holds =
    when === undefined
      ? undefined
      : parts.conditions.compile(when, { segment: name, field: undefined, reads });
  return { holds, upTo, always, action };
}

function checkBlock(
  name: string,
  names: string,
  { when, always = false, rules }: BlockOptions,
  others: 'copy' | 'drop',
  before: Listed | undefined,
): void {
  const wrong = (problem: string): never => {
    throw new DefinitionError(problem);
  };
  if (before?.dropped === true) {
    wrong(
      `${name} is dropped by the line "${before.names}", so that this never has an effect: take one of them out`,
    );
  }
  if (before !== undefined) wrong(`${name} is listed twice, and only one can be followed: put both into one`);
  if (name === 'MSH' && (rules === 'drop' || when !== undefined)) {
    wrong('every message begins with an MSH: it can neither be dropped nor have a condition');
  }
  if (rules === 'drop' && others === 'drop') {
    wrong(`${name} is dropped as all segments are that are not listed: take this line out`);
  }
  if (rules === 'drop' && when !== undefined) {
    wrong(`${name} is dropped whether the condition holds or not: take when: out`);
  }
  if (typeof rules === 'string') {
    if (always) wrong(`always: can not make a ${name} without rules that say what is in it: give it rules`);
  } else if (names !== name) {
    wrong(`${names} are several segments, and rules are for one: list each by itself`);
  }
}
