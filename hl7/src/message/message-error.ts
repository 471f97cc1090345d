/** What can be wrong with a message, or with what is to be written into one. */
export type MessageErrorCode =
  | 'NOT_HL7'
  | 'BAD_SEPARATORS'
  | 'BAD_SEGMENT'
  | 'TOO_MANY_SEGMENTS'
  | 'UNSUPPORTED_CHARSET'
  | 'BAD_CHARSET_CONTENT'
  | 'UNENCODABLE_TEXT'
  | 'NO_SEPARATOR'
  | 'BAD_ER7'
  | 'NOT_ACKNOWLEDGEMENT';

/** A message that can't be read or written. Its text names places (segment numbers, byte offsets), never values. */
export class MessageError extends Error {
  override readonly name = 'MessageError';

  constructor(
    readonly code: MessageErrorCode,
    message: string,
  ) {
    super(message);
  }
}
