import type { CompositeType, DataType, Part, Particle, TextCheck, TextType } from './model.js';
import { SchemaError } from './schema-error.js';
import type { XmlNode } from './xml-tree.js';
import { compilePattern } from './xsd-pattern.js';
import { readXsd } from './xsd-tree.js';

export const HL7_NAMESPACE = 'urn:hl7-org:v2xml';
/** Of what stands in the XML of a message without being defined by HL7, and of notes in an XSD. */
export const ER7_NAMESPACE = 'urn:integration-hub:er7';

const XSD_NAMESPACE = 'http://www.w3.org/2001/XMLSchema';
const SEGMENT_NAME = /^[A-Z][A-Z0-9]{2}$/;

const ANY_TEXT: TextType = { kind: 'text', name: 'string', check: undefined, expected: 'any text' };

/** A declaration and the file that it stands in, for error texts. */
interface Declared {
  readonly node: XmlNode;
  readonly file: string;
}

/** A file's own declarations, by kind (`element`, `complexType`, `simpleType`, `group`) and name, and its includes. */
interface XsdFile {
  readonly declarations: ReadonlyMap<string, Declared>;
  readonly includes: readonly string[];
}

/**
 * The XSDs of a folder, read without libxml2's own idea of them. It knows the part of XSD in which HL7 v2.xml is
 * written and refuses all else, so that the compiled validator never lets through what it did not understand.
 */
export class XsdFolder {
  readonly #read = new Map<string, XsdFile>();

  /** @param files bytes by name */
  constructor(private readonly files: ReadonlyMap<string, Uint8Array>) {}

  /**
   * Reads the structure that `<name>.xsd` declares.
   *
   * @throws SchemaError SCHEMA_UNREADABLE or SCHEMA_UNSUPPORTED
   */
  structure(name: string): Structure {
    const reader = new StructureReader(this.#withIncludes(`${name}.xsd`));
    return reader.structure(name, `${name}.xsd`);
  }

  /** The values of all tables (simple types with enumerations) in the files named `*_tables.xsd`. */
  tables(): Map<string, ReadonlySet<string>> {
    const tables = new Map<string, ReadonlySet<string>>();
    for (const file of this.files.keys()) {
      if (!file.endsWith('_tables.xsd')) continue;
      const reader = new StructureReader(this.#file(file).declarations);
      for (const [key, { node }] of this.#file(file).declarations) {
        const values = key.startsWith('simpleType ')
          ? reader.text(attribute(node, 'name')!).check?.values
          : undefined;
        if (values !== undefined) tables.set(attribute(node, 'name')!, values);
      }
    }
    return tables;
  }

  #withIncludes(file: string): Map<string, Declared> {
    const declarations = new Map<string, Declared>();
    const seen = new Set<string>();
    const add = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      const { declarations: own, includes } = this.#file(name);
      for (const [key, declared] of own) declarations.set(key, declared);
      includes.forEach(add);
    };
    add(file);
    return declarations;
  }

  #file(name: string): XsdFile {
    const known = this.#read.get(name);
    if (known !== undefined) return known;
    const bytes = this.files.get(name);
    if (bytes === undefined)
      throw new SchemaError('SCHEMA_UNREADABLE', `${name} is included and is not there`);
    const file = readFile(name, readXsd(bytes, name));
    this.#read.set(name, file);
    return file;
  }
}

/** A message structure: what its root element may hold. */
export interface Structure {
  readonly name: string;
  readonly content: Particle;
  /** All segments that the structure names. */
  readonly segments: ReadonlyMap<string, CompositeType>;
  /** A data type of the set by name, for OBX-5; undefined when the set has no such type with components. */
  composite(name: string): CompositeType | undefined;
}

function readFile(file: string, root: XmlNode): XsdFile {
  if (root.name !== 'schema' || root.namespace !== XSD_NAMESPACE) {
    throw new SchemaError('SCHEMA_UNREADABLE', `${file} is no XSD: its root element is not xsd:schema`);
  }
  if (attribute(root, 'targetNamespace') !== HL7_NAMESPACE) {
    throw new SchemaError('SCHEMA_UNSUPPORTED', `${file}: its targetNamespace must be ${HL7_NAMESPACE}`);
  }
  if (attribute(root, 'elementFormDefault') !== 'qualified') {
    throw new SchemaError('SCHEMA_UNSUPPORTED', `${file}: elementFormDefault="qualified" is missing`);
  }
  const declarations = new Map<string, Declared>();
  const includes: string[] = [];
  for (const node of elements(root)) {
    if (node.name === 'include') includes.push(attribute(node, 'schemaLocation') ?? '');
    else if (['element', 'complexType', 'simpleType', 'group'].includes(node.name)) {
      declarations.set(`${node.name} ${attribute(node, 'name') ?? ''}`, { node, file });
    } else if (node.name !== 'attributeGroup') throw unsupported(node, file);
  }
  return { declarations, includes };
}

