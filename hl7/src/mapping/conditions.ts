import { compileCondition, ConditionError } from '../condition.js';
import { Message } from '../message/message.js';
import { parsePath, type Path } from '../message/path.js';
import type { Context } from './context.js';
import { MappingError } from './mapping.js';
import { MOST_FIELDS } from './place.js';
import { compilePlain, type Question } from './plain-condition.js';
import { answerOfSegment } from './segment-answers.js';

/** What a condition is about besides the message: the segment that is being mapped, and for `[*]` its field. */
export interface Scope {
  readonly segment: string;
  readonly field: number | undefined;
  /** Is told the number of each field of that segment that is asked about, or of the last that might be. */
  readonly reads: (field: number) => void;
}

export type Holds = (context: Context) => boolean;

interface Compiled {
  /** Its number among the conditions of the mapping. */
  readonly number: number;
  readonly holds: (message: Message) => boolean;
  /** The names of the segments that it has paths to; not MSH, of which there is one. */
  readonly names: ReadonlySet<string>;
}

/** The conditions of one mapping, each compiled once and, where it can be, evaluated once a message. */
export class Conditions {
  readonly #compiled = new Map<string, Compiled>();

  /**
   * Compiles a condition. Paths in it that name the scope's segment without `[n]` are about the one that is being
   * mapped, and of those, paths that name its field without `[n]` about the repetition that is being mapped. Paths that
   * name another segment without `[n]` must find one at most, or it throws MappingError AMBIGUOUS_SEGMENT.
   *
   * @param scope absent for a condition that is about the message: there, a path without `[n]` is about the first
   * @throws ConditionError BAD_CONDITION
   */
  compile(source: string, scope?: Scope): Holds {
    const { number, holds, names } = this.#compile(source);
    if (scope === undefined || names.size === 0) {
      const plain = compilePlain<Context>(source, (question, path) => {
        const parsed = parsePath(path);
        return ({ message }) => message[question](parsed);
      });
      const ofMessage = plain ?? ((context) => holds(context.message));
      return (context) => (context.held[number] ??= ofMessage(context));
    }
    const plain = compilePlain<Context>(source, (question, path) => {
      const parsed = parsePath(path);
      scope.reads(parsed.field ?? 0);
      return (context) => answer(question, parsed, context, scope) as string | boolean;
    });
    if (plain === undefined) scope.reads(MOST_FIELDS);
    const here = plain ?? ((context) => holdsHere(holds, context, scope));
    const isOwn = names.size === 1 && names.has(scope.segment);
    return (context) =>
      isOwn && context.occurrence === 1 && scope.field === undefined
        ? (context.held[number] ??= here(context))
        : here(context);
  }

  #compile(source: string): Compiled {
    const known = this.#compiled.get(source);
    if (known !== undefined) return known;
    const holds = compileCondition(source);
    if (!/\bmessage\b/.test(source)) {
      const effect = holds(ANY) ? 'take when: out' : 'what it is for is never done, so take it out';
      throw new ConditionError('BAD_CONDITION', source, `is always ${String(holds(ANY))} (${effect})`);
    }
    const names = new Set(Array.from(source.matchAll(PATH), (match) => match[1] ?? match[2]!));
    names.delete('MSH');
    const compiled = { number: this.#compiled.size, holds, names };
    this.#compiled.set(source, compiled);
    return compiled;
  }
}

/** A condition that does not ask the message is the same for any. */
const ANY = Message.parse(Buffer.from('MSH|^~\\&|'));

/** Where a path begins in a condition: `"PID-3"`, `"PID[2]-3"`, or a whole segment as in `has("PID")`. */
const PATH = /["']([A-Z][A-Z0-9]{2})[-[]|\(\s*["']([A-Z][A-Z0-9]{2})["']/g;

/**
 * What a condition is told where the mapping is.
 *
 * @throws MappingError AMBIGUOUS_SEGMENT
 */
function answer(
  question: Question | 'texts',
  path: Path,
  context: Context,
  { segment, field }: Scope,
): string | boolean | string[] {
  if (path.segment === segment && !isNumbered(path)) {
    const isRepetition = field !== undefined && path.field === field && path.repetition === undefined;
    return answerOfSegment(question, path, isRepetition, context);
  }
  return context.once(`${question} ${path.source}`, () => {
    if (isNumbered(path) || context.isSingle(path.segment)) return context.message[question](path);
    throw context.ambiguous(path);
  });
}

/** By the interpreter, which is given a message that gives those answers. */
function holdsHere(holds: (message: Message) => boolean, context: Context, scope: Scope): boolean {
  let ambiguous: unknown;
  const asked = (question: Question | 'texts'): PropertyDescriptor => ({
    value: (path: string) => {
      try {
        return answer(question, parsePath(path), context, scope);
      } catch (error) {
        if (error instanceof MappingError) ambiguous = error;
        throw error;
      }
    },
  });
  const message = Object.create(context.message, {
    text: asked('text'),
    texts: asked('texts'),
    er7: asked('er7'),
    has: asked('has'),
    isNull: asked('isNull'),
  }) as Message;
  try {
    return holds(message);
  } catch (error) {
    throw ambiguous ?? error;
  }
}

function isNumbered({ source, segment }: Path): boolean {
  return source.startsWith(`${segment}[`);
}
