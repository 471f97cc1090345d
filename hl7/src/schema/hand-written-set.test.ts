import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { agreed } from './agreement.js';
import type { SchemaError } from './schema-error.js';
import { SchemaSet, SchemaSets } from './schema-set.js';
import { isValid } from './validate.js';
import { validateBytes } from './validate-by-reference.js';

const OPENING =
  '<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns="urn:hl7-org:v2xml" ' +
  'xmlns:n="urn:integration-hub:er7" targetNamespace="urn:hl7-org:v2xml" elementFormDefault="qualified">';
const BEYOND = '<xsd:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>';

/** A flow of which nothing is generated: its own segments, and every way of writing them that is understood. */
const SEGMENTS = `
  <xsd:include schemaLocation="types.xsd"/>
  <xsd:element name="MSH"><xsd:complexType><xsd:sequence>
    ${Array.from({ length: 12 }, (_, index) => `<xsd:element ref="MSH.${index + 1}" minOccurs="0"/>`).join('')}
  </xsd:sequence></xsd:complexType></xsd:element>
  ${Array.from({ length: 12 }, (_, index) => {
    return `<xsd:element name="MSH.${index + 1}" type="${index === 8 ? 'MSG' : 'xsd:string'}"/>`;
  }).join('')}
  <xsd:element name="LAB" type="LAB.CONTENT"/>
  <xsd:complexType name="LAB.CONTENT"><xsd:sequence>
    <xsd:element name="LAB.1" type="KEY" n:label="Key"/>
    <xsd:element name="LAB.2" type="CODE" minOccurs="0" maxOccurs="2"/>
    <xsd:element name="LAB.4" type="SHORT" minOccurs="0"/>
    <xsd:element name="LAB.5" minOccurs="0"><xsd:simpleType><xsd:restriction base="SHORT">
      <xsd:pattern value="[a-c\\-]*"/></xsd:restriction></xsd:simpleType></xsd:element>
    <xsd:element name="LAB.6" type="EXTENDED" minOccurs="0"/>
    <xsd:element name="LAB.7" type="NOTED" minOccurs="0"/>
    <xsd:element name="LAB.8" type="KEY" minOccurs="0" maxOccurs="0"/>
    <xsd:element name="LAB.9" type="FIRST" minOccurs="0"/>
  </xsd:sequence></xsd:complexType>
  <xsd:element name="RES" type="RES.CONTENT"/>
  <xsd:complexType name="RES.CONTENT"><xsd:sequence>
    <xsd:element name="RES.1" type="PAIR" maxOccurs="unbounded"/>${BEYOND}
  </xsd:sequence></xsd:complexType>
  <xsd:element name="NTE" type="NTE.CONTENT"/>
  <xsd:complexType name="NTE.CONTENT"><xsd:sequence>
    <xsd:element name="NTE.1" type="xsd:string" minOccurs="0" maxOccurs="unbounded"/>
  </xsd:sequence></xsd:complexType>
  <xsd:element name="SUM"><xsd:complexType/></xsd:element>
  <xsd:element name="ZNO"><xsd:complexType/></xsd:element>`;

const TYPES = `
  <xsd:complexType name="MSG"><xsd:sequence>
    <xsd:element name="MSG.1" type="xsd:string"/><xsd:element name="MSG.2" type="xsd:string" minOccurs="0"/>
    <xsd:element name="MSG.3" type="xsd:string" minOccurs="0"/>
  </xsd:sequence></xsd:complexType>
  <xsd:simpleType name="CODE"><xsd:restriction base="xsd:string">
    <xsd:enumeration value="A"/><xsd:enumeration value="B&amp;C"/><xsd:enumeration value="é"/>
  </xsd:restriction></xsd:simpleType>
  <xsd:simpleType name="SHORT"><xsd:restriction base="xsd:string">
    <xsd:minLength value="2"/><xsd:maxLength value="4"/></xsd:restriction></xsd:simpleType>
  <xsd:complexType name="KEY"><xsd:sequence>
    <xsd:element name="KEY.1" type="xsd:string" minOccurs="0"/>
    <xsd:element name="KEY.2" type="PAIR"/>
    <xsd:element name="KEY.4" type="xsd:string" minOccurs="0"/>
  </xsd:sequence></xsd:complexType>
  <xsd:complexType name="PAIR"><xsd:sequence>
    <xsd:element name="PAIR.1" type="INNER" minOccurs="0"/><xsd:element name="PAIR.2" type="SHORT"/>${BEYOND}
  </xsd:sequence></xsd:complexType>
  <xsd:complexType name="INNER"><xsd:sequence>
    <xsd:element name="INNER.1" type="SHORT" minOccurs="0"/>
  </xsd:sequence></xsd:complexType>
  <xsd:complexType name="FIRST"><xsd:sequence>
    <xsd:element name="FIRST.1" type="PAIR"/><xsd:element name="FIRST.2" type="CODE" minOccurs="0"/>
  </xsd:sequence></xsd:complexType>
  <xsd:complexType name="EXTENDED"><xsd:complexContent><xsd:extension base="PAIR">
    <xsd:attribute name="Item" type="xsd:string" fixed="1"/></xsd:extension></xsd:complexContent></xsd:complexType>
  <xsd:complexType name="NOTED"><xsd:annotation><xsd:documentation>A code</xsd:documentation></xsd:annotation>
    <xsd:simpleContent><xsd:extension base="CODE"/></xsd:simpleContent></xsd:complexType>`;

