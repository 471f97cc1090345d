import { compileCondition, ConditionError } from '../condition.js';
import { Message } from '../message/message.js';
import { parsePath, type Path } from '../message/path.js';
import type { Context } from './context.js';
import type { MappingError } from './mapping.js';

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
    const ofMessage: Holds = (context) => (context.held[number] ??= holds(context.message));
    if (scope === undefined || names.size === 0) return ofMessage;
    const isOwn = names.size === 1 && names.has(scope.segment);
    return (context) =>
      isOwn && context.occurrence === 1 && scope.field === undefined
        ? ofMessage(context)
        : holdsHere(holds, context, scope);
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

function holdsHere(holds: (message: Message) => boolean, context: Context, scope: Scope): boolean {
  let ambiguous: MappingError | undefined;
  const narrow = (source: string): Path => {
    const path = narrowed(parsePath(source), context, scope);
    if (path.segment === scope.segment || isNumbered(path) || context.isSingle(path.segment)) return path;
    throw (ambiguous = context.ambiguous(path));
  };
  try {
    return holds(seenThrough(narrow, context.message));
  } catch (error) {
    throw ambiguous ?? error;
  }
}

function narrowed(path: Path, { occurrence, repetition }: Context, { segment, field }: Scope): Path {
  if (path.segment !== segment || isNumbered(path)) return path;
  const isHere = field !== undefined && path.field === field && path.repetition === undefined;
  return { ...path, occurrence, repetition: isHere ? repetition : path.repetition };
}

function isNumbered({ source, segment }: Path): boolean {
  return source.startsWith(`${segment}[`);
}

/** The same message to a condition, but for the paths that it asks for. */
function seenThrough(narrow: (source: string) => Path, message: Message): Message {
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
