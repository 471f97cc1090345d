/** A part of a mapping that can't be compiled. Its text says what is wrong and what to write instead. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError';
  readonly code = 'BAD_MAPPING';
}
