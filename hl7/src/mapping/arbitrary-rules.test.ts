import { expect } from 'chai';
import fc from 'fast-check';
import { withoutEmptyEnds } from '../message/empty-ends.js';
import { Message } from '../message/message.js';
import { readMapping } from './mapping-file.js';

/**
 * Arbitrary rules, as far as the linter has nothing against them, do what doing them one after the other on the texts
 * does. That is how the language is described; the compiled form gathers what the rules write by place instead.
 */

/** Where a rule reads or writes: numbers of a field, repetition, component, subcomponent, as far as the path goes. */
type At = readonly (number | '*')[];

interface Rule {
  readonly verb: 'copy' | 'set value' | 'set from' | 'add' | 'null' | 'delete';
  readonly at: At;
  readonly last: number | undefined;
  readonly from: At;
  readonly condition: string | undefined;
}

const SEPARATORS = { 0: '|', 1: '~', 2: '^', 3: '&' } as Record<number, string>;
const ESCAPES = { '~': '\\R\\', '^': '\\S\\', '&': '\\T\\' } as Record<string, string>;

function pathOf([field, repetition, component, subcomponent]: At): string {
  const parts = [component, subcomponent].filter((part) => part !== undefined).map((part) => `.${part}`);
  const index =
    repetition === undefined || (repetition === 1 && component !== undefined) ? '' : `[${repetition}]`;
  return `ZAB-${field}${index}${parts.join('')}`;
}

function yamlOf({ verb, at, last, from, condition }: Rule): string {
  const range = last === undefined ? '' : `..${last}`;
  const path = `'${pathOf(at)}${range}'`;
  const rule = {
    copy: `copy: ${path}`,
    'set value': `set: ${path}, value: x`,
    'set from': `set: ${path}, from: '${pathOf(from)}'`,
    add: `add: '${pathOf(at.slice(0, 1))}', from: '${pathOf(from)}'`,
    null: `null: ${path}`,
    delete: `delete: ${path}`,
  }[verb];
  return `{ ${rule}${condition === undefined ? '' : `, when: '${condition}'`} }`;
}

/** What stands at a place of a text; `depth` says what the text is: 0 a segment without its name, 1 a field … */
function read(text: string, at: readonly number[], depth = 0): string {
  const [first, ...rest] = at;
  if (first === undefined) return text;
  return read(text.split(SEPARATORS[depth]!)[first - 1] ?? '', rest, depth + 1);
}

/** The text with something else at that place. What is empty is not put where there is nothing. */
function write(text: string, at: readonly number[], value: string, depth = 0): string {
  const [first, ...rest] = at;
  if (first === undefined) return value;
  const parts = text.split(SEPARATORS[depth]!);
  if (value === '' && parts.length < first) return text;
  while (parts.length < first) parts.push('');
  parts[first - 1] = write(parts[first - 1]!, rest, value, depth + 1);
  return parts.join(SEPARATORS[depth]);
}

function repetitionsOf(text: string, field: number): number {
  const whole = read(text, [field]);
  return whole === '' ? 0 : whole.split('~').length;
}

/** Doing rules one after the other. */
function byTheBook(source: string, rules: readonly Rule[]): string {
  let made = '';
  for (const rule of rules) made = done(rule, source, made, rules);
  return withoutEmptyEnds(`ZAB|${made}`, Message.parse(Buffer.from('MSH|^~\\&|')).separators);
}

/** How many repetitions rules with `[*]` make of a field. */
function repetitionsMade(rules: readonly Rule[], source: string, number: number): number {
  const read = rules
    .filter(({ at }) => at[0] === number && at[1] === '*')
    .filter(({ verb, from }) => verb === 'copy' || (verb === 'set from' && from[1] === '*'))
    .map(({ verb, from }) => repetitionsOf(source, verb === 'copy' ? number : (from[0] as number)));
  return Math.max(0, ...read);
}

