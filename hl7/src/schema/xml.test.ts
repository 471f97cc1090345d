import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { Message } from '../message/message.js';
import { fromXml } from './from-xml.js';
import type { SchemaError } from './schema-error.js';
import { SchemaSets } from './schema-set.js';
import { toXml } from './to-xml.js';

const ROOT = path.join(import.meta.dirname, '../../..');
const sets = SchemaSets.open(path.join(ROOT, 'schemas'));
const SAMPLES = path.join(ROOT, 'manifests/flows/samples');

const MSH = 'MSH|^~\\&|252|252|100|100|20260304091527||ADT^A31^ADT_A05|1|P|2.5';

function parsed(...segments: readonly string[]): Message {
  return Message.parse(Buffer.from(segments.join('\r')));
}

/** What stands in the element of a segment, without line ends. */
function xmlOf(segment: string): string {
  const name = segment.slice(0, 3);
  const whole = toXml(parsed(MSH, segment), sets.get('phw')).replaceAll('\n', '');
  return new RegExp(`<(?:er7:)?${name}>(.*)</(?:er7:)?${name}>`).exec(whole)?.[1] ?? '';
}

/** A message in XML with what stands after its MSH. */
function xml(content: string, msh = ''): string {
  return (
    '<?xml version="1.0"?><ADT_A05 xmlns="urn:hl7-org:v2xml" xmlns:er7="urn:integration-hub:er7">' +
    `<MSH><MSH.1>|</MSH.1><MSH.2>^~\\&amp;</MSH.2>${msh}</MSH>${content}</ADT_A05>`
  );
}

function er7(content: string): string {
  const text = fromXml(xml(content)).toString();
  expect(text).to.match(/^MSH\|\^~\\&\r[^]*\r$/);
  return text.slice('MSH|^~\\&\r'.length, -1);
}

function thrown(action: () => unknown): SchemaError {
  try {
    action();
  } catch (error) {
    return error as SchemaError;
  }
  throw new Error('nothing was thrown');
}