class StructureReader {
  readonly #types = new Map<string, DataType>();
  readonly #segments = new Map<string, CompositeType>();

  constructor(private readonly declarations: ReadonlyMap<string, Declared>) {}

  structure(name: string, file: string): Structure {
    const root = this.declarations.get(`element ${name}`);
    if (root === undefined) {
      throw new SchemaError('SCHEMA_UNREADABLE', `${file} does not declare the element ${name}`);
    }
    const content = this.#contentOf(root);
    return { name, content, segments: this.#segments, composite: (type) => this.#composite(type) };
  }

  /** A simple type by name. */
  text(name: string): TextType {
    const declared = this.declarations.get(`simpleType ${name}`);
    return declared === undefined ? ANY_TEXT : this.#simple(declared, name);
  }

  #composite(name: string): CompositeType | undefined {
    if (!this.declarations.has(`complexType ${name}`)) return undefined;
    const type = this.#named(name, name, '');
    return type.kind === 'composite' ? type : undefined;
  }

  /** What stands in the element of a structure or of a group. */
  #contentOf(element: Declared): Particle {
    const type = this.#complexTypeOf(element);
    const [particle, ...others] = content(type);
    if (particle === undefined || others.length > 0 || attribute(type.node, 'mixed') === 'true') {
      throw unsupported(type.node, type.file);
    }
    return this.#particle(particle, type.file);
  }

  #complexTypeOf({ node, file }: Declared): Declared {
    const inline = elements(node).find((child) => child.name === 'complexType');
    if (inline !== undefined) return { node: inline, file };
    const type = this.declarations.get(`complexType ${localName(attribute(node, 'type') ?? '')}`);
    if (type === undefined) throw unsupported(node, file);
    return type;
  }

  #particle(node: XmlNode, file: string): Particle {
    const min = Number(attribute(node, 'minOccurs') ?? 1);
    const maxOccurs = attribute(node, 'maxOccurs') ?? '1';
    const max = maxOccurs === 'unbounded' ? Infinity : Number(maxOccurs);
    switch (node.name) {
      case 'sequence':
      case 'choice':
        return { kind: node.name, items: elements(node).map((item) => this.#particle(item, file)), min, max };
      case 'any':
        checkWildcard(node, file);
        return { kind: 'any', min, max };
      case 'group': {
        const group = this.#referred('group', node, file);
        const items = elements(group.node).map((item) => this.#particle(item, group.file));
        return { kind: 'sequence', items, min, max };
      }
      case 'element': {
        const declared = this.#element(node, file);
        const name = attribute(declared.node, 'name') ?? '';
        if (SEGMENT_NAME.test(name))
          return { kind: 'segment', type: this.#segment(declared, name), min, max };
        return { kind: 'group', name, content: this.#contentOf(declared), min, max };
      }
      default:
        throw unsupported(node, file);
    }
  }

  #segment(declared: Declared, name: string): CompositeType {
    const known = this.#segments.get(name);
    if (known !== undefined) return known;
    const segment = this.#parts(name, this.#complexTypeOf(declared), name);
    this.#segments.set(name, segment);
    return segment;
  }

  /** The element that a particle declares or refers to. */
  #element(node: XmlNode, file: string): Declared {
    const declared =
      attribute(node, 'ref') === undefined ? { node, file } : this.#referred('element', node, file);
    for (const refused of ['default', 'fixed', 'abstract', 'substitutionGroup', 'form']) {
      if (attribute(declared.node, refused) !== undefined) throw unsupported(declared.node, declared.file);
    }
    return declared;
  }

  #referred(kind: 'element' | 'group', node: XmlNode, file: string): Declared {
    const declared = this.declarations.get(`${kind} ${localName(attribute(node, 'ref') ?? '')}`);
    if (declared === undefined) {
      throw new SchemaError(
        'SCHEMA_UNREADABLE',
        `${file}, line ${node.line}: refers to a ${kind} that is not there`,
      );
    }
    return declared;
  }

  /** The data type of a field's or component's element. */
  #typeOf({ node, file }: Declared): DataType {
    const name = attribute(node, 'type');
    if (name === undefined) {
      const inline = elements(node).find(
        (child) => child.name === 'complexType' || child.name === 'simpleType',
      );
      const place = attribute(node, 'name') ?? '';
      if (inline?.name === 'simpleType') return this.#simple({ node: inline, file }, place);
      return inline === undefined ? ANY_TEXT : this.#complex({ node: inline, file }, place);
    }
    return this.#named(name, file, String(node.line));
  }

  #named(qualified: string, file: string, line: string): DataType {
    const name = localName(qualified);
    const known = this.#types.get(name);
    if (known !== undefined) return known;
    const complex = this.declarations.get(`complexType ${name}`);
    const simple = this.declarations.get(`simpleType ${name}`);
    let type: DataType;
    if (complex !== undefined) type = this.#complex(complex, name);
    else if (simple !== undefined) type = this.#simple(simple, name);
    else if (name === 'string') type = ANY_TEXT;
    else {
      throw new SchemaError(
        'SCHEMA_UNSUPPORTED',
        `${file}, line ${line}: the type ${name} is neither declared nor xsd:string: use xsd:string with a pattern`,
      );
    }
    this.#types.set(name, type);
    return type;
  }

  #complex(declared: Declared, name: string): DataType {
    const { node, file } = declared;
    const [child, ...others] = content(declared);
    if (attribute(node, 'mixed') === 'true') {
      const [wildcard] = child === undefined ? [] : elements(child);
      const any = wildcard?.name === 'any' && attribute(wildcard, 'processContents') === 'skip';
      if (any && attribute(wildcard, 'namespace') === '##any') return { kind: 'any', name };
      throw unsupported(node, file);
    }
    if (child?.name === 'simpleContent' && others.length === 0) {
      const extension = extensionOf(child, file);
      return this.#named(attribute(extension, 'base') ?? '', file, String(extension.line));
    }
    if (child?.name === 'complexContent') {
      const extension = extensionOf(child, file);
      const own = content({ node: extension, file });
      if (own.length > 0) throw unsupported(extension, file);
      return this.#named(attribute(extension, 'base') ?? '', file, String(extension.line));
    }
    return this.#parts(name, declared, undefined);
  }

  /**
   * The fields of a segment or the components of a data type: a sequence of elements whose names end in their number.
   *
   * @param prefix what the names must begin with; undefined: whatever they do
   */
  #parts(name: string, declared: Declared, prefix: string | undefined): CompositeType {
    const parts: (Part | undefined)[] = [];
    const required: number[] = [];
    let open = false;
    const add = (node: XmlNode, file: string): void => {
      const once = attribute(node, 'minOccurs') === undefined && attribute(node, 'maxOccurs') === undefined;
      if (open) throw unsupported(node, file);
      if (node.name === 'any') {
        checkWildcard(node, file);
        if (attribute(node, 'minOccurs') !== '0' || attribute(node, 'maxOccurs') !== 'unbounded') {
          throw unsupported(node, file);
        }
        open = true;
      } else if (node.name === 'sequence' && once) {
        for (const item of elements(node)) add(item, file);
      } else if (node.name === 'group' && once) {
        const group = this.#referred('group', node, file);
        for (const item of elements(group.node)) add(item, group.file);
      } else if (node.name === 'element') {
        this.#addPart(node, file, parts, required, prefix);
      } else {
        throw unsupported(node, file);
      }
    };
    for (const node of content(declared)) add(node, declared.file);
    return { kind: 'composite', name, parts, required, open };
  }

  #addPart(
    node: XmlNode,
    file: string,
    parts: (Part | undefined)[],
    required: number[],
    prefix: string | undefined,
  ): void {
    const declared = this.#element(node, file);
    const name = attribute(declared.node, 'name') ?? '';
    const number = Number(/\.([1-9]\d{0,2})$/.exec(name)?.[1]);
    const min = attribute(node, 'minOccurs') ?? '1';
    const max = attribute(node, 'maxOccurs') ?? '1';
    const wellFormed =
      number > parts.length &&
      (prefix === undefined || name === `${prefix}.${number}`) &&
      /^[01]$/.test(min) &&
      (prefix !== undefined || max === '1');
    if (!wellFormed) throw unsupported(node, file);
    if (max === '0') return;
    parts.length = number;
    parts[number - 1] = {
      name,
      label: note(declared.node, 'label') ?? '',
      type: this.#typeOf(declared),
      max: max === 'unbounded' ? Infinity : Number(max),
      length: numberOf(note(declared.node, 'length')),
      table: note(declared.node, 'table'),
    };
    if (min === '1') required.push(number);
  }

  #simple(declared: Declared, name: string): TextType {
    const { node, file } = declared;
    const [restriction, ...others] = elements(node);
    if (restriction?.name !== 'restriction' || others.length > 0) throw unsupported(node, file);
    const base = this.#named(attribute(restriction, 'base') ?? '', file, String(restriction.line));
    if (base.kind !== 'text') throw unsupported(restriction, file);
    const check = checkOf(restriction, file, base.check);
    return { kind: 'text', name, check, expected: note(node, 'expected') ?? expectedOf(name, check) };
  }
}

