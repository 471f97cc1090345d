import { resolveEscapes } from '../message/escape.js';
import type { Path } from '../message/path.js';
import { part } from '../message/separators.js';
import type { Context } from './context.js';
import type { Question } from './plain-condition.js';

/**
 * What the segment that is being mapped answers to a condition: the same as Message does about a message with no other
 * segment and no empty ends, but without looking for the segment. However many there are, each is asked in the same time.
 *
 * @param path a path to it; which of the segments of that name does not matter
 * @param isRepetition whether the path is about the repetition that is being mapped
 * @throws PathError for `[*]` where one place is wanted
 */
export function answerOfSegment(
  question: Question | 'texts',
  path: Path,
  isRepetition: boolean,
  context: Context,
): string | boolean | string[] {
  const { message, segment } = context;
  const { field, repetition } = path;
  const all = field !== undefined && repetition === '*' ? segment.repetitions(field) : undefined;
  switch (question) {
    case 'text':
      // What Message says about a wrong path is right here too.
      return all === undefined && field !== undefined
        ? textOf(inPlace(path, isRepetition, true, context), context)
        : message.text(path);
    case 'texts':
      if (field === undefined) return message.texts(path);
      return (all ?? [inPlace(path, isRepetition, true, context)]).map((er7) =>
        textOf(all === undefined ? er7 : within(er7, path, true, context), context),
      );
    case 'er7':
      return all === undefined
        ? message.decode(inPlace(path, isRepetition, false, context))
        : message.er7(path);
    case 'isNull':
      return all === undefined ? inPlace(path, isRepetition, false, context) === '""' : message.isNull(path);
    case 'has':
      if (all !== undefined) return all.some((er7) => isFilled(within(er7, path, false, context), context));
      return isFilled(inPlace(path, isRepetition, false, context), context);
  }
}

/** ER7 of one place; `leaf`: what the path leaves out below the field is 1. */
function inPlace(path: Path, isRepetition: boolean, leaf: boolean, context: Context): string {
  const { segment } = context;
  const { field, repetition, component } = path;
  if (field === undefined) return segment.er7;
  if (isRepetition)
    return within(segment.repetitions(field)[context.repetition - 1] ?? '', path, leaf, context);
  if (!leaf && repetition === undefined && component === undefined) return segment.field(field);
  return within(segment.repetition(field, Number(repetition ?? 1)), path, leaf, context);
}

function within(
  er7: string,
  { component, subcomponent }: Path,
  leaf: boolean,
  { separators }: Context,
): string {
  if (!leaf && component === undefined) return er7;
  const inComponent = part(er7, separators.component, component ?? 1);
  return !leaf && subcomponent === undefined
    ? inComponent
    : part(inComponent, separators.subcomponent, subcomponent ?? 1);
}

function textOf(er7: string, { message, separators }: Context): string {
  if (separators.escape === undefined || !er7.includes(separators.escape)) return message.decode(er7);
  const bytes = resolveEscapes(er7, separators, true);
  const isText = message.charset.firstInvalid(Buffer.from(bytes, 'latin1')) === -1;
  return message.decode(isText ? bytes : resolveEscapes(er7, separators, false));
}

/** Whether there is more than separators. */
function isFilled(er7: string, { separators }: Context): boolean {
  const { component, repetition, subcomponent } = separators;
  for (const character of er7) {
    if (character !== component && character !== repetition && character !== subcomponent) return true;
  }
  return false;
}
