import type { Message } from '../message/message.js';

/** What turns a message of the sender's dialect into one of the receiver's. */
export interface Mapping {
  readonly name: string;
  /**
   * @returns the message to send, in ER7, in the character set of the message it is made from
   * @throws MappingError when no right message can be made, ConditionError when a condition can't be evaluated on it, and
   *   MessageError when its separators or character set can't hold what is to be written: the message then goes to the
   *   dead letters
   */
  map(message: Message): Buffer;
}

/** A message that a mapping can't map. Its text says what was expected at the path, never what stood there. */
export class MappingError extends Error {
  override readonly name = 'MappingError';

  constructor(
    /** Stable, as `BAD_DATE_TIME`. */
    readonly code: string,
    /** The place in the message, as `MSH-7.1`. */
    readonly path: string,
    message: string,
  ) {
    super(message);
  }
}
