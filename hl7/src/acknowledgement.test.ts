import { expect } from 'chai';
import { acceptance, readAcknowledgement, rejection } from './acknowledgement.js';
import { Message } from './message/message.js';
import { MessageError } from './message/message-error.js';

const AT = new Date('2026-03-04T09:15:27.999+01:00');

function parse(text: string, encoding: BufferEncoding = 'utf8'): Message {
  return Message.parse(Buffer.from(text, encoding));
}

function lines(bytes: Buffer, encoding: BufferEncoding = 'utf8'): string[] {
  const text = bytes.toString(encoding);
  expect(text.endsWith('\r'), 'ends with CR').to.equal(true);
  return text.slice(0, -1).split('\r');
}

describe('acceptance', () => {
  it('answers a message field by field', () => {
    const message = parse(
      'MSH|^~\\&|252^a&b|253|100|101^^x|2026-03-04 09:15:27||ADT^A31^ADT_A05|20260304091527000001|T^C|2.5^GBR|||||GBR||EN\rPID|1',
    );
    expect(lines(acceptance(message, AT))).to.deep.equal([
      'MSH|^~\\&|100|101^^x|252^a&b|253|20260304081527||ACK^A31^ACK|20260304091527000001|T^C|2.5^GBR',
      'MSA|AA|20260304091527000001',
    ]);
  });

  it('does without trigger, control id and processing id', () => {
    expect(lines(acceptance(parse('MSH|^~\\&|A|B|C|D|||ADT'), AT))).to.deep.equal([
      'MSH|^~\\&|C|D|A|B|20260304081527||ACK||P|',
      'MSA|AA|',
    ]);
  });

  it("keeps the message's own separators and escapes", () => {
    const message = parse('MSH$*%!@$A*b@c$$C!F!$$$$ADT*A08$1!T!2$P$2.3.1\rPID$1');
    expect(lines(acceptance(message, AT))).to.deep.equal([
      'MSH$*%!@$C!F!$$A*b@c$$20260304081527$$ACK*A08*ACK$1!T!2$P$2.3.1',
      'MSA$AA$1!T!2',
    ]);
    expect(lines(acceptance(parse('MSH|^|A|B|C|D|||ADT^A31|1|P|2.5'), AT))[1]).to.equal('MSA|AA|1');
  });

  it('names the character set when the acknowledgement is not pure ASCII, and only then', () => {
    const latin1 = parse(
      'MSH|^~\\&|Tŷ|B|Siân|D|||ADT^A31|1|P|2.5||||||8859/14'.replace('ŷ', '\xfe'),
      'latin1',
    );
    expect(lines(acceptance(latin1, AT), 'latin1')[0]).to.equal(
      'MSH|^~\\&|Siân|D|T\xfe|B|20260304081527||ACK^A31^ACK|1|P|2.5||||||8859/14',
    );
    const utf8 = parse('MSH|^~\\&|A|B|Tŷ|D|||ADT^A31|1|P|2.5');
    expect(lines(acceptance(utf8, AT))[0]).to.equal('MSH|^~\\&|Tŷ|D|A|B|20260304081527||ACK^A31^ACK|1|P|2.5');
    const asciiHeader = parse('MSH|^~\\&|A|B|C|D|||ADT^A31|1|P|2.5||||||UNICODE UTF-8\rPID|||||Siân');
    expect(lines(acceptance(asciiHeader, AT))[0]).to.equal(
      'MSH|^~\\&|C|D|A|B|20260304081527||ACK^A31^ACK|1|P|2.5',
    );
  });
});

