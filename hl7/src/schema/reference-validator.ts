import {
  type ErrorDetail,
  ParseOption,
  XmlBufferInputProvider,
  XmlDocument,
  xmlRegisterInputProvider,
  XmlValidateError,
  XsdValidator,
} from 'libxml2-wasm';
import type { Message } from '../message/message.js';
import { type Finding, Findings, MOST_FINDINGS, NO_CONTROL_CHARACTERS } from './finding.js';
import type { CompositeType } from './model.js';
import type { Structure } from './read-xsd.js';
import { SchemaError } from './schema-error.js';
import type { SchemaSet } from './schema-set.js';
import { toXml } from './to-xml.js';

/** The only files that libxml2 can open: those of a set while one of its structures is compiled. */
const openable = new XmlBufferInputProvider({});
xmlRegisterInputProvider(openable);

/** Our own XML: it has no DTD, and a great message has more text than libxml2 takes from strangers. */
const OPTION = (ParseOption.XML_PARSE_NONET |
  ParseOption.XML_PARSE_BIG_LINES |
  ParseOption.XML_PARSE_HUGE) as ParseOption;

const ELEMENT = /^Element '(?:\{[^}']*\})?([^']*)': /;

/** Where a line of XML that `toXml` wrote belongs in the message. */
interface LinePlace {
  readonly segmentIndex: number;
  readonly field: number | undefined;
  readonly repetition: number;
}

/**
 * The reference for validation: the message as XML, validated by libxml2 on the XSDs of its set. (Only a message in
 * which the compiled validator finds MOST_FINDINGS errors is left to that.) It holds memory outside the JavaScript
 * heap: dispose of it when it is done with.
 */
export class ReferenceValidator {
  readonly #validators = new Map<string, XsdValidator>();

  constructor(private readonly set: SchemaSet) {}

  /**
   * All that libxml2 finds wrong with a message: of segments and fields that are out of order, the first in each
   * group and segment.
   *
   * @throws SchemaError STRUCTURE_UNKNOWN; SCHEMA_UNREADABLE with libxml2's words when it refuses the schema
   */
  validate(message: Message): readonly Finding[] {
    const { structure, validator } = this.set.load(this.set.structureOf(message));
    // libxml2 finds the path of each error by counting the elements before it: thousands would take minutes.
    const errors = validator.validate(message).filter((finding) => finding.severity === 'error');
    if (errors.length === MOST_FINDINGS) return errors;
    let xml: string;
    try {
      xml = toXml(message, this.set);
    } catch (error) {
      if (error instanceof SchemaError && error.place !== undefined)
        return notXml(message, structure.name, error.place);
      throw error;
    }
    const details = this.#validate(xml, structure.name);
    if (details.length === 0) return [];
    const interpreter = new Interpreter(message, structure, xml);
    for (const detail of details.slice(0, MOST_FINDINGS)) interpreter.add(detail);
    return interpreter.findings.list;
  }

  dispose(): void {
    for (const validator of this.#validators.values()) validator.dispose();
    this.#validators.clear();
  }

  #validate(xml: string, structure: string): readonly ErrorDetail[] {
    const validator = this.#validatorOf(structure);
    const document = XmlDocument.fromString(xml, { option: OPTION });
    try {
      validator.validate(document);
      return [];
    } catch (error) {
      if (error instanceof XmlValidateError) return error.details;
      throw error;
    } finally {
      document.dispose();
    }
  }

  #validatorOf(structure: string): XsdValidator {
    const known = this.#validators.get(structure);
    if (known !== undefined) return known;
    const { name, files } = this.set;
    const url = (file: string): string => `schema-set/${name}/${file}`;
    for (const [file, bytes] of files) openable.addBuffer(url(file), bytes);
    const file = `${structure}.xsd`;
    const document = XmlDocument.fromBuffer(files.get(file)!, { url: url(file) });
    try {
      const validator = XsdValidator.fromDoc(document);
      this.#validators.set(structure, validator);
      return validator;
    } catch (error) {
      const reason = error instanceof Error ? error.message.trim() : '';
      throw new SchemaError('SCHEMA_UNREADABLE', `Schema set ${name}, ${file}: libxml2 says: ${reason}`);
    } finally {
      document.dispose();
      for (const file of files.keys()) openable.removeBuffer(url(file));
    }
  }
}

/**
 * The place of each line. `toXml` begins one for each group, segment and repetition of a field; a group's place is
 * that of its first segment, and where it ends that of its last.
 */
function placesOf(lines: readonly string[]): LinePlace[] {
  let tag = '';
  let segmentIndex = -1;
  let place: LinePlace = { segmentIndex, field: undefined, repetition: 1 };
  return lines.map((line) => {
    const [, segment, number] = /^<(?:er7:)?([A-Z][A-Z0-9]{2})(?:\.(\d+))?>/.exec(line) ?? [];
    if (segment === undefined) {
      const next = line.startsWith('</') ? segmentIndex : segmentIndex + 1;
      return { segmentIndex: next, field: undefined, repetition: 1 };
    }
    if (number === undefined) segmentIndex++;
    const again = number !== undefined && tag === `${segment}.${number}`;
    tag = number === undefined ? '' : `${segment}.${number}`;
    const field = number === undefined ? undefined : Number(number);
    place = { segmentIndex, field, repetition: again ? place.repetition + 1 : 1 };
    return place;
  });
}

/** Says in our words what libxml2 says; its own may show values. */
class Interpreter {
  readonly findings: Findings;
  readonly #lines: readonly string[];
  readonly #places: readonly LinePlace[];

  constructor(
    private readonly message: Message,
    private readonly structure: Structure,
    xml: string,
  ) {
    this.findings = new Findings(message, structure.name);
    this.#lines = xml.split('\n');
    this.#places = placesOf(this.#lines);
  }

  add({ message: text, line }: ErrorDetail): void {
    const [prefix, element] = ELEMENT.exec(text) ?? ['', this.structure.name];
    const problem = text.slice(prefix.length);
    // A segment that may hold nothing is wrong at its first field, on the next line.
    const holdsNothing = /^(?:Element|Character) content is not allowed/.test(problem);
    const place = this.#places[holdsNothing ? line : line - 1]!;
    const missing = problem.startsWith('Missing child element');
    const unexpected = holdsNothing || problem.startsWith('This element is not expected');
    const isSegment = this.message.segments()[place.segmentIndex]?.name === element;
    if (missing && place.field === undefined && !isSegment) {
      const end = this.#lines.indexOf(`</${element}>`, line);
      const expected = expectedNames(problem).at(-1) ?? '';
      this.findings.segmentMissing(expected, (this.#places[end] ?? place).segmentIndex);
    } else if (unexpected && place.field === undefined) {
      this.findings.segmentUnexpected('SEGMENT_UNEXPECTED', place.segmentIndex, expectedNames(problem));
    } else {
      this.#addField(element, problem, place, missing, unexpected);
    }
  }

  #addField(element: string, problem: string, place: LinePlace, missing: boolean, unexpected: boolean): void {
    const { segmentIndex, field = 0, repetition } = place;
    const { name } = this.message.segments()[segmentIndex]!;
    const number = numberOf(element);
    const aboutField = element === name || (!missing && element === `${name}.${field}`);
    const at = { field, repetition, component: aboutField ? undefined : number, subcomponent: undefined };
    const wanted = expectedNames(problem).at(-1) ?? '';
    const required = numberOf(wanted);
    const type = this.structure.segments.get(name);
    if (missing || (unexpected && required < number && isRequired(type, wanted))) {
      const there = aboutField ? { ...at, field: required, repetition: 1 } : { ...at, component: required };
      this.findings.valueMissing(segmentIndex, there, '');
    } else if (unexpected && aboutField && repetition > 1) {
      this.findings.field('error', 'FIELD_REPEATED', segmentIndex, at, 'fewer values', 'occurs too often');
    } else if (unexpected) {
      this.findings.field('error', 'NOT_ALLOWED', segmentIndex, at, 'nothing', 'is not in the schema set');
    } else {
      const expected = expectedOf(type, element) ?? 'a value of its type';
      this.findings.field('error', 'VALUE_INVALID', segmentIndex, at, expected, `not ${expected}`);
    }
  }
}

function notXml(
  message: Message,
  structure: string,
  place: { segmentIndex: number; field: number },
): readonly Finding[] {
  const findings = new Findings(message, structure);
  const { segmentIndex, field } = place;
  const at = { field, repetition: 1, component: undefined, subcomponent: undefined };
  findings.field(
    'error',
    'CHARACTER_INVALID',
    segmentIndex,
    at,
    NO_CONTROL_CHARACTERS.expected,
    NO_CONTROL_CHARACTERS.text,
  );
  return findings.list;
}

/** What libxml2 expects: `Expected is one of ( {urn:hl7-org:v2xml}PV1, … ).` */
function expectedNames(problem: string): string[] {
  const list = /Expected is (?:one of )?\( (.*) \)\.\s*$/.exec(problem)?.[1] ?? '';
  return list
    .split(', ')
    .flatMap((each) => (each === '' || each.includes('*') ? [] : each.replace(/^\{.*\}/, '')));
}

function numberOf(element: string): number {
  return Number(/\d+$/.exec(element)?.[0] ?? 0);
}

/** Whether a type requires a part of that name, in itself or in a part of it. */
function isRequired(type: CompositeType | undefined, part: string): boolean {
  return (
    type?.required.some((number) => type.parts[number - 1]?.name === part) === true ||
    type?.parts.some((each) => each?.type.kind === 'composite' && isRequired(each.type, part)) === true
  );
}

/** What the data type of an element expects, in words. */
function expectedOf(type: CompositeType | undefined, element: string): string | undefined {
  for (const part of type?.parts ?? []) {
    if (part?.type.kind === 'text' && part.name === element) return part.type.expected;
    const below = part?.type.kind === 'composite' ? expectedOf(part.type, element) : undefined;
    if (below !== undefined) return below;
  }
  return undefined;
}
