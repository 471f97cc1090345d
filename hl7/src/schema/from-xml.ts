import { type Charset, findCharset } from '../message/charset.js';
import { readSeparators, type Separators } from '../message/separators.js';
import { escapeDelimiters } from './delimiter-escapes.js';
import { ER7_NAMESPACE, HL7_NAMESPACE } from './read-xsd.js';
import { SchemaError } from './schema-error.js';
import { readXml, type XmlNode } from './xml-tree.js';

export interface FromXmlOptions {
  /** Name of the character set of messages whose MSH-18 is empty; "UNICODE UTF-8" unless given. */
  readonly defaultCharset?: string;
}

const SEGMENT_NAME = /^[A-Z][A-Z0-9]{2}$/;
/** So that a few bytes of XML with great numbers in its names can't ask for gigabytes of separators. */
const MOST_PARTS = 2 ** 22;

/**
 * Reads a message in HL7 v2.xml and writes it in ER7 with the separators that it names in MSH-1 and MSH-2, in the
 * character set of MSH-18, each segment ended with CR. Of what `toXml` wrote it gives back the same segments, byte for
 * byte. Elements go by the number at the end of their names; groups are seen through.
 *
 * In texts, separators and line ends are escaped; `<escape V=".br"/>` becomes \.br\. The escape character itself stays
 * as it is, for senders that put ER7's escape sequences into their XML.
 *
 * @param xml text, or bytes in the encoding of the XML declaration
 * @throws SchemaError BAD_XML; NOT_CONVERTIBLE when the character set has no code for a character, or a part stands
 *   deeper than ER7 can say
 * @throws MessageError BAD_SEPARATORS
 */
export function fromXml(xml: string | Uint8Array, options: FromXmlOptions = {}): Buffer {
  const root = readXml(xml, 'The message', 'BAD_XML');
  if (root.namespace !== HL7_NAMESPACE)
    throw bad(`its root element is not in the namespace ${HL7_NAMESPACE}`);
  const segments = segmentsOf(root);
  const msh = segments[0];
  if (msh?.name !== 'MSH') throw bad('its first segment is not MSH');
  const [field = '|', encodingCharacters = '^~\\&'] = ['MSH.1', 'MSH.2'].map((name) => {
    const element = elements(msh).find((child) => child.name === name);
    return element?.children.filter((child) => typeof child === 'string').join('');
  });
  const separators = readSeparators(`MSH${field}${encodingCharacters}${field}`);
  const reader = new Reader(separators);
  const texts = segments.map((segment) => reader.segment(segment));
  const charset = charsetOf(texts[0]!, separators, options);
  const latin1 = texts.map((text, index) => {
    const encoded = charset.encode(text);
    if (encoded !== undefined) return encoded;
    const place = `segment ${index + 1} (${segments[index]!.name})`;
    throw new SchemaError('NOT_CONVERTIBLE', `A character of ${place} can not be written in ${charset.name}`);
  });
  return Buffer.from(`${latin1.join('\r')}\r`, 'latin1');
}

/** The segments of a structure in order, groups opened. */
function segmentsOf(element: XmlNode): XmlNode[] {
  return elements(element).flatMap((child) => {
    if (child.namespace !== HL7_NAMESPACE && child.namespace !== ER7_NAMESPACE) {
      throw bad(`line ${child.line} has an element of another namespace`);
    }
    if (SEGMENT_NAME.test(child.name)) return [child];
    const segments = segmentsOf(child);
    if (segments.length === 0)
      throw bad(`line ${child.line} has an element that is neither a segment nor a group`);
    return segments;
  });
}

class Reader {
  /** Separators of the parts of a segment, of a repetition of a field, and of a component. */
  readonly #levels: readonly (string | undefined)[];
  #parts = 0;

  constructor(private readonly separators: Separators) {
    const { field, component, subcomponent } = separators;
    this.#levels = [field, component, subcomponent];
  }

  segment(element: XmlNode): string {
    const { field, encodingCharacters } = this.separators;
    const parts = this.#partsOf(element, 0);
    const texts =
      element.name === 'MSH' ? ['MSH', encodingCharacters, ...parts.slice(2)] : [element.name, ...parts];
    return texts.join(field);
  }