function done(rule: Rule, source: string, before: string, rules: readonly Rule[]): string {
  let made = before;
  const { verb, at, last, from } = rule;
  const field = at[0] as number;
  const isEach = at.includes('*');
  const holds = (repetition: number): boolean => {
    if (rule.condition === undefined) return true;
    const [, path] = /"ZAB-(.*)"/.exec(rule.condition)!;
    const [asked, component] = path!.split('.').map(Number) as [number, number | undefined];
    const isHere =
      asked ===
      (verb === 'add'
        ? from[1] === '*' && from[0]
        : isEach && (verb === 'set from' && from[1] === '*' ? from[0] : field));
    const text =
      isHere || component !== undefined
        ? read(source, [asked, isHere ? repetition : 1, ...(component === undefined ? [] : [component])])
        : read(source, [asked]);
    return /[^~^&]/.test(text);
  };
  const here = (some: At, repetition: number): number[] =>
    some.map((one) => (one === '*' ? repetition : one));
  const fitted = (text: string, depth: number, target: number): string => {
    let fit = text;
    for (let outer = depth; outer < target; outer++) {
      const separator = SEPARATORS[outer]!;
      fit = fit.replaceAll(separator, ESCAPES[separator] ?? '');
    }
    return fit;
  };
  const value = (target: readonly number[], repetition: number): string => {
    switch (verb) {
      case 'copy':
        return read(source, target);
      case 'set value':
        return 'x';
      case 'set from':
        return fitted(read(source, here(from, repetition)), from.length, target.length);
      case 'null':
        return '""';
      default:
        return '';
    }
  };
  if (verb === 'add') {
    const count = from[1] === '*' ? repetitionsOf(source, from[0] as number) : 1;
    for (let repetition = 1; repetition <= count; repetition++) {
      if (!holds(repetition)) continue;
      const text = fitted(read(source, here(from, repetition)), from.length, 2);
      const all = read(made, [field]);
      if (text !== '') made = write(made, [field], all === '' ? text : `${all}~${text}`);
    }
    return made;
  }
  if (!isEach) {
    const first = at.at(-1) as number;
    for (let number = first; number <= (last ?? first); number++) {
      const target = [...(at.slice(0, -1) as number[]), number];
      if (holds(1)) made = write(made, target, value(target, 1));
    }
    return made;
  }
  const count = Math.max(repetitionsOf(made, field), repetitionsMade(rules, source, field));
  if (count > 1) {
    const missing = count - Math.max(1, repetitionsOf(made, field));
    made = write(made, [field], read(made, [field]) + '~'.repeat(missing));
  }
  for (let repetition = 1; repetition <= count; repetition++) {
    const target = here(at, repetition);
    const first = target.pop()!;
    for (let number = first; number <= (last ?? first) && holds(repetition); number++) {
      made = write(made, [...target, number], value([...target, number], repetition));
    }
  }
  return made;
}

/** A repetition that was written by its number and emptied again is there or not, as it happens: that is not compared. */
function comparable(made: string, rules: readonly Rule[]): string {
  const isNumbered = rules.some(({ at: [, repetition] }) => typeof repetition === 'number' && repetition > 1);
  return isNumbered ? made.replace(/~+(?=\||$)/g, '').replace(/\|+$/, '') : made;
}

const number = fc.integer({ min: 1, max: 3 });
const path = fc
  .tuple(
    number,
    fc.option(fc.oneof(number, fc.constant('*' as const)), { nil: undefined }),
    fc.array(number, { maxLength: 2 }),
  )
  .map(([field, repetition, parts]): At => {
    if (repetition === undefined && parts.length === 0) return [field];
    return [field, repetition ?? 1, ...parts];
  });
const rule: fc.Arbitrary<Rule> = fc.record({
  verb: fc.constantFrom('copy', 'copy', 'set value', 'set from', 'add', 'null', 'delete'),
  at: path,
  last: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 2 }),
  from: path,
  condition: fc.option(
    fc.constantFrom('message.has("ZAB-1")', 'message.has("ZAB-2.2")', 'message.has("ZAB-3")'),
    {
      nil: undefined,
      freq: 2,
    },
  ),
});
const source = fc
  .array(fc.constantFrom('|', '|', '~', '^', '&', 'a', 'b', '""'), { maxLength: 20 })
  .map((atoms) => atoms.join(''));

describe('arbitrary rules', () => {
  it('do what doing them one after the other does', function () {
    this.timeout(240_000);
    let compared = 0;
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 4 }),
        fc.array(source, { minLength: 3, maxLength: 6 }),
        (rules, sources) => {
          const list = rules.map((one) => `    - ${yamlOf(one)}\n`).join('');
          const { mapping } = readMapping(
            'test',
            `other segments: drop\nsegments:\n  MSH: copy\n  ZAB:\n${list}`,
            '.',
          );
          if (mapping === undefined) return;
          for (const fields of sources) {
            const message = Message.parse(Buffer.from(`MSH|^~\\&|\rZAB|${fields}`));
            const trimmed = withoutEmptyEnds(`ZAB|${fields}`, message.separators).slice(4);
            const expected = comparable(byTheBook(trimmed, rules), rules);
            const [, made = 'ZAB'] = mapping.map(message).toString().split('\r');
            expect(comparable(made === '' ? 'ZAB' : made, rules), `${list}ZAB|${fields}`).to.equal(expected);
            compared += 1;
          }
        },
      ),
      { numRuns: 6000 },
    );
    expect(compared).to.be.greaterThan(2000);
  });
});