/** The conditions of a restriction and its base. */
function checkOf(restriction: XmlNode, file: string, base: TextCheck | undefined): TextCheck | undefined {
  const patterns: string[] = [];
  const values = new Set<string>();
  let minLength = base?.minLength ?? 0;
  let maxLength = base?.maxLength ?? Infinity;
  for (const facet of elements(restriction)) {
    const value = attribute(facet, 'value') ?? '';
    if (facet.name === 'pattern') patterns.push(value);
    else if (facet.name === 'enumeration') values.add(value);
    else if (facet.name === 'minLength') minLength = Number(value);
    else if (facet.name === 'maxLength') maxLength = Number(value);
    else if (facet.name === 'length') minLength = maxLength = Number(value);
    else throw unsupported(facet, file);
  }
  const place = `${file}, line ${restriction.line}`;
  // Patterns of one restriction are alternatives; those of its base must match as well.
  const own = patterns.map((pattern) => compilePattern(pattern, place).source);
  const check = {
    patterns: [...(base?.patterns ?? []), ...(own.length === 0 ? [] : [new RegExp(own.join('|'), 'u')])],
    minLength,
    maxLength,
    values: values.size > 0 ? values : base?.values,
  };
  const free = check.patterns.length === 0 && minLength === 0 && maxLength === Infinity;
  return free && check.values === undefined ? undefined : check;
}

