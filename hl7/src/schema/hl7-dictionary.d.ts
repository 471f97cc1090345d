/** The npm package has no types of its own; these are the parts that the generator of the schema sets reads. */
declare module 'hl7-dictionary' {
  export interface Field {
    datatype: string;
    desc: string;
    /** 1 optional, 2 required, 3 conditional. */
    opt: number;
    /** How often it may occur; 0 without limit. */
    rep: number;
    len?: number;
    table?: number;
  }

  export interface Particle {
    name: string;
    min: number;
    /** How often it may occur; 0 without limit. */
    max: number;
    /** Only groups have them. */
    children?: Particle[];
  }

  export interface Version {
    fields: Record<string, { desc: string; subfields: Field[] }>;
    segments: Record<string, { desc: string; fields: Field[] }>;
    messages: Record<string, { desc: string; segments: { segments: Particle[] } }>;
  }

  const dictionary: {
    definitions: Record<string, Version>;
    tables: Record<string, { desc: string; values?: Record<string, string> }>;
  };
  export default dictionary;
}