describe('a message as XML', () => {
  it('has its values in the elements of their places', () => {
    expect(xmlOf('PID|||1^^^252&x^PI~2||A^B||1984|F')).to.equal(
      '<PID.3><CX.1>1</CX.1><CX.4><HD.1>252</HD.1><HD.2>x</HD.2></CX.4><CX.5>PI</CX.5></PID.3>' +
        '<PID.3><CX.1>2</CX.1></PID.3>' +
        '<PID.5><XPN.1><FN.1>A</FN.1></XPN.1><XPN.2>B</XPN.2></PID.5><PID.7><TS.1>1984</TS.1></PID.7><PID.8>F</PID.8>',
    );
    expect(xmlOf('PID|||||A^^^^^^^^^2020&2021')).to.equal(
      '<PID.5><XPN.1><FN.1>A</FN.1></XPN.1>' +
        '<XPN.10><DR.1><TS.1>2020</TS.1></DR.1><DR.2><TS.1>2021</TS.1></DR.2></XPN.10></PID.5>',
    );
    expect(xmlOf('PID|||||A^2020&2021')).to.include('<XPN.2><?er7-raw?>2020&amp;2021</XPN.2>');
  });

  it('has separators in texts as they are, and all other escapes as they were', () => {
    expect(xmlOf('PD1||a\\T\\b\\F\\\\S\\\\R\\<>\\E\\\\.br\\\\X0D\\\\H\\x\\')).to.equal(
      '<PD1.2>a&amp;b|^~&lt;&gt;\\E\\\\.br\\\\X0D\\\\H\\x\\</PD1.2>',
    );
    expect(xmlOf('PD1||\\E\\T\\b')).to.equal('<PD1.2>\\E\\T\\b</PD1.2>');
  });

  it('has the type of OBX-5 that OBX-2 names', () => {
    expect(xmlOf('OBX|1|CE|a||x^y')).to.include('<OBX.5><CE.1>x</CE.1><CE.2>y</CE.2></OBX.5>');
    expect(xmlOf('OBX|1|NM|a||5')).to.include('<OBX.5>5</OBX.5>');
    expect(xmlOf('OBX|1|ZZ|a||x^y&z')).to.include(
      '<OBX.5><OBX.5.1>x</OBX.5.1><OBX.5.2><OBX.5.2.1>y</OBX.5.2.1>',
    );
  });

  it('has its groups, also those that HL7 named only later', () => {
    const merge = MSH.replace('A31^ADT_A05', 'A40');
    const segments = ['EVN||2026', 'PID|1', 'MRG|1', 'ZZZ', 'PID|2', 'PD1', 'MRG|2', 'PV1||N'];
    for (const [name, group] of [
      ['phw', 'ADT_A39.PATIENT'],
      ['pims', 'ADT_A39.PIDPD1MRGPV1'],
    ] as const) {
      const skeleton = toXml(parsed(merge, ...segments), sets.get(name)).match(
        /<\/?(er7:)?[A-Z][A-Z0-9_]{2,}(\.[A-Z][A-Z0-9]+)?>/g,
      );
      expect(skeleton?.filter((tag) => !tag.includes('</') || tag.includes('.')).slice(2)).to.deep.equal([
        ...[`<${group}>`, '<PID>', '<MRG>', '<er7:ZZZ>', `</${group}>`],
        ...[`<${group}>`, '<PID>', '<PD1>', '<MRG>', '<PV1>', `</${group}>`],
      ]);
    }
    const insurance = toXml(
      parsed(MSH, 'EVN||2026', 'PID|1', 'PV1||N', 'IN1|1', 'IN1|2', 'IN2|', 'ACC|'),
      sets.get('phw'),
    );
    expect(insurance.match(/<ADT_A05\.INSURANCE>/g)).to.have.length(2);
    const visit = toXml(parsed(MSH, 'EVN||2026', 'PID|1', 'PR1|1', 'ROL|1', 'PR1|2'), sets.get('pims'));
    expect(visit.match(/<ADT_A05\.PR1ROL>/g)).to.have.length(2);
  });

  it('has what HL7 does not define beside it, and what ER7 says with empty separators as notes', () => {
    expect(xmlOf('ZZZ|a^b&c~d||')).to.equal(
      '<er7:ZZZ.1><er7:ZZZ.1.1>a</er7:ZZZ.1.1><er7:ZZZ.1.2><er7:ZZZ.1.2.1>b</er7:ZZZ.1.2.1>' +
        '<er7:ZZZ.1.2.2>c</er7:ZZZ.1.2.2></er7:ZZZ.1.2></er7:ZZZ.1><er7:ZZZ.1>d</er7:ZZZ.1><?er7-empty 3?>',
    );
    expect(xmlOf('AL1|1||a^^^^^^g|||||h')).to.equal(
      '<AL1.1>1</AL1.1><AL1.3><CE.1>a</CE.1><er7:CE.7>g</er7:CE.7></AL1.3><er7:AL1.8>h</er7:AL1.8>',
    );
    expect(xmlOf('PV1|~^&|N^^|')).to.equal('<?er7-empty 1 ~^&?><PV1.2><?er7-raw?>N^^</PV1.2><?er7-empty 3?>');
    expect(xmlOf('PID|||~1^&&^~')).to.equal(
      '<PID.3></PID.3><PID.3><CX.1>1</CX.1><?er7-empty 2 &&?><?er7-empty 3?></PID.3><PID.3></PID.3>',
    );
  });

  it('comes back byte for byte: every sample', () => {
    const names = readdirSync(SAMPLES).filter((name) => name.endsWith('.hl7'));
    expect(names).to.have.length.above(6);
    for (const name of names) {
      const message = Message.parse(readFileSync(path.join(SAMPLES, name)));
      const set = sets.get(name.startsWith('pims') ? 'pims' : 'phw');
      const back = fromXml(toXml(message, set)).toString('latin1');
      expect(back, name).to.equal(
        message
          .segments()
          .map((segment) => `${segment.er7}\r`)
          .join(''),
      );
    }
  });

  it('comes back in the character set that it came in', () => {
    for (const [name, encoding] of [
      ['8859/1', 'latin1'],
      ['UNICODE UTF-8', 'utf8'],
      ['', 'utf8'],
    ] as const) {
      const bytes = Buffer.from(`${MSH}||||||${name}\rPID|||||Siôn\r`, encoding);
      expect(fromXml(toXml(Message.parse(bytes), sets.get('phw'))).equals(bytes), name).to.equal(true);
    }
    const other = Buffer.from(`${MSH}\rPID|||||Si\u0175n\r`.replace('\u0175', '\u00f4'), 'latin1');
    const message = Message.parse(other, { defaultCharset: '8859/1' });
    expect(fromXml(toXml(message, sets.get('phw')), { defaultCharset: '8859/1' }).equals(other)).to.equal(
      true,
    );
  });

  it('is refused when XML can’t hold it, with the place and without the value', () => {
    const error = thrown(() => toXml(parsed(MSH, 'PID|||||SECRET\u0001'), sets.get('phw')));
    expect(error).to.include({ code: 'NOT_CONVERTIBLE' });
    expect(error.message).to.equal('Segment 2 of the message holds a control character in PID-5');
    expect(error.place).to.deep.equal({ segmentIndex: 1, field: 5 });
  });
});