const STRUCTURE = `
  <xsd:include schemaLocation="segments.xsd"/>
  <xsd:element name="LAB_R01"><xsd:complexType><xsd:sequence>
    <xsd:element ref="MSH"/>
    <xsd:element name="LAB_R01.ORDER" maxOccurs="3"><xsd:complexType><xsd:sequence>
      <xsd:element ref="LAB"/>
      <xsd:choice>
        <xsd:sequence><xsd:element ref="RES" minOccurs="2" maxOccurs="3"/>${BEYOND}</xsd:sequence>
        <xsd:element ref="NTE"/>
      </xsd:choice>
      <xsd:element ref="ZNO" minOccurs="0"/>
    </xsd:sequence></xsd:complexType></xsd:element>
    <xsd:element ref="NTE" minOccurs="0"/>
    <xsd:sequence minOccurs="0"><xsd:element ref="SUM" minOccurs="2" maxOccurs="unbounded"/></xsd:sequence>
  </xsd:sequence></xsd:complexType></xsd:element>`;

const folder = mkdtempSync(path.join(tmpdir(), 'schema-sets-'));

function writeSet(name: string, files: Readonly<Record<string, string>>): SchemaSet {
  mkdirSync(path.join(folder, name), { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    writeFileSync(path.join(folder, name, file), `${OPENING}${content}</xsd:schema>`);
  }
  return SchemaSet.open(path.join(folder, name));
}

const files = { 'LAB_R01.xsd': STRUCTURE, 'segments.xsd': SEGMENTS, 'types.xsd': TYPES };

/** A message of a few segments after its header. */
function lab(...segments: readonly string[]): Buffer {
  return Buffer.from(['MSH|^~\\&|LAB||||||LAB^R01|1|P|2.5', ...segments].join('\r'));
}

describe('a hand-written schema set', () => {
  after(() => {
    rmSync(folder, { recursive: true });
  });

  const set = writeSet('lab', files);

  /** Whether both engines find it valid, and the texts of the errors. */
  function errors(...segments: readonly string[]): string[] {
    const findings = agreed(lab(...segments), set) ?? [];
    return findings.filter(({ severity }) => severity === 'error').map(({ message }) => message);
  }

  it('is a flow’s validation by being there', () => {
    const sets = SchemaSets.open(folder);
    expect(sets.names).to.include('lab');
    expect(sets.get('lab').structures).to.deep.equal(['LAB_R01']);
    expect(isValid(validateBytes(lab('LAB|^ab&bc', 'NTE|x'), sets.get('lab')))).to.equal(true);
    expect(() => sets.get('none')).to.throw('No schema set none: there are');
  });

  it('says what is wrong in both engines', () => {
    expect(
      errors('LAB|^ab&bc', 'RES|^bc', 'RES|^bc', 'ZAB|free', 'ZNO', 'LAB|^&bc', 'NTE', 'NTE'),
    ).to.deep.equal([]);
    expect(errors('LAB|^ab&bc', 'RES|^bc')).to.deep.equal(['LAB_R01: segment RES is missing after RES']);
    expect(errors('LAB|^ab&bc')).to.deep.equal(['LAB_R01: segment NTE is missing after LAB']);
    expect(errors('LAB|^ab&bc', 'NTE', 'ZAB')).to.have.length(1);
    expect(errors('LAB|^ab&bc', 'NTE', 'ZNO', 'NTE', 'ZNO')).to.have.length(1);
    expect(errors('LAB|x', 'NTE')).to.deep.equal(['LAB-1.2: empty: expected a value']);
    expect(errors('LAB', 'NTE')).to.deep.equal(['LAB-1: empty: expected a value (Key)']);
    expect(errors('LAB|^ab', 'NTE')).to.have.length(1);
    expect(errors('LAB|^abc&ab', 'NTE')).to.deep.equal([]);
    expect(errors('LAB|^abc&abcde', 'NTE')).to.deep.equal(['LAB-1.2.2: not 2 to 4 characters: 5 letters']);
    expect(errors('LAB|^abcde&ab', 'NTE')).to.have.length(1);
    expect(errors('LAB|^ab&bc^c', 'NTE')).to.deep.equal(['LAB-1.3: KEY has no part 3 in the schema set']);
    expect(errors('LAB|^ab&bc^^^e', 'NTE')).to.have.length(1);
    expect(errors('LAB|^ab&bc&beyond', 'NTE')).to.deep.equal([]);
    expect(errors('LAB|^ab&bc|A~B\\T\\C', 'NTE')).to.deep.equal([]);
    expect(errors('LAB|^ab&bc|A~b', 'NTE')).to.deep.equal([
      'LAB-2[2]: not one of the values of CODE: 1 letter',
    ]);
    expect(errors('LAB|^ab&bc|A~~é', 'NTE')).to.have.length(2);
    expect(errors('LAB|^ab&bc||3', 'NTE')).to.have.length(1);
    expect(errors('LAB|^ab&bc|||ab\\F\\d', 'NTE')).to.deep.equal([]);
    expect(errors('LAB|^ab&bc|||ééé\\S\\', 'NTE')).to.deep.equal([]);
    expect(errors('LAB|^ab&bc|||\\E\\ab', 'NTE')).to.deep.equal([
      'LAB-4: not 2 to 4 characters: 5 characters: signs and letters',
    ]);
    expect(errors('LAB|^ab&bc||||a-', 'NTE')).to.deep.equal([]);
    expect(errors('LAB|^ab&bc||||ad', 'NTE')).to.have.length(1);
    expect(errors('LAB|^ab&bc||||a', 'NTE')).to.have.length(1);
    expect(errors('LAB|^ab&bc|||||^bc|A', 'NTE')).to.deep.equal([]);
    expect(errors('LAB|^ab&bc|||||ab|a', 'NTE')).to.have.length(2);
    expect(errors('LAB|^ab&bc|||||||x', 'NTE')).to.have.length(1);
    expect(errors('LAB|^ab&bc||||abcab', 'NTE')).to.have.length(1);
    expect(errors('LAB|^ab&bc||||||||&ab', 'NTE')).to.deep.equal([]);
    expect(errors('LAB|^ab&bc||||||||&ab^A', 'NTE')).to.deep.equal([]);
    expect(errors('LAB|^ab&bc||||||||^A', 'NTE')).to.deep.equal(['LAB-9.1: empty: expected a value']);
    expect(errors('LAB|^ab&bc|||||||||x', 'NTE')).to.have.length(1);
    expect(errors('LAB|^ab&bc', 'NTE', 'SUM')).to.deep.equal(['LAB_R01: segment SUM is missing after SUM']);
    expect(errors('LAB|^ab&bc', 'NTE', 'SUM', 'SUM', 'SUM', 'SUM')).to.deep.equal([]);
  });

  it('is understood by both engines in the same way, whatever the message', () => {
    const part = fc.constantFrom(
      '',
      'a',
      'ab',
      'abc',
      'abcde',
      'A',
      'é',
      '\\T\\',
      '\\E\\',
      'B\\T\\C',
      '-',
      '""',
    );
    const component = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('&'));
    const repetition = fc.array(component, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('^'));
    const field = fc.array(repetition, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('~'));
    const fields = fc.oneof(
      fc.constant('^ab&bc'),
      fc.array(field, { maxLength: 8 }).map((parts) => parts.join('|')),
    );
    const name = fc.constantFrom('LAB', 'LAB', 'RES', 'RES', 'NTE', 'NTE', 'SUM', 'ZNO', 'ZAB', 'QQQ');
    const segment = fc.tuple(name, fields).map((both) => both.join('|'));
    const ordered = fc.array(name, { maxLength: 12 }).map((names) => {
      return names.map((each) => (each === 'RES' ? 'RES|^bc' : each === 'LAB' ? 'LAB|^ab&bc' : each));
    });
    const body = fc.oneof(fc.array(segment, { maxLength: 6 }), ordered);
    let valid = 0;
    fc.assert(
      fc.property(body, (segments) => {
        const findings = agreed(lab(...segments), set);
        if (findings !== undefined && isValid(findings)) valid++;
      }),
      { numRuns: 4000 },
    );
    expect(valid).to.be.greaterThan(10);
  });

  it('is refused with the place of what is not understood, rather than half enforced', () => {
    const refused: [Record<string, string>, string, string][] = [
      [
        { 'types.xsd': TYPES.replace('type="SHORT"', 'type="xsd:date"') },
        'SCHEMA_UNSUPPORTED',
        'xsd:string with a pattern',
      ],
      [
        { 'types.xsd': TYPES.replace('xsd:minLength', 'xsd:totalDigits') },
        'SCHEMA_UNSUPPORTED',
        'totalDigits',
      ],
      [{ 'segments.xsd': SEGMENTS.replace('[a-c\\-]*', '\\w+') }, 'SCHEMA_UNSUPPORTED', '\\w'],
      [
        {
          'segments.xsd': SEGMENTS.replace(
            '<xsd:element name="LAB.2"',
            '<xsd:element default="A" name="LAB.2"',
          ),
        },
        'SCHEMA_UNSUPPORTED',
        'segments.xsd, line',
      ],
      [
        { 'segments.xsd': SEGMENTS.replace('name="LAB.2"', 'name="LAB.X"') },
        'SCHEMA_UNSUPPORTED',
        '<element>',
      ],
      [
        { 'segments.xsd': SEGMENTS.replace('name="LAB.4"', 'name="LAB.1"') },
        'SCHEMA_UNSUPPORTED',
        '<element>',
      ],
      [
        { 'LAB_R01.xsd': STRUCTURE.replace('maxOccurs="3"', 'maxOccurs="99999"') },
        'SCHEMA_UNSUPPORTED',
        'more than 5000 places',
      ],
      [{ 'LAB_R01.xsd': STRUCTURE.replaceAll('xsd:choice', 'xsd:all') }, 'SCHEMA_UNSUPPORTED', '<all>'],
      [
        { 'LAB_R01.xsd': STRUCTURE.replace('LAB_R01"', 'LAB_R02"') },
        'SCHEMA_UNREADABLE',
        'does not declare the element LAB_R01',
      ],
      [
        { 'LAB_R01.xsd': STRUCTURE.replace('segments.xsd', 'absent.xsd') },
        'SCHEMA_UNREADABLE',
        'absent.xsd is included',
      ],
      [{ 'LAB_R01.xsd': STRUCTURE.replace('ref="MSH"', 'ref="ABS"') }, 'SCHEMA_UNREADABLE', 'not there'],
      [{ 'types.xsd': '<xsd:complexType>' }, 'SCHEMA_UNREADABLE', 'types.xsd is not well-formed XML: line 1'],
      [{ 'types.xsd': `${TYPES}<xsd:import namespace="urn:x"/>` }, 'SCHEMA_UNSUPPORTED', '<import>'],
    ];
    for (const [changed, code, words] of refused) {
      const changedSet = writeSet('refused', { ...files, ...changed });
      let thrown: unknown;
      try {
        validateBytes(lab('LAB|^ab&bc', 'NTE'), changedSet);
      } catch (error) {
        thrown = error;
      }
      expect((thrown as SchemaError | undefined)?.code, words).to.equal(code);
      expect((thrown as SchemaError).message).to.include(words);
    }
  });

  it('is refused by the reference in libxml2’s words', () => {
    const ambiguous = STRUCTURE.replace(
      '</xsd:choice>',
      '</xsd:choice><xsd:element ref="NTE" minOccurs="0"/>',
    ).replace('<xsd:element ref="ZNO" minOccurs="0"/>', '<xsd:element ref="NTE" minOccurs="0"/>');
    const changedSet = writeSet('ambiguous', { ...files, 'LAB_R01.xsd': ambiguous });
    expect(() => validateBytes(lab('LAB|^ab&bc', 'NTE'), changedSet, { onlyReference: true })).to.throw(
      'Schema set ambiguous, LAB_R01.xsd: libxml2 says: ',
    );
  });

  it('must be a folder with a structure', () => {
    mkdirSync(path.join(folder, 'empty'));
    expect(() => SchemaSet.open(path.join(folder, 'empty'))).to.throw(
      'has no structure, such as ADT_A05.xsd',
    );
    expect(() => SchemaSet.open(path.join(folder, 'absent'))).to.throw('The schema set absent has no folder');
    expect(() => SchemaSets.open(path.join(folder, 'absent'))).to.throw('is not there');
    expect(SchemaSets.open(folder).names).not.to.include('empty');
  });
});
