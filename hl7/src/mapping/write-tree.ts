import { parts } from '../message/separators.js';
import type { Text } from './constant.js';
import type { Context } from './context.js';
import { DefinitionError } from './definition-error.js';
import {
  COMPONENT,
  eachOf,
  FIELD,
  type Level,
  type Place,
  REPETITION,
  runOf,
  separatorBetween,
  SUBCOMPONENT,
} from './place.js';

/** What a rule writes to a place: ER7, or undefined when its condition doesn't hold. */
export type Write = (context: Context) => string | undefined;

/** Consecutive places, copied in one piece. Sets `context.reached` to the number of the last one that is in it. */
export type Slice = (context: Context, first: number, last: number) => string;

export type Count = (context: Context) => number;

/** What becomes of what the rules before have put there. */
type Evaluate = (context: Context, base: string) => string;

interface Item {
  readonly first: number;
  readonly evaluate: Evaluate;
  readonly sliced: boolean;
}

/** Everything that rules write to one place and into it. */
class Node {
  /** To the whole place, in the order of the rules: of those whose condition holds, the last counts. */
  readonly writes: { readonly write: Write; readonly always: boolean; readonly slice: Slice | undefined }[] =
    [];
  readonly parts = new Map<number, Node>();
  /** What is written into each repetition of a field. */
  each: Node | undefined;
  /** How many repetitions that makes: as many as there are in one of those that are read. */
  readonly counts = new Set<Count>();
  /** Repetitions that are put behind the others. */
  readonly added: Text[] = [];

  part(number: number): Node {
    const known = this.parts.get(number) ?? new Node();
    this.parts.set(number, known);
    return known;
  }

  /** The slice that gives this place, if nothing but that writes to it. */
  get slice(): Slice | undefined {
    const alone = this.parts.size === 0 && this.each === undefined && this.added.length === 0;
    return alone && this.writes.length === 1 ? this.writes[0]!.slice : undefined;
  }
}

/** What the rules of one segment write, gathered by place, so that each part of the segment is made once. */
export class WriteTree {
  readonly #root = new Node();

  /**
   * Adds what a rule writes to a place or, one by one, to the places of a range. Later rules win over earlier ones;
   * the whole of something must come before its parts.
   *
   * @param writeTo what is written to a single place
   * @param always whether it is written whatever the message is, so that what earlier rules write there is lost
   * @throws DefinitionError when rules for single repetitions and for each repetition meet in one field
   */
  write(place: Place, writeTo: (single: Place) => Write, always: boolean, slice?: Slice): void {
    for (const single of eachOf(place)) {
      const { writes } = this.#nodeAt(single);
      if (always) writes.length = 0;
      writes.push({ write: writeTo(single), always, slice });
    }
  }

  /** Sees to it that a field gets as many repetitions as `count` says when `[*]` is written to. */
  repeat({ at: [field] }: Place, count: Count): void {
    this.#root.part(field).counts.add(count);
  }

  /** Whether something says how many repetitions a field gets that `[*]` is written to. */
  hasRepetitions({ at: [field] }: Place): boolean {
    const { counts, writes } = this.#root.part(field);
    return counts.size > 0 || writes.length > 0;
  }

  /** Adds a repetition to a field, behind all others, unless it is empty; with a count, one for each `[*]`. */
  add({ at: [field] }: Place, text: Text, count?: Count): void {
    const { added } = this.#root.part(field);
    if (count === undefined) added.push(text);
    else added.push((context) => eachRepetition(context, count(context), text, true));
  }

  /**
   * @returns a function from the segment's start (its name; for MSH with MSH-1 and MSH-2, `at` being 2) to the segment
   *   without its end; the start itself when nothing is written
   */
  compile(): (context: Context, start: string, at: number) => string {
    const items = merged(this.#root, FIELD, true);
    return (context, start, at) => composed(context, items, FIELD, start, at);
  }

  #nodeAt({ source, level, at: [field, repetition, component, subcomponent] }: Place): Node {
    const ofField = this.#root.part(field);
    if (level === FIELD) return ofField;
    if (repetition === '*' ? ofField.parts.size > 0 : ofField.each !== undefined) {
      throw new DefinitionError(
        `${source} meets another rule for this field, and one of them is for each repetition ([*]) and the other ` +
          'for one: write both with [*], or both with numbers (a path without [n] is about the first repetition)',
      );
    }
    let node = repetition === '*' ? (ofField.each ??= new Node()) : ofField.part(repetition);
    if (level >= COMPONENT) node = node.part(component);
    return level === SUBCOMPONENT ? node.part(subcomponent) : node;
  }
}