describe('rejection', () => {
  const header = (version: string, charset = ''): string =>
    `MSH|^~\\&|A|B|C|D|||ADT^A31|77|P|${version}||||||${charset}\rPID|1`;
  const errors = [
    { location: 'PID-7', code: '102', text: 'PID-7 must be a date | of 8 digits' },
    { location: 'OBX[2]-5[3].1.2', code: '103', text: 'Not in the table' },
    { location: 'PV1', code: '100', text: 'PV1 is missing' },
    { code: '207', text: 'Try later' },
  ];

  it('reports each error in an ERR segment from 2.5 on', () => {
    for (const version of ['2.5', '2.5.1', '2.8.2', '']) {
      expect(lines(rejection(parse(header(version)), { code: 'AE', errors }, AT)).slice(1)).to.deep.equal([
        'MSA|AE|77',
        'ERR||PID^1^7^1|102^^HL70357|E||||PID-7 must be a date \\F\\ of 8 digits',
        'ERR||OBX^2^5^3^1^2|103^^HL70357|E||||Not in the table',
        'ERR||PV1^1|100^^HL70357|E||||PV1 is missing',
        'ERR|||207^^HL70357|E||||Try later',
      ]);
    }
  });

  it('reports in ERR-1 and MSA-3 before 2.5', () => {
    for (const version of ['2.3.1', '2.4', '2.1']) {
      expect(
        lines(rejection(parse(header(version)), { code: 'AR', errors: errors.slice(0, 2) }, AT)).slice(1),
      ).to.deep.equal([
        'MSA|AR|77|PID-7 must be a date \\F\\ of 8 digits Not in the table',
        'ERR|PID^1^7^102&&HL70357~OBX^2^5^103&&HL70357',
      ]);
    }
  });

  it('needs no errors', () => {
    expect(lines(rejection(parse(header('2.5')), { code: 'AR', errors: [] }, AT))).to.deep.equal([
      'MSH|^~\\&|C|D|A|B|20260304081527||ACK^A31^ACK|77|P|2.5',
      'MSA|AR|77',
    ]);
  });

  it('writes what the message can carry', () => {
    const sentence = [{ code: '102', text: 'nid yw’n ddyddiad ŵ|\r' }];
    const err = (text: string): string | undefined =>
      lines(rejection(parse(text), { code: 'AE', errors: sentence }, AT))[2];
    expect(err(header('2.5'))).to.equal('ERR|||102^^HL70357|E||||nid yw’n ddyddiad ŵ\\F\\\\X0D\\');
    expect(err(header('2.5', 'ASCII'))).to.equal(
      'ERR|||102^^HL70357|E||||nid yw?n ddyddiad ???'.replace('???', '?\\F\\?'),
    );
    expect(err('MSH|^|A|B|C|D|||ADT^A31|77|P|2.5')).to.equal('ERR|||102^^HL70357|E||||nid yw’n ddyddiad ŵ  ');
    const [msh] = lines(
      rejection(parse(header('2.5', 'UNICODE UTF-8')), { code: 'AE', errors: sentence }, AT),
    );
    expect(msh).to.match(/\|2\.5\|{6}UNICODE UTF-8$/);
  });
});

describe('readAcknowledgement', () => {
  it('reads what acceptance and rejection write', () => {
    const message = parse('MSH$*%!@$A$B$C$D$$$ADT*A31$1!T!2$P$2.5');
    expect(readAcknowledgement(acceptance(message, AT))).to.deep.equal({ code: 'AA', controlId: '1!T!2' });
    const errors = [{ location: 'PID-7', code: '102', text: 'a|b' }];
    expect(readAcknowledgement(rejection(message, { code: 'AE', errors }, AT))).to.deep.equal({
      code: 'AE',
      controlId: message.controlId,
      text: 'a|b',
    });
  });

  it('gives MSA-1 as it is, and text from MSA-3, ERR-8 or ERR-3', () => {
    const read = (segments: string): unknown => readAcknowledgement(Buffer.from(`MSH|^~\\&|A\r${segments}`));
    expect(read('MSA|aa|7')).to.deep.equal({ code: 'aa', controlId: '7' });
    expect(read('MSA|AE')).to.deep.equal({ code: 'AE', controlId: '' });
    expect(read('MSA|AR|7|no\rERR||||E||||other\r')).to.deep.equal({
      code: 'AR',
      controlId: '7',
      text: 'no',
    });
    expect(read('MSA|CE|7\rERR|||207^broken')).to.deep.equal({ code: 'CE', controlId: '7', text: 'broken' });
  });

  it('reads an answer in a wrong or unknown character set', () => {
    for (const msh18 of ['', 'ASCII', 'ISO IR87']) {
      const answer = Buffer.from(`MSH|^~\\&|A|||||||||||||||${msh18}\rMSA|AA|7|Siân`, 'latin1');
      expect(readAcknowledgement(answer)).to.deep.equal({ code: 'AA', controlId: '7', text: 'Siân' });
    }
  });

  it('refuses what is not an acknowledgement', () => {
    const codeOf = (text: string): string => {
      try {
        readAcknowledgement(Buffer.from(text));
      } catch (error) {
        return (error as MessageError).code;
      }
      return '';
    };
    expect(codeOf('MSH|^~\\&|A\rPID|1')).to.equal('NOT_ACKNOWLEDGEMENT');
    expect(codeOf('MSH|^~\\&|A\rMSA||1')).to.equal('NOT_ACKNOWLEDGEMENT');
    expect(codeOf('\x06')).to.equal('NOT_HL7');
    expect(codeOf('')).to.equal('NOT_HL7');
  });
});
