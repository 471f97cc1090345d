/** XSDs as trees, read without libxml2: that a listener holds for as long as it lives, and this only at its start. */
import sax, { type QualifiedTag } from 'sax';
import { SchemaError } from './schema-error.js';
import type { XmlNode } from './xml-tree.js';

const XMLNS = 'http://www.w3.org/2000/xmlns/';

/**
 * The elements of an XSD, which is in UTF-8 and has no DTD; texts, comments and instructions are left out.
 *
 * @param file names it in an error text
 * @throws SchemaError SCHEMA_UNREADABLE
 */
export function readXsd(bytes: Uint8Array, file: string): XmlNode {
  const unreadable = (problem: string): SchemaError =>
    new SchemaError('SCHEMA_UNREADABLE', `${file} ${problem}`);
  const parser = sax.parser(true, { xmlns: true });
  const place = (): string => `line ${parser.line + 1}, column ${parser.column + 1}`;
  const open: { children: XmlNode[] }[] = [{ children: [] }];
  const document = open[0]!;
  parser.onerror = () => {
    throw unreadable(`is not well-formed XML: ${place()}`);
  };
  parser.ondoctype = () => {
    throw unreadable('has a DTD, which is not accepted');
  };
  parser.onopentag = (tag) => {
    const { local, uri, attributes } = tag as QualifiedTag;
    const named = Object.values(attributes)
      .filter((attribute) => attribute.uri !== XMLNS)
      .map((one) => [one.uri === '' ? one.local : `${one.uri} ${one.local}`, one.value] as const);
    const children: XmlNode[] = [];
    open.at(-1)!.children.push({
      name: local,
      namespace: uri,
      attributes: new Map(named),
      children,
      line: parser.line + 1,
    });
    open.push({ children });
  };
  parser.onclosetag = () => open.pop();
  parser.write(utf8(bytes) ?? '').close();
  const [root, ...others] = document.children;
  if (root === undefined || others.length > 0) throw unreadable('is not XML in UTF-8, with one root element');
  return root;
}

/** @returns undefined where the bytes are not UTF-8 */
function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
