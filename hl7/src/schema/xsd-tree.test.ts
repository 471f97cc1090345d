import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { BUILT_IN_SCHEMAS } from './built-in-sets.js';
import { readXml, type XmlNode } from './xml-tree.js';
import { readXsd } from './xsd-tree.js';

/** What of libxml2's tree an XSD's has: elements. */
function elementsOf(node: XmlNode): XmlNode {
  const elements = node.children.filter((child) => typeof child === 'object' && 'children' in child);
  return { ...node, children: elements.map(elementsOf) };
}

describe('XSDs as trees', () => {
  const files = readdirSync(BUILT_IN_SCHEMAS, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.xsd'),
  );

  it('are those that libxml2 reads, of every XSD that comes with the hub', () => {
    expect(files.length).to.be.greaterThan(40);
    for (const file of files) {
      const bytes = readFileSync(path.join(BUILT_IN_SCHEMAS, file));
      expect(readXsd(bytes, file), file).to.deep.equal(elementsOf(readXml(bytes, file, 'SCHEMA_UNREADABLE')));
    }
  });

  for (const [what, text, words] of [
    ['an element that is not closed', '<a><b></a>', 'x.xsd is not well-formed XML: line 1'],
    ['nothing', '', 'x.xsd is not XML in UTF-8'],
    ['a prefix that nothing declares', '<a><p:b/></a>', 'x.xsd is not well-formed XML: line 1'],
    ['an entity that nothing declares', '<a b="&c;"/>', 'x.xsd is not well-formed XML: line 1'],
    ['a DTD', '<!DOCTYPE a [<!ENTITY c "d">]><a/>', 'x.xsd has a DTD, which is not accepted'],
    ['two roots', '<a/>\n<b/>', 'x.xsd is not XML in UTF-8, with one root element'],
    ['an encoding that is not UTF-8', Buffer.from('<a b="\xe4"/>', 'latin1'), 'x.xsd is not XML in UTF-8'],
  ] as const) {
    it(`are refused where there is ${what}`, () => {
      expect(() => readXsd(Buffer.from(text), 'x.xsd'))
        .to.throw(words)
        .with.property('code', 'SCHEMA_UNREADABLE');
    });
  }
});
