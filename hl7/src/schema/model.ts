/**
 * A schema set as the compiled validator and the conversion to XML see it: what its XSDs say, without XML.
 */

/** What one text must be. All conditions hold at once; the empty text is subject to them too. */
export interface TextCheck {
  /** Each must match the whole text. */
  readonly patterns: readonly RegExp[];
  /** In characters (Unicode code points). */
  readonly minLength: number;
  readonly maxLength: number;
  readonly values: ReadonlySet<string> | undefined;
}

/** A data type that is one text: never split. */
export interface TextType {
  readonly kind: 'text';
  readonly name: string;
  /** Undefined when any text will do. */
  readonly check: TextCheck | undefined;
  /** What is expected, for people, as in "a number". */
  readonly expected: string;
}

/** A data type with components, or a segment with fields. */
export interface CompositeType {
  readonly kind: 'composite';
  readonly name: string;
  /** Component or field n is `parts[n - 1]`; undefined where the set has none of that number. */
  readonly parts: readonly (Part | undefined)[];
  /** Numbers of the parts that must hold a value. */
  readonly required: readonly number[];
  /** Whether there may be parts after the last (`xsd:any` at the end). */
  readonly open: boolean;
}

/** A data type that isn't checked at all, as in OBX-5. */
export interface AnyType {
  readonly kind: 'any';
  readonly name: string;
}

export type DataType = TextType | CompositeType | AnyType;

/** A field or a component. */
export interface Part {
  /** As in XML: `PID.7`, `CX.4`. */
  readonly name: string;
  /** As in the standard: `Date/Time of Birth`; '' when the set doesn't say. */
  readonly label: string;
  readonly type: DataType;
  /** How often it may occur; Infinity without limit. */
  readonly max: number;
  /** The standard's greatest length in characters, separators included. */
  readonly length: number | undefined;
  /** Name of the table that its values are from: `HL70001`. */
  readonly table: string | undefined;
}

/** What may stand in a structure or in a group of segments. */
export type Particle =
  | { readonly kind: 'segment'; readonly type: CompositeType; readonly min: number; readonly max: number }
  /** Segments that the set doesn't name: those that begin with Z. */
  | { readonly kind: 'any'; readonly min: number; readonly max: number }
  | {
      readonly kind: 'sequence' | 'choice';
      readonly items: readonly Particle[];
      readonly min: number;
      readonly max: number;
    }
  | {
      readonly kind: 'group';
      /** Name of the group's element: `ADT_A39.PATIENT`. */
      readonly name: string;
      readonly content: Particle;
      readonly min: number;
      readonly max: number;
    };
