export type SchemaErrorCode =
  /** No such folder, or no schema set of that name. */
  | 'SET_UNKNOWN'
  /** The set has no such structure, or the message doesn't say which it has. */
  | 'STRUCTURE_UNKNOWN'
  /** A file of the set that is no XSD, or that libxml2 refuses. */
  | 'SCHEMA_UNREADABLE'
  /** An XSD that uses what the compiled validator doesn't know. */
  | 'SCHEMA_UNSUPPORTED'
  /** XML that is not well formed, or no HL7 v2.xml message. */
  | 'BAD_XML'
  /** A message that XML can't hold, or XML that ER7 can't. */
  | 'NOT_CONVERTIBLE';

/** A schema set that can't be used, or a conversion that can't be made. Never shows the value of a field. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';

  constructor(
    readonly code: SchemaErrorCode,
    message: string,
    /** For NOT_CONVERTIBLE, where in the message it is: position of the segment, from 0, and number of the field. */
    readonly place?: { readonly segmentIndex: number; readonly field: number },
  ) {
    super(message);
  }
}
