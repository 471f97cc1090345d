import { type ASTNode, Environment, EvaluationError, ParseError, TypeError } from '@marcbachmann/cel-js';
import { isDate } from './calendar.js';
import { Message } from './message/message.js';
import { PathError } from './message/path.js';

/** A condition that can't be understood (BAD_CONDITION), or that failed on a message (CONDITION_FAILED). */
export class ConditionError extends Error {
  override readonly name = 'ConditionError';

  constructor(
    readonly code: 'BAD_CONDITION' | 'CONDITION_FAILED',
    /** The condition as it was written. */
    readonly source: string,
    problem: string,
  ) {
    super(`The condition ${problem}: ${source}`);
  }
}

type Method = (message: Message, path: string) => string | string[] | boolean;

/** The methods of `message` in a condition: their CEL types, and what they call. */
const methods = new Map<string, readonly [returns: string, call: Method]>([
  ['text', ['string', (message, path) => message.text(path)]],
  ['texts', ['list<string>', (message, path) => message.texts(path)]],
  ['er7', ['string', (message, path) => message.er7(path)]],
  ['has', ['bool', (message, path) => message.has(path)]],
  ['isNull', ['bool', (message, path) => message.isNull(path)]],
]);

const environment = new Environment()
  .registerType('Message', { ctor: Message, fields: {} })
  .registerVariable('message', 'Message')
  .registerFunction('isDate(string): bool', isDate);
for (const [name, [returns, call]] of methods) {
  environment.registerFunction(`Message.${name}(string): ${returns}`, call);
}

/** A message to try literal paths on, so that a wrong one shows when the condition is compiled. */
const trial = Message.parse(Buffer.from('MSH|^~\\&|'));

/**
 * Compiles a condition in CEL (Common Expression Language). It may use `message.text("PID-7")`,
 * `message.texts("PID-3[*].4.1")`, `message.er7(…)`, `message.has(…)` and `message.isNull(…)`, which are the methods of
 * Message, and `isDate("20260304")`.
 *
 * @returns a function that throws ConditionError CONDITION_FAILED, without any value of the message, when an operation
 *   fails on it (a text that is no number, an index past the end)
 * @throws ConditionError BAD_CONDITION for a syntax error, a type error, an unknown name, a wrong path, or a condition
 *   that does not give a bool
 */
export function compileCondition(source: string): (message: Message) => boolean {
  const bad = (problem: string): ConditionError => new ConditionError('BAD_CONDITION', source, problem);
  const compiled = parse(source, bad);
  const { valid, type, error } = compiled.check();
  if (!valid) throw bad(wrong(error));
  if (type !== 'bool') throw bad(`gives ${type ?? 'nothing'} where true or false is wanted`);
  for (const [method, path] of literalPaths(compiled.ast)) {
    try {
      method(trial, path);
    } catch (failure) {
      throw bad(`is wrong (${(failure as Error).message})`);
    }
  }
  return (message) => {
    try {
      return compiled({ message }) as boolean;
    } catch (failure) {
      // Not the failure's own text: it may hold what the message holds.
      const coded = failure instanceof EvaluationError || failure instanceof PathError;
      const reason = coded ? failure.code : 'unexpected error';
      throw new ConditionError('CONDITION_FAILED', source, `failed on this message (${reason})`);
    }
  };
}

function parse(
  source: string,
  bad: (problem: string) => ConditionError,
): ReturnType<typeof environment.parse> {
  try {
    return environment.parse(source);
  } catch (error) {
    throw bad(wrong(error));
  }
}

function wrong(error: unknown): string {
  if (!(error instanceof ParseError || error instanceof TypeError)) return 'is wrong';
  const place = error.range === undefined ? '' : ` at character ${error.range.start + 1}`;
  return `is wrong${place} (${error.summary})`;
}

/** Every call of a method of `message` with a literal path, as the method and the path. */
function literalPaths(node: unknown): [Method, string][] {
  if (Array.isArray(node)) return node.flatMap(literalPaths);
  if (!isNode(node)) return [];
  const within = literalPaths(node.args);
  if (node.op !== 'rcall') return within;
  const [name, , [path]] = node.args;
  const method = methods.get(name)?.[1];
  if (method === undefined || path?.op !== 'value' || typeof path.args !== 'string') return within;
  return [[method, path.args], ...within];
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}
