/** What a person makes of a dead letter before it is sent again: corrected fields, and the checks that hold for it. */
import type { PlannedFlow } from '@integration-hub/api';
import { Message, MessageDraft, MessageError, PathError } from '@integration-hub/hl7';
import type { CorrectedLetter, DeadLetter } from '@integration-hub/kafka';
import { compileAcceptance, compileAnyValidation, type Verdict } from '@integration-hub/workers';
import type { Change } from './api.js';
import { ConsoleError } from './console-error.js';

/** Compiled from the flow's checks, which are objects that change with the plan only. */
const compiled = new WeakMap<PlannedFlow['checks'], (bytes: Buffer) => Verdict>();

function judge(flow: PlannedFlow): (bytes: Buffer) => Verdict {
  const known = compiled.get(flow.checks);
  if (known !== undefined) return known;
  const made = compileAcceptance(flow.checks, compileAnyValidation(flow.checks.schema));
  compiled.set(flow.checks, made);
  return made;
}

/**
 * The letter as it is to be sent again: with the changes, and, where it goes to its flow as if it came anew, with the
 * key that the flow's listener would give it and through the flow's checks.
 *
 * @param flow of the letter; undefined where there is none any more
 * @param isAnew whether it goes to where the flow's listener writes
 * @throws ConsoleError BAD_REQUEST, CONFLICT with a sentence for a person; it holds no value of the message
 */
export function correctedLetter(
  letter: DeadLetter,
  changes: readonly Change[],
  flow: PlannedFlow | undefined,
  isAnew: boolean,
): CorrectedLetter {
  const options = flow === undefined ? {} : { charset: flow.checks.charset };
  const bytes = changes.length === 0 ? letter.bytes : changed(letter.bytes, changes, options);
  const paths = changes.map(({ path }) => path);
  if (!isAnew || flow === undefined) return { bytes, key: letter.key, paths };
  if (bytes.length > flow.checks.maxMessageBytes) {
    throw new ConsoleError('CONFLICT', `it is larger than the flow ${flow.name} takes`);
  }
  const { message, rejection } = judge(flow)(bytes);
  if (rejection !== undefined) {
    throw new ConsoleError('CONFLICT', `the flow ${flow.name} would refuse it: ${rejection.reason}`);
  }
  const text = flow.ordering.by === 'Field' ? message.er7(flow.ordering.path) : '';
  return { bytes, key: Buffer.from(text === '' ? flow.name : text), paths };
}

function changed(bytes: Buffer, changes: readonly Change[], options: { charset?: string }): Buffer {
  try {
    const draft = MessageDraft.from(Message.parse(bytes, options));
    for (const { path, value } of changes) draft.set(path, value);
    return draft.toBytes({ keepEmptyEnds: true });
  } catch (error) {
    if (error instanceof PathError || error instanceof MessageError) {
      throw new ConsoleError('BAD_REQUEST', error.message);
    }
    throw error;
  }
}