describe('a message from XML', () => {
  it('has every component in its place', () => {
    expect(
      er7(
        '<PID><PID.3><CX.1>1</CX.1><CX.4><HD.2>x</HD.2></CX.4></PID.3><PID.3><CX.5>PI</CX.5></PID.3></PID>',
      ),
    ).to.equal('PID|||1^^^&x~^^^^PI');
    expect(
      er7(
        '<PID><PID.7><TS.1>1984</TS.1></PID.7><PID.5><XPN.2>B</XPN.2><XPN.1><FN.1>A</FN.1></XPN.1></PID.5></PID>',
      ),
    ).to.equal('PID|||||A^B||1984');
    expect(er7('<ADT_A05.INSURANCE><IN1><IN1.1>1</IN1.1></IN1><IN2/></ADT_A05.INSURANCE><ACC/>')).to.equal(
      'IN1|1\rIN2\rACC',
    );
    expect(er7('<PV1><PV1.3><PL.4><HD.1>a</HD.1></PL.4></PV1.3><PV1.2></PV1.2><PV1.10/></PV1>')).to.equal(
      'PV1|||^^^a|||||||',
    );
  });

  it('reads the message of a SOAP sender', () => {
    const lims =
      '<ADT_A05 xmlns="urn:hl7-org:v2xml">\n  <MSH><MSH.1>|</MSH.1><MSH.2>^~\\&amp;</MSH.2><MSH.3><HD.1>328</HD.1></MSH.3>' +
      '<MSH.9><MSG.1>ADT</MSG.1><MSG.2>A28</MSG.2><MSG.3>ADT_A05</MSG.3></MSH.9></MSH>\n' +
      '  <!-- a comment --><EVN><EVN.2><TS.1>20260309101500</TS.1></EVN.2></EVN>\n' +
      '  <PID>\n    <PID.3>\n      <CX.1>L4400017</CX.1><CX.4><HD.1>328</HD.1></CX.4>\n    </PID.3>\n  </PID>\n</ADT_A05>\n';
    expect(fromXml(lims).toString()).to.equal(
      'MSH|^~\\&|328||||||ADT^A28^ADT_A05\rEVN||20260309101500\rPID|||L4400017^^^328\r',
    );
    const utf16 = Buffer.from(
      `\ufeff<?xml version="1.0" encoding="UTF-16"?>${lims.replace('L4400017', 'Siôn')}`,
      'utf16le',
    );
    expect(fromXml(utf16).toString()).to.include('PID|||Siôn^^^328\r');
  });

  it('escapes what a text must not hold, and keeps the escapes that it has', () => {
    expect(er7('<PV1><PV1.2>a|b^c~d&amp;e &lt; \r\n\\.br\\\\F\\</PV1.2></PV1>')).to.equal(
      'PV1||a\\F\\b\\S\\c\\R\\d\\T\\e < \\X0A\\\\.br\\\\F\\',
    );
    expect(er7('<PV1><PV1.2>a&#13;b</PV1.2></PV1>')).to.equal('PV1||a\\X0D\\b');
    expect(er7('<PV1><PV1.2><![CDATA[<&]]>x<escape V=".br"/>y</PV1.2></PV1>')).to.equal(
      'PV1||<\\T\\x\\.br\\y',
    );
    const own = xml('<PV1><PV1.2>a*b|#</PV1.2></PV1>')
      .replace('<MSH.1>|', '<MSH.1>*')
      .replace('^~\\&amp;', '#+?!');
    expect(fromXml(own).toString()).to.equal('MSH*#+?!\rPV1**a?F?b|?S?\r');
  });

  it('is refused when it is no message, or ER7 can’t say it', () => {
    const cases: [string, string, string][] = [
      ['<ADT_A05>', 'BAD_XML', 'not well-formed XML: line 1'],
      [xml('').replace('?>', '?><!DOCTYPE a [<!ENTITY e "SECRET">]>'), 'BAD_XML', 'DTD'],
      [xml('').replaceAll('urn:hl7-org:v2xml', 'urn:else'), 'BAD_XML', 'namespace'],
      [xml('<x:PID xmlns:x="urn:else"/>'), 'BAD_XML', 'another namespace'],
      [xml('<who/>'), 'BAD_XML', 'neither a segment nor a group'],
      [xml('').replace(/<MSH>.*<\/MSH>/, '<PID/>'), 'BAD_XML', 'first segment is not MSH'],
      [xml('<PID>SECRET</PID>'), 'BAD_XML', 'text beside the parts of PID'],
      [xml('<PID><PID.5>SECRET<XPN.1>a</XPN.1></PID.5></PID>'), 'BAD_XML', 'text beside the parts of PID.5'],
      [
        xml('<PID><PID.5><XPN.1>a</XPN.1><XPN.1>SECRET</XPN.1></PID.5></PID>'),
        'BAD_XML',
        'may not be repeated',
      ],
      [xml('<PID><SECRETS>a</SECRETS></PID>'), 'BAD_XML', 'does not end in its number'],
      [xml('<PID><PID.99999999/></PID>'), 'BAD_XML', 'too great a number'],
      [
        xml('<PID><PID.5><XPN.10><DR.1><TS.2>SECRET</TS.2></DR.1></XPN.10></PID.5></PID>'),
        'NOT_CONVERTIBLE',
        'has parts where ER7 can have none',
      ],
      [
        xml('<PID><PID.5>SECRET€</PID.5></PID>', '<MSH.18>8859/1</MSH.18>'),
        'NOT_CONVERTIBLE',
        'segment 2 (PID)',
      ],
      [xml('', '<MSH.18>UNICODE UTF-16</MSH.18>'), 'NOT_CONVERTIBLE', 'character set'],
      [
        xml('<PID><PID.5>a|</PID.5></PID>').replace('^~\\&amp;', '^'),
        'NOT_CONVERTIBLE',
        'no escape character',
      ],
      [xml('').replace('<MSH.1>|', '<MSH.1>a'), 'BAD_SEPARATORS', 'MSH-1'],
    ];
    for (const [text, code, words] of cases) {
      const error = thrown(() => fromXml(text));
      expect(error.code, words).to.equal(code);
      expect(error.message).to.include(words);
      expect(error.message).not.to.include('SECRET');
    }
  });

  it('takes a megabyte of whatever XML in a moment', function () {
    this.timeout(120_000);
    for (const piece of [
      '<PV1/>',
      '<PV1><PV1.2/></PV1>',
      '<PV1>text</PV1>',
      '<!---->',
      '\n<PV1/>',
      '<?a b?>',
      '<x><PV1/></x>',
    ]) {
      const before = performance.now();
      try {
        fromXml(xml(piece.repeat(2 ** 20 / piece.length)));
      } catch (error) {
        expect((error as SchemaError).code).to.equal('BAD_XML');
      }
      expect(performance.now() - before, piece).to.be.lessThan(4000);
    }
  });
});
