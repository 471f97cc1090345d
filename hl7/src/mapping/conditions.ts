import { compileCondition } from '../condition.js';
import type { Message } from '../message/message.js';
import { parsePath, type Path } from '../message/path.js';
import type { Context } from './context.js';

/** What a condition is about besides the message: the segment that is being mapped, and for `[*]` its field. */
export interface Scope {
  readonly segment: string;
  readonly field: number | undefined;
}

export type Holds = (context: Context) => boolean;

interface Compiled {
  /** Its number among the conditions of the mapping. */
  readonly number: number;
  readonly holds: (message: Message) => boolean;
}

/** The conditions of one mapping, each compiled once and, where it can be, evaluated once a message. */
export class Conditions {
  readonly #compiled = new Map<string, Compiled>();

  /**
   * Compiles a condition. Paths in it that name the scope's segment without `[n]` are about the one that is being
   * mapped, and of those, paths that name its field without `[n]` about the repetition that is being mapped.
   *
   * @throws ConditionError BAD_CONDITION
   */
  compile(source: string, scope?: Scope): Holds {
    const { number, holds } = this.#compile(source);
    const ofMessage: Holds = (context) => (context.held[number] ??= holds(context.message));
    if (scope === undefined || !new RegExp(`\\b${scope.segment}\\b`).test(source)) return ofMessage;
    return (context) =>
      context.occurrence === 1 && scope.field === undefined
        ? ofMessage(context)
        : holds(narrowed(context, scope));
  }

  #compile(source: string): Compiled {
    const known = this.#compiled.get(source);
    if (known !== undefined) return known;
    const compiled = { number: this.#compiled.size, holds: compileCondition(source) };
    this.#compiled.set(source, compiled);
    return compiled;
  }
}

/** The same message to a condition, except that paths without `[n]` lead to the segment and the repetition at hand. */
function narrowed({ message, occurrence, repetition }: Context, { segment, field }: Scope): Message {
  const narrow = (source: string): Path => {
    const path = parsePath(source);
    if (path.segment !== segment || source.startsWith(`${segment}[`)) return path;
    const isHere = field !== undefined && path.field === field && path.repetition === undefined;
    return { ...path, occurrence, repetition: isHere ? repetition : path.repetition };
  };
  const method = (read: (path: Path) => unknown): PropertyDescriptor => ({
    value: (path: string) => read(narrow(path)),
  });
  return Object.create(message, {
    text: method((path) => message.text(path)),
    texts: method((path) => message.texts(path)),
    er7: method((path) => message.er7(path)),
    has: method((path) => message.has(path)),
    isNull: method((path) => message.isNull(path)),
  }) as Message;
}