function expectedOf(name: string, check: TextCheck | undefined): string {
  if (check === undefined) return 'any text';
  if (check.values !== undefined) return `one of the values of ${name}`;
  if (check.patterns.length > 0) return `a text of the form of ${name}`;
  const { minLength, maxLength } = check;
  return maxLength === Infinity
    ? `at least ${minLength} characters`
    : `${minLength} to ${maxLength} characters`;
}

/** The particles and content models of a type, without its attributes. */
function content({ node, file }: Declared): XmlNode[] {
  return elements(node).filter((child) => {
    if (child.name === 'attribute' && attribute(child, 'use') === 'required') throw unsupported(child, file);
    return !['attribute', 'attributeGroup', 'anyAttribute'].includes(child.name);
  });
}

function extensionOf(node: XmlNode, file: string): XmlNode {
  const [extension, ...others] = elements(node);
  if (extension?.name !== 'extension' || others.length > 0) throw unsupported(node, file);
  return extension;
}

function checkWildcard(node: XmlNode, file: string): void {
  const namespace = attribute(node, 'namespace');
  if (namespace !== '##other' && namespace !== ER7_NAMESPACE) throw unsupported(node, file);
  const process = attribute(node, 'processContents');
  if (process !== 'lax' && process !== 'skip') throw unsupported(node, file);
}

function elements(node: XmlNode): XmlNode[] {
  return node.children.filter(
    (child): child is XmlNode => typeof child === 'object' && 'name' in child && child.name !== 'annotation',
  );
}

function attribute(node: XmlNode, name: string): string | undefined {
  return node.attributes.get(name);
}

function note(node: XmlNode, name: string): string | undefined {
  return node.attributes.get(`${ER7_NAMESPACE} ${name}`);
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function localName(qualified: string): string {
  return qualified.slice(qualified.indexOf(':') + 1);
}

function unsupported(node: XmlNode, file: string): SchemaError {
  return new SchemaError(
    'SCHEMA_UNSUPPORTED',
    `${file}, line ${node.line}: <${node.name}> is written in a way that the compiled validator doesn't know. ` +
      'Write it as the generated sets do',
  );
}
