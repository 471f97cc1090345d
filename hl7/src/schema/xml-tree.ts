import {
  ParseOption,
  XmlCData,
  XmlComment,
  XmlDocument,
  XmlElement,
  XmlLibError,
  XmlText,
  XmlTreeNode,
} from 'libxml2-wasm';
import { SchemaError, type SchemaErrorCode } from './schema-error.js';

/** libxml2's flags are a bit mask, which its TypeScript enumeration has no name for. */
const OPTION = (ParseOption.XML_PARSE_NONET |
  ParseOption.XML_PARSE_NO_XXE |
  ParseOption.XML_PARSE_BIG_LINES) as ParseOption;

/** An element of an XML document, read out of libxml2's memory. */
export interface XmlNode {
  /** Without prefix. */
  readonly name: string;
  readonly namespace: string;
  /** By name; those in a namespace as `namespace name`. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Elements, texts and processing instructions in order; comments are left out. */
  readonly children: readonly (XmlNode | string | XmlInstruction)[];
  readonly line: number;
}

/** `<?target data?>` */
export interface XmlInstruction {
  readonly target: string;
  readonly data: string;
}

/**
 * Reads an XML document. External entities are never loaded, and a document with a DTD is refused.
 *
 * @param source text, or bytes in the encoding that the XML declaration says (UTF-8 unless it does)
 * @param what names the document in an error text
 * @throws SchemaError with the given code when it is not well formed; the text has libxml2's place, no content
 */
export function readXml(source: string | Uint8Array, what: string, code: SchemaErrorCode): XmlNode {
  let document: XmlDocument;
  try {
    document =
      typeof source === 'string'
        ? XmlDocument.fromString(source, { option: OPTION })
        : XmlDocument.fromBuffer(source, { option: OPTION });
  } catch (error) {
    const detail = error instanceof XmlLibError ? error.details[0] : undefined;
    const place = detail === undefined ? '' : `: line ${detail.line}, column ${detail.col}`;
    throw new SchemaError(code, `${what} is not well-formed XML${place}`);
  }
  try {
    if (document.dtd !== null) throw new SchemaError(code, `${what} has a DTD, which is not accepted`);
    return nodeOf(document.root);
  } finally {
    document.dispose();
  }
}

function nodeOf(element: XmlElement): XmlNode {
  const children: (XmlNode | string | XmlInstruction)[] = [];
  for (let child: XmlTreeNode | null = element.firstChild; child !== null; child = following(child)) {
    if (child instanceof XmlElement) children.push(nodeOf(child));
    else if (child instanceof XmlText || child instanceof XmlCData) children.push(child.content);
    else if (!(child instanceof XmlComment)) {
      children.push({ target: Reflect.get(XmlElement.prototype, 'name', child), data: child.content });
    }
  }
  const attributes = new Map(
    element.attrs.map((attribute) => {
      const { name, namespaceUri } = attribute;
      return [namespaceUri === '' ? name : `${namespaceUri} ${name}`, attribute.value];
    }),
  );
  return { name: element.name, namespace: element.namespaceUri, attributes, children, line: element.line };
}

/** The next sibling. libxml2-wasm declares `next` and `name` on other kinds of nodes, but not on instructions. */
function following(node: XmlTreeNode): XmlTreeNode | null {
  return Reflect.get(XmlTreeNode.prototype, 'next', node);
}
