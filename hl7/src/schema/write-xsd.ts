import type { Particle } from 'hl7-dictionary';
import { dictionary, type Dictionary, type Part, tableValues } from './dictionary.js';
import { type FlowSet, STANDARD_TEXTS, type TextType } from './flow-sets.js';

const OPENING =
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  '<!-- Made by hl7/src/schema/generate-sets.ts from hl7-dictionary (MIT): change flow-sets.ts there, not this. -->\n' +
  '<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns="urn:hl7-org:v2xml"\n' +
  '    xmlns:er7="urn:integration-hub:er7" targetNamespace="urn:hl7-org:v2xml" elementFormDefault="qualified">\n';

/** What HL7 does not define: segments that begin with Z, fields after a segment's last, components after a type's. */
const BEYOND = '<xsd:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>';

/**
 * The files of one schema set by name: HL7 v2.xml (ANSI/HL7 V2 XML R2) for the set's structures, with only the
 * segments, fields and types that they reach.
 */
export function writeSet(set: FlowSet): Map<string, string> {
  const source = dictionary(set.version);
  const prefix = set.version.replaceAll('.', '_');
  const texts = { ...STANDARD_TEXTS, ...set.texts };
  const segments = new Set<string>();
  const files = new Map<string, string>();

  for (const [name, original] of Object.entries(set.structures)) {
    const particles = adapted(source.structure(original), name, set);
    collectSegments(particles, segments);
    files.set(`${name}.xsd`, document([include(`${prefix}_segments`), ...structure(name, particles)]));
  }
  const ordered = [...segments].sort();
  const types = reachedTypes(ordered, source);
  const tables = new Set<number>();

  const segmentLines = ordered.flatMap((name) => segment(name, source.segment(name)));
  files.set(`${prefix}_segments.xsd`, document([include(`${prefix}_fields`), ...segmentLines]));

  const specialTypes: string[] = [];
  const fieldLines = ordered.flatMap((name) =>
    source.segment(name).map((part, index) => {
      const place = `${name}.${index + 1}`;
      const special = set.fields?.[place];
      if (special === undefined) return `<xsd:element name="${place}" ${attributes(part, tables)}/>`;
      const type = `${part.type}.${place}`;
      specialTypes.push(...composite(type, part.type, source.type(part.type), tables, special));
      return `<xsd:element name="${place}" ${attributes({ ...part, type }, tables)}/>`;
    }),
  );
  files.set(`${prefix}_fields.xsd`, document([include(`${prefix}_types`), ...fieldLines]));

  const typeLines = types.flatMap((name) => {
    if (name === 'varies') return VARIES;
    const parts = source.type(name);
    return parts.length === 0 ? simple(name, texts[name]) : composite(name, name, parts, tables, {});
  });
  files.set(`${prefix}_types.xsd`, document([...typeLines, ...specialTypes]));
  files.set(`${prefix}_tables.xsd`, document([...tables].sort((a, b) => a - b).flatMap(table)));
  return files;
}

function document(lines: readonly string[]): string {
  return `${OPENING}${lines.map((line) => `  ${line}\n`).join('')}</xsd:schema>\n`;
}

function include(file: string): string {
  return `<xsd:include schemaLocation="${file}.xsd"/>`;
}

/** The particles of a structure with what the flow changes in it. */
function adapted(particles: readonly Particle[], structureName: string, set: FlowSet): Particle[] {
  const inserted = set.inserted?.[structureName] ?? {};
  const changed = particles.flatMap((particle): Particle[] => {
    if (particle.children !== undefined) {
      return [{ ...particle, children: adapted(particle.children, structureName, set) }];
    }
    const after = inserted[particle.name];
    return after === undefined ? [particle] : [particle, { name: after, min: 0, max: 0 }];
  });
  const visit = changed.findIndex((particle) => particle.name === 'PV1');
  if (visit !== -1 && set.optionalVisit?.includes(structureName)) {
    // A group, because XSD allows no second ROL* that could be meant where PV1 and PV2 are absent.
    const children = changed.slice(visit, visit + 3).map((particle) => ({ ...particle, min: 0 }));
    changed.splice(visit, 3, { name: 'VISIT', min: 0, max: 1, children });
  }
  return changed;
}

function collectSegments(particles: readonly Particle[], into: Set<string>): void {
  for (const { name, children } of particles) {
    if (children === undefined) into.add(name);
    else collectSegments(children, into);
  }
}