  /** The numbered parts of an element, in ER7. */
  #partsOf(element: XmlNode, level: number): string[] {
    const parts: (string | undefined)[] = [];
    const put = (number: number, er7: string, line: number): void => {
      const { repetition } = this.separators;
      const before = parts[number - 1];
      this.#parts += Math.max(0, number - parts.length);
      if (this.#parts > MOST_PARTS) throw bad(`line ${line} has an element with too great a number`);
      while (parts.length < number) parts.push(undefined);
      if (before === undefined) parts[number - 1] = er7;
      else if (level === 0 && repetition !== undefined) parts[number - 1] = before + repetition + er7;
      else throw bad(`line ${line} has an element that may not be repeated`);
    };
    for (const child of element.children) {
      if (typeof child === 'string') {
        if (/\S/.test(child)) throw bad(`line ${element.line} has text beside the parts of ${element.name}`);
      } else if ('target' in child) {
        const [, number, er7 = ''] =
          child.target === 'er7-empty' ? (/^(\d+)(?: (.*))?$/.exec(child.data) ?? []) : [];
        if (number !== undefined) put(Number(number), this.#own(er7), element.line);
      } else if (!isSeparatorField(child)) {
        put(numberOf(child), this.#value(child, level + 1), child.line);
      }
    }
    return parts.map((part) => part ?? '');
  }

  /** A repetition of a field (level 1), a component (2), a subcomponent (3) or what stands below. */
  #value(element: XmlNode, level: number): string {
    const hasParts = element.children.some(
      (child) =>
        typeof child === 'object' &&
        ('target' in child ? child.target === 'er7-empty' : child.name !== 'escape'),
    );
    if (!hasParts) return this.#text(element);
    const parts = this.#partsOf(element, level);
    const separator = this.#levels[level];
    if (parts.length === 1) return parts[0]!;
    if (separator === undefined) {
      throw new SchemaError(
        'NOT_CONVERTIBLE',
        `Line ${element.line} of the XML has parts where ER7 can have none`,
      );
    }
    return parts.join(separator);
  }

  #text(element: XmlNode): string {
    const raw = element.children.some(
      (child) => typeof child === 'object' && 'target' in child && child.target === 'er7-raw',
    );
    const { escape } = this.separators;
    let er7 = '';
    for (const child of element.children) {
      if (typeof child === 'string') {
        const text = raw ? child : escapeDelimiters(child, this.separators);
        if (text === undefined) throw noEscape(element);
        er7 += text;
      } else if ('name' in child) {
        if (escape === undefined) throw noEscape(element);
        er7 += escape + (child.attributes.get('V') ?? '') + escape;
      }
    }
    return er7;
  }

  /** Standard separators as the message's own. */
  #own(er7: string): string {
    const { repetition = '', component, subcomponent = '' } = this.separators;
    return Array.from(er7, (each) =>
      each === '~' ? repetition : each === '^' ? component : subcomponent,
    ).join('');
  }
}

function charsetOf(msh: string, { field, repetition }: Separators, options: FromXmlOptions): Charset {
  const declared = msh.split(field)[17] ?? '';
  const names = repetition === undefined ? [declared] : declared.split(repetition);
  const name =
    names.find((each) => each !== '' && each !== '""') ?? options.defaultCharset ?? 'UNICODE UTF-8';
  const charset = findCharset(name);
  if (charset !== undefined) return charset;
  throw new SchemaError(
    'NOT_CONVERTIBLE',
    'MSH-18, or the flow, names a character set that can not be written',
  );
}

function isSeparatorField({ name }: XmlNode): boolean {
  return name === 'MSH.1' || name === 'MSH.2';
}

function numberOf(element: XmlNode): number {
  const number = /\.([1-9]\d{0,7})$/.exec(element.name)?.[1];
  if (number === undefined)
    throw bad(`line ${element.line} has an element whose name does not end in its number`);
  return Number(number);
}

function elements(element: XmlNode): XmlNode[] {
  return element.children.filter((child): child is XmlNode => typeof child === 'object' && 'name' in child);
}

function noEscape(element: XmlNode): SchemaError {
  return new SchemaError(
    'NOT_CONVERTIBLE',
    `Line ${element.line} of the XML holds a separator, and MSH-2 declares no escape character`,
  );
}

function bad(problem: string): SchemaError {
  return new SchemaError('BAD_XML', `The XML is no HL7 v2.xml message: ${problem}`);
}