/** @param bare whether nothing is ever there before: no rule writes to what the node is in */
function compileNode(node: Node, level: Level, bare: boolean): Evaluate {
  const whole = compileWhole(node);
  const { counts, added, parts: inner } = node;
  const empty = bare && node.writes.length === 0;
  let evaluate = whole;
  if (inner.size > 0) {
    const below = (level + 1) as Level;
    const items = merged(node, below, empty);
    const singles = children(node, below, empty);
    if (!empty) {
      evaluate = (context, base) => {
        const er7 = whole(context, base);
        return er7 === '' ? composed(context, items, below, '', 1) : overlaid(context, er7, singles, below);
      };
    } else if (items.length === 1 && items[0]!.first === 1) {
      evaluate = items[0]!.evaluate;
    } else {
      evaluate = (context) => composed(context, items, below, '', 1);
    }
  }
  if (node.each !== undefined) {
    const each = compileNode(node.each, REPETITION, empty);
    evaluate = (context, base) => {
      const er7 = whole(context, base);
      const had = er7 === '' ? [] : parts(er7, context.separators.repetition);
      let most = had.length;
      for (const count of counts) most = Math.max(most, count(context));
      return eachRepetition(context, most, () => each(context, had[context.repetition - 1] ?? ''), false);
    };
  }
  if (added.length === 0) return evaluate;
  return (context, base) => {
    let er7 = evaluate(context, base);
    for (const text of added) {
      const more = text(context);
      if (more !== '') er7 += er7 === '' ? more : context.separator(REPETITION) + more;
    }
    return er7;
  };
}

function compileWhole({ writes }: Node): Evaluate {
  const [only] = writes;
  if (only === undefined) return (_context, base) => base;
  if (writes.length === 1 && only.always) return only.write as Text;
  if (writes.length === 1) return (context, base) => only.write(context) ?? base;
  return (context, base) => {
    for (let last = writes.length - 1; last >= 0; last--) {
      const er7 = writes[last]!.write(context);
      if (er7 !== undefined) return er7;
    }
    return base;
  };
}

function children(node: Node, level: Level, bare: boolean): Item[] {
  return [...node.parts]
    .sort(([a], [b]) => a - b)
    .map(([first, child]) => ({ first, evaluate: compileNode(child, level, bare), sliced: false }));
}

/** The children in order, those that are copied in one piece as one item. */
function merged(node: Node, level: Level, bare: boolean): Item[] {
  const items: Item[] = [];
  const sorted = children(node, level, bare);
  for (let index = 0; index < sorted.length; index++) {
    const { first } = sorted[index]!;
    const slice = node.parts.get(first)!.slice;
    let last = first;
    while (slice !== undefined && node.parts.get(last + 1)?.slice === slice) last += 1;
    index += last - first;
    if (slice === undefined || last === first) items.push(sorted[index]!);
    else items.push({ first, evaluate: (context) => slice(context, first, last), sliced: true });
  }
  return items;
}

/** Behind a start that ends within place `at`: the items that are not empty, each in its place. */
function composed(
  context: Context,
  items: readonly Item[],
  level: Level,
  start: string,
  startAt: number,
): string {
  let er7 = start;
  let at = startAt;
  for (const { first, evaluate, sliced } of items) {
    const text = evaluate(context, '');
    if (text === '') continue;
    if (first > at) er7 += runOf(context.separator(level), first - at);
    er7 += text;
    at = sliced ? context.reached : first;
  }
  return er7;
}

/** What was there, with some of its parts changed. */
function overlaid(context: Context, base: string, items: readonly Item[], level: Level): string {
  const separator = separatorBetween(level, context.separators);
  const all = parts(base, separator);
  for (const { first, evaluate } of items) {
    const had = all[first - 1];
    const text = evaluate(context, had ?? '');
    if (text === (had ?? '')) continue;
    if (first > 1) context.separator(level);
    while (all.length < first) all.push('');
    all[first - 1] = text;
  }
  // An empty repetition at the end is one all the same.
  while (level !== REPETITION && all.length > 1 && all.at(-1) === '') all.pop();
  return all.join(separator);
}

function eachRepetition(context: Context, count: number, text: Text, skipEmpty: boolean): string {
  let er7 = '';
  let isFirst = true;
  for (let repetition = 1; repetition <= count; repetition++) {
    context.repetition = repetition;
    const one = text(context);
    if (one === '' && skipEmpty) continue;
    er7 += isFirst ? one : context.separator(REPETITION) + one;
    isFirst = false;
  }
  context.repetition = 0;
  return er7;
}
