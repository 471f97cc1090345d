import hl7Dictionary, { type Field, type Particle, type Version } from 'hl7-dictionary';

/** A field of a segment or a component of a data type. */
export interface Part {
  readonly type: string;
  readonly required: boolean;
  /** How often it may occur; 0 without limit. */
  readonly max: number;
  readonly label: string;
  readonly length: number | undefined;
  /** Number of the HL7 table that its values are from. */
  readonly table: number | undefined;
}

/** One version of the HL7 v2 standard, as far as its schema sets need it. */
export interface Dictionary {
  structure(name: string): readonly Particle[];
  /** Fields by segment, in order. */
  segment(name: string): readonly Part[];
  /** Components by data type, in order; none for a simple type. */
  type(name: string): readonly Part[];
}

type Correction = Partial<Pick<Field, 'datatype' | 'opt' | 'rep'>>;

/** What hl7-dictionary 1.0.1 has wrong, or has right and no sender heeds, by version and place. */
const CORRECTIONS: Readonly<Record<string, Readonly<Record<string, Correction>>>> = {
  '2.3.1': {
    // Conditional (chapter 7): there need be no value at all.
    'OBX.2': { opt: 3 },
    'OBX.4': { opt: 3 },
    'TS.1': { datatype: 'DTM' },
  },
  '2.4': {
    'OBX.8': { rep: 5 },
    'OBX.16': { rep: 0 },
    'TS.1': { datatype: 'DTM' },
  },
  '2.5': {},
  '2.5.1': {
    // The number of its table stands in the column for repetitions.
    'OBX.2': { rep: 1 },
  },
};

const EVERY_VERSION: Readonly<Record<string, Correction>> = {
  // An NM in the standard; every practice in Wales has a code that begins with W there.
  'XON.3': { datatype: 'ST' },
  // NMs too; people write telephone numbers with spaces and brackets.
  'XTN.5': { datatype: 'ST' },
  'XTN.6': { datatype: 'ST' },
  'XTN.7': { datatype: 'ST' },
  'XTN.8': { datatype: 'ST' },
};

/** HL7 v2.3.1's TS has a second component (2.8.42), v2.4's too (2.9.47); the dictionary has it from v2.5 on. */
const DEGREE_OF_PRECISION: Field = { datatype: 'ID', desc: 'Degree of Precision', opt: 1, rep: 1 };

/** Reads a version (`2.5`) of the standard from hl7-dictionary, corrected. */
export function dictionary(version: string): Dictionary {
  const definitions = hl7Dictionary.definitions[version];
  const corrections = { ...EVERY_VERSION, ...CORRECTIONS[version] };
  if (definitions === undefined) throw new Error(`hl7-dictionary has no version ${version}`);

  const parts = (name: string, fields: readonly Field[]): Part[] =>
    fields.map((field, index) => {
      const { datatype, opt, rep, desc, len, table } = {
        ...field,
        ...corrections[`${name}.${index + 1}`],
      };
      return {
        type: datatype === 'VARIES' ? 'varies' : datatype,
        required: opt === 2,
        max: rep,
        label: desc,
        length: len,
        table,
      };
    });

  return {
    structure: (name) => structure(definitions, version, name),
    segment: (name) => parts(name, found(definitions.segments, name).fields),
    type(name) {
      if (name === 'varies' || name === 'DTM') return [];
      const { subfields } = found(definitions.fields, name);
      const lacks = name === 'TS' && subfields.length === 1;
      return parts(name, lacks ? [...subfields, DEGREE_OF_PRECISION] : subfields);
    },
  };
}

/** The values of an HL7 table with their meanings; none where the dictionary doesn't have the table. */
export function tableValues(table: number): readonly string[] {
  return Object.keys(hl7Dictionary.tables[String(table)]?.values ?? {});
}

function structure(definitions: Version, version: string, name: string): readonly Particle[] {
  const { segments } = found(definitions.messages, name).segments;
  // Up to v2.3.1 groups have no names of their own: HL7's v2.xml makes them from their segments (PIDPD1MRGPV1).
  return version !== '2.3.1' ? segments : segments.map(named);
}

function named(particle: Particle): Particle {
  if (particle.children === undefined) return particle;
  const children = particle.children.map(named);
  return { ...particle, name: children.map((child) => child.name).join(''), children };
}

function found<T>(from: Readonly<Record<string, T>>, name: string): T {
  const entry = from[name];
  if (entry === undefined) throw new Error(`hl7-dictionary has no ${name}`);
  return entry;
}
