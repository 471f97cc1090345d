import { compileCondition, ConditionError } from '../condition.js';
import { Message } from '../message/message.js';
import { parsePath, type Path } from '../message/path.js';
import { part } from '../message/separators.js';
import type { Context } from './context.js';
import { MappingError } from './mapping.js';
import { compilePlain, type Question } from './plain-condition.js';

/** What a condition is about besides the message: the segment that is being mapped, and for `[*]` its field. */
export interface Scope {
  readonly segment: string;
  readonly field: number | undefined;
  /** Is told the number of each field of that segment that is read by a rule, which is when its fields are known. */
  readonly reads?: (field: number) => void;
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
    const plain = compilePlain<Context>(source, (question, path) =>
      askHere(question, parsePath(path), scope),
    );
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

/** What answers a question about a path, where the mapping is. */
function askHere(question: Question, path: Path, scope: Scope): (context: Context) => string | boolean {
  const ask = (context: Context): string | boolean =>
    context.message[question](narrowed(path, context, scope));
  const { field, repetition = 1, component = 1, subcomponent = 1 } = path;
  const isKnown = path.segment === scope.segment && !isNumbered(path) && field !== undefined;
  if (
    question !== 'text' ||
    !isKnown ||
    scope.reads === undefined ||
    field === scope.field ||
    repetition === '*'
  ) {
    return ask;
  }
  // A text of the segment at hand, whose fields are known already.
  scope.reads(field);
  return (context) => {
    const { message, segment, separators } = context;
    const whole = part(segment.repetition(field, repetition), separators.component, component);
    const er7 = part(whole, separators.subcomponent, subcomponent);
    return separators.escape !== undefined && er7.includes(separators.escape)
      ? ask(context)
      : message.decode(er7);
  };
}

/** By the interpreter, which is given a message that answers as askHere does. */
function holdsHere(holds: (message: Message) => boolean, context: Context, scope: Scope): boolean {
  const { message } = context;
  let ambiguous: unknown;
  const method = (read: (path: Path) => unknown): PropertyDescriptor => ({
    value: (source: string) => {
      const path = parsePath(source);
      try {
        return read(narrowed(path, context, scope));
      } catch (error) {
        if (error instanceof MappingError) ambiguous = error;
        throw error;
      }
    },
  });
  try {
    return holds(
      Object.create(message, {
        text: method((path) => message.text(path)),
        texts: method((path) => message.texts(path)),
        er7: method((path) => message.er7(path)),
        has: method((path) => message.has(path)),
        isNull: method((path) => message.isNull(path)),
      }) as Message,
    );
  } catch (error) {
    throw ambiguous ?? error;
  }
}

/** @throws MappingError AMBIGUOUS_SEGMENT */
function narrowed(path: Path, context: Context, { segment, field }: Scope): Path {
  if (isNumbered(path)) return path;
  if (path.segment !== segment) {
    if (path.segment === 'MSH' || context.isSingle(path.segment)) return path;
    throw context.ambiguous(path);
  }
  const { occurrence, repetition } = context;
  const isHere = field !== undefined && path.field === field && path.repetition === undefined;
  if (occurrence === 1 && !isHere) return path;
  return { ...path, occurrence, repetition: isHere ? repetition : path.repetition };
}

function isNumbered({ source, segment }: Path): boolean {
  return source.startsWith(`${segment}[`);
}