function reachedTypes(segments: readonly string[], source: Dictionary): string[] {
  const reached = new Set<string>();
  const reach = (parts: readonly Part[]): void => {
    for (const { type } of parts) {
      if (reached.has(type)) continue;
      reached.add(type);
      reach(source.type(type));
    }
  };
  for (const name of segments) reach(source.segment(name));
  return [...reached].sort();
}

function structure(name: string, particles: readonly Particle[]): string[] {
  const groups: string[] = [];
  const contentOf = (element: string, children: readonly Particle[]): void => {
    const lines = children.map((child) => {
      if (child.children === undefined)
        return `<xsd:group ref="${child.name}"${occurs(child.min, child.max)}/>`;
      const group = `${name}.${child.name}`;
      contentOf(group, child.children);
      return `<xsd:element name="${group}" type="${group}.CONTENT"${occurs(child.min, child.max)}/>`;
    });
    groups.push(...complexType(`${element}.CONTENT`, lines));
  };
  contentOf(name, particles);
  return [`<xsd:element name="${name}" type="${name}.CONTENT"/>`, ...groups];
}

/** A segment as an element, and as a group: itself and the Z segments that may follow it. */
function segment(name: string, fields: readonly Part[]): string[] {
  const refs = fields.map((part, index) => {
    return `<xsd:element ref="${name}.${index + 1}"${occurs(part.required ? 1 : 0, part.max)}/>`;
  });
  return [
    `<xsd:group name="${name}"><xsd:sequence><xsd:element ref="${name}"/>${BEYOND}</xsd:sequence></xsd:group>`,
    `<xsd:element name="${name}" type="${name}.CONTENT"/>`,
    ...complexType(`${name}.CONTENT`, [...refs, BEYOND]),
  ];
}

/** A data type with components. All are optional: the standard's required ones are left out by many real senders. */
function composite(
  name: string,
  prefix: string,
  parts: readonly Part[],
  tables: Set<number>,
  special: Readonly<Record<string, TextType>>,
): string[] {
  const specialTypes: string[] = [];
  const elements = parts.map((part, index) => {
    const place = `${prefix}.${index + 1}`;
    const text = special[place];
    let type = part.type;
    if (text !== undefined) {
      type = `${name}.${index + 1}`;
      specialTypes.push(...simple(type, text));
    }
    return `<xsd:element name="${place}" ${attributes({ ...part, type }, tables)} minOccurs="0"/>`;
  });
  return [...complexType(name, [...elements, BEYOND]), ...specialTypes];
}

function complexType(name: string, content: readonly string[]): string[] {
  return [
    `<xsd:complexType name="${name}"><xsd:sequence>`,
    ...content.map((line) => `  ${line}`),
    '</xsd:sequence></xsd:complexType>',
  ];
}

function simple(name: string, text: TextType | undefined): string[] {
  if (text === undefined) {
    return [`<xsd:simpleType name="${name}"><xsd:restriction base="xsd:string"/></xsd:simpleType>`];
  }
  return [
    `<xsd:simpleType name="${name}" er7:expected="${escaped(text.expected)}"><xsd:restriction base="xsd:string">`,
    ...text.patterns.map((pattern) => `  <xsd:pattern value="${escaped(pattern)}"/>`),
    '</xsd:restriction></xsd:simpleType>',
  ];
}

/** The type of OBX-5: whatever OBX-2 says. */
const VARIES = [
  '<xsd:complexType name="varies" mixed="true"><xsd:sequence>',
  '  <xsd:any namespace="##any" processContents="skip" minOccurs="0" maxOccurs="unbounded"/>',
  '</xsd:sequence></xsd:complexType>',
];

function table(number: number): string[] {
  return [
    `<xsd:simpleType name="${tableName(number)}"><xsd:restriction base="xsd:string">`,
    ...tableValues(number).map((value) => `  <xsd:enumeration value="${escaped(value)}"/>`),
    '</xsd:restriction></xsd:simpleType>',
  ];
}

function attributes(part: Part, tables: Set<number>): string {
  let text = `type="${part.type}" er7:label="${escaped(part.label)}"`;
  if (part.length !== undefined) text += ` er7:length="${part.length}"`;
  const coded = part.type === 'ID' || part.type === 'IS';
  if (coded && part.table !== undefined && tableValues(part.table).length > 0) {
    tables.add(part.table);
    text += ` er7:table="${tableName(part.table)}"`;
  }
  return text;
}

function tableName(number: number): string {
  return `HL7${String(number).padStart(4, '0')}`;
}

function occurs(min: number, max: number): string {
  const least = min === 1 ? '' : ` minOccurs="${min}"`;
  return least + (max === 1 ? '' : ` maxOccurs="${max === 0 ? 'unbounded' : max}"`);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
