import type { Separators } from '../message/separators.js';

/** Takes empty subcomponents, components and fields off ends, for messages with certain separators. */
export interface EmptyEnds {
  /** Finds out whether there are any. */
  readonly found: RegExp;
  readonly inner: RegExp;
  readonly field: string;
}

const known = new WeakMap<Separators, EmptyEnds>();

export function emptyEnds(separators: Separators): EmptyEnds {
  let ends = known.get(separators);
  if (ends === undefined) known.set(separators, (ends = compile(separators)));
  return ends;
}

/**
 * ER7 without empty subcomponents, components and fields at ends, as MessageDraft.toBytes writes it. Empty repetitions
 * are kept, for their position means something.
 *
 * @param er7 a segment, or a part of one, without MSH-1 and MSH-2
 * @returns the same string where there is nothing to take off, which is cheap to find out
 */
export function withoutEmptyEnds(er7: string, { found, inner, field }: EmptyEnds): string {
  if (!found.test(er7)) return er7;
  const left = er7.replace(inner, '');
  let end = left.length;
  while (end > 0 && left[end - 1] === field) end--;
  return left.slice(0, end);
}

/** Each pattern takes time in proportion to the text: none can begin again within a run that it has failed on. */
function compile({ field, repetition = '', component, subcomponent = '' }: Separators): EmptyEnds {
  const oneOf = (characters: string): string => `[${characters.replace(/[\\\]^-]/g, '\\$&')}]`;
  const within = oneOf(component + subcomponent);
  const end = `(?=${oneOf(field + repetition)}|$)`;
  const one = subcomponent === '' ? '' : `|${oneOf(subcomponent)}(?=${oneOf(component)})`;
  const all =
    subcomponent === '' ? '' : `|(?<!${oneOf(subcomponent)})${oneOf(subcomponent)}+(?=${oneOf(component)})`;
  return {
    found: new RegExp(`${within}${end}${one}|${oneOf(field)}$`),
    inner: new RegExp(`(?<!${within})${within}+${end}${all}`, 'g'),
    field,
  };
}
