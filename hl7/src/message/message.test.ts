import { expect } from 'chai';
import fc from 'fast-check';
import { Message, type ParseOptions } from './message.js';
import { MessageError } from './message-error.js';
import { PathError } from './path.js';

const PHW = [
  'MSH|^~\\&|252|252|100|100|2026-03-04 09:15:27||ADT^A31^ADT_A05|20260304091527000001|P|2.5|||||GBR||EN||ITKv1.0',
  'EVN||20260304091500|20260304091527|||20260304091527',
  'PID|||1002003^^^252&1.2.3&ISO^PI~9434765919^^^NHS^NH||PRITCHARD^Siân^Mair^^MRS||19840229|F|||12 HEOL Y BRYN^TREGARTH',
  'PD1|||^^W95041^|G9701321',
  'PV1||U',
];

function parse(
  segments: string[] | string,
  options?: ParseOptions,
  encoding: BufferEncoding = 'utf8',
): Message {
  const text = typeof segments === 'string' ? segments : segments.join('\r');
  return Message.parse(Buffer.from(text, encoding), options);
}

function failure(of: () => unknown): MessageError {
  try {
    of();
  } catch (error) {
    expect(error).to.be.instanceOf(MessageError);
    return error as MessageError;
  }
  throw new Error('nothing was thrown');
}

describe('Message', () => {
  describe('parsing', () => {
    it('keeps the very bytes', () => {
      const bytes = Buffer.from(PHW.join('\n'));
      expect(Message.parse(bytes).bytes).to.equal(bytes);
    });

    for (const [name, end] of Object.entries({ CR: '\r', LF: '\n', CRLF: '\r\n', blank: '\r\r\n\n\r' })) {
      it(`takes ${name} as the end of a segment`, () => {
        const message = parse(PHW.join(end) + end);
        expect(message.segments().map((segment) => segment.name)).to.deep.equal([
          'MSH',
          'EVN',
          'PID',
          'PD1',
          'PV1',
        ]);
        expect(message.er7('PV1-2')).to.equal('U');
        expect(message.segments()[3]!.er7).to.equal(PHW[3]);
      });
    }

    it('takes mixed segment ends', () => {
      const message = parse('MSH|^~\\&|A\r\nEVN||1\nPID|2\rPV1|3\n\r');
      expect(message.segments().map((segment) => segment.er7)).to.deep.equal([
        'MSH|^~\\&|A',
        'EVN||1',
        'PID|2',
        'PV1|3',
      ]);
    });

    it('takes a segment that is only a name', () => {
      expect(parse('MSH|^~\\&|A\rPD1\rPV1|1').er7('PV1-1')).to.equal('1');
    });

    it('refuses what does not start with MSH', () => {
      for (const text of [
        '',
        'MS',
        '\rMSH|^~\\&|',
        ' MSH|^~\\&|',
        'msh|^~\\&|',
        'BHS|^~\\&|',
        '\ufeffMSH|^~\\&|',
      ]) {
        expect(failure(() => parse(text)).code).to.equal('NOT_HL7');
      }
    });

    it('refuses separators that are missing, too many, repeated or not punctuation', () => {
      const wrong = [
        'MSH',
        'MSH|',
        'MSH||252',
        'MSH|\rPID|1',
        'MSH|^~\\&#$|A',
        'MSH|^^\\&|',
        'MSHA^~\\&A',
        'MSH|^~ &|',
        'MSH|^1\\&|',
      ];
      for (const text of wrong) expect(failure(() => parse(text)).code, text).to.equal('BAD_SEPARATORS');
      expect(failure(() => parse('MSH|^\xa7\\&|A', {}, 'latin1')).code).to.equal('BAD_SEPARATORS');
    });

    it('refuses a line that is not a segment, by its number and without showing it', () => {
      for (const line of ['SECRET NAME', 'pid|1', 'PI|1', 'PIDX|1', '1PD|1', ' PID|1', 'Z']) {
        const error = failure(() => parse(['MSH|^~\\&|A', '', 'EVN||1', line, 'PV1||U']));
        expect(error.code).to.equal('BAD_SEGMENT');
        expect(error.message).to.include('Segment 3').and.not.include(line);
      }
    });

    it('refuses two messages in one frame', () => {
      const error = failure(() => parse([...PHW, ...PHW]));
      expect(error.code).to.equal('BAD_SEGMENT');
      expect(error.message).to.include('Segment 6').and.include('second MSH');
    });

    it('never throws anything but a MessageError, and never reads more than there is', () => {
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }).map((tail) => Buffer.concat([Buffer.from('MSH|^~\\&|'), tail])),
        fc
          .array(
            fc.constantFrom(
              'MSH',
              'PID',
              'OBX',
              '|',
              '^',
              '~',
              '\\',
              '&',
              '\r',
              '\n',
              'a',
              'é',
              '\\X',
              '""',
              '#',
            ),
            { maxLength: 80 },
          )
          .map((pieces) => Buffer.from('MSH|^~\\&' + pieces.join(''))),
      );
      const paths = ['PID', 'PID-3', 'OBX[2]-1.1', 'MSH-1', 'MSH-2', 'MSH-9.2.1', 'PID[1]-5[3].2.1'];
      fc.assert(
        fc.property(bytes, (input) => {
          let message: Message;
          try {
            message = Message.parse(Buffer.from(input));
          } catch (error) {
            expect(error).to.be.instanceOf(MessageError);
            return;
          }
          for (const path of paths) {
            message.er7(path);
            message.has(path);
            if (path.includes('-')) message.text(path);
          }
          message.texts('OBX[*]-1[*].1');
          const segments = message.segments().map((segment) => segment.er7);
          expect(segments.join('')).to.equal(
            Buffer.from(input)
              .toString('latin1')
              .replace(/[\r\n]/g, ''),
          );
        }),
        { numRuns: 1000 },
      );
    });

    it('takes a mebibyte of separators or of segment ends without hanging', () => {
      for (const piece of ['^', '~', '&', '|', '\\', '\r', 'OBX\r']) {
        const message = parse(
          'MSH|^~\\&|A\rPID|||' +
            piece.repeat(1_048_576 / piece.length) +
            'x\r'.replace('x', piece === '\r' || piece === 'OBX\r' ? '' : 'x'),
        );
        message.text('PID-3[2].4.1');
        message.texts('PID[*]-3[*].1');
        message.texts('OBX[*]-5');
        message.has('PID-3');
      }
    }).timeout(5000);
  });

  describe('reading', () => {
    const message = parse(PHW);

    it('gives the header', () => {
      expect(message).to.include({
        controlId: '20260304091527000001',
        sendingApplication: '252',
        messageCode: 'ADT',
        trigger: 'A31',
        structure: 'ADT_A05',
        version: '2.5',
      });
    });

    it('gives ER7: the whole field with repetitions unless the path asks for less', () => {
      expect(message.er7('PID-3')).to.equal('1002003^^^252&1.2.3&ISO^PI~9434765919^^^NHS^NH');
      expect(message.er7('PID-3[2]')).to.equal('9434765919^^^NHS^NH');
      expect(message.er7('PID-3.4')).to.equal('252&1.2.3&ISO');
      expect(message.er7('PID-3[2].4')).to.equal('NHS');
      expect(message.er7('PID-3.4.2')).to.equal('1.2.3');
      expect(message.er7('PD1')).to.equal('PD1|||^^W95041^|G9701321');
      expect(message.er7('PID-5')).to.equal('PRITCHARD^Siân^Mair^^MRS');
    });

    it('gives text: always one subcomponent, the first unless the path says which', () => {
      expect(message.text('PID-3')).to.equal('1002003');
      expect(message.text('PID-3[2]')).to.equal('9434765919');
      expect(message.text('PID-3.4')).to.equal('252');
      expect(message.text('PID-5.2')).to.equal('Siân');
      expect(message.text('PID-7')).to.equal('19840229');
      expect(message.text('PID-7.1')).to.equal('19840229');
      expect(message.text('PID-7.1.1')).to.equal('19840229');
      expect(message.text('PID-7.2')).to.equal('');
    });

    it("gives '' for what is not there", () => {
      for (const path of [
        'ZZZ',
        'PID[2]',
        'ZZZ-1',
        'PID-99',
        'PID-3[3]',
        'PID-3.9',
        'PID-3.4.9',
        'PV1-2.2',
      ]) {
        expect(message.er7(path), path).to.equal('');
        expect(message.has(path), path).to.equal(false);
      }
      expect(message.text('ZZZ-1')).to.equal('');
      expect(message.texts('ZZZ[*]-1[*]')).to.deep.equal([]);
    });

    it('takes MSH-1 and MSH-2 as the separators and MSH-3 as the third field', () => {
      expect(message.text('MSH-1')).to.equal('|');
      expect(message.text('MSH-2')).to.equal('^~\\&');
      expect(message.er7('MSH-2')).to.equal('^~\\&');
      expect(message.er7('MSH-2[1].1.1')).to.equal('^~\\&');
      expect(message.er7('MSH-2.2')).to.equal('');
      expect(message.er7('MSH-3')).to.equal('252');
      expect(message.has('MSH-1')).to.equal(true);
      const msh = message.segments()[0]!;
      expect([1, 2, 3, 9].map((n) => msh.field(n))).to.deep.equal(['|', '^~\\&', '252', 'ADT^A31^ADT_A05']);
      expect(msh.fields().slice(0, 4)).to.deep.equal(['MSH', '|', '^~\\&', '252']);
    });

    it('gives segments in a latin1 view', () => {
      const pid = message.segments()[2]!;
      expect(pid.index).to.equal(2);
      expect(pid.field(5)).to.equal('PRITCHARD^Si\xc3\xa2n^Mair^^MRS');
      expect(pid.field(99)).to.equal('');
      expect(pid.fields()[3]).to.equal(pid.field(3));
      expect(message.decode(pid.field(5))).to.equal(message.er7('PID-5'));
    });

    it('gives the texts of all repetitions and of all segments, in order', () => {
      const merge = parse([
        'MSH|^~\\&|A',
        'PID|1||A1^^^X~~A3^^^Z',
        'MRG|M1',
        'PID|2',
        'MRG|M2',
        'PID|3||C1^^^W',
      ]);
      expect(merge.texts('PID-3[*]')).to.deep.equal(['A1', '', 'A3']);
      expect(merge.texts('PID-3[*].4.1')).to.deep.equal(['X', '', 'Z']);
      expect(merge.texts('PID[*]-3[*]')).to.deep.equal(['A1', '', 'A3', 'C1']);
      expect(merge.texts('PID[*]-3')).to.deep.equal(['A1', '', 'C1']);
      expect(merge.texts('PID[*]-3[3]')).to.deep.equal(['A3', '', '']);
      expect(merge.texts('MRG[*]-1')).to.deep.equal(['M1', 'M2']);
      expect(merge.text('MRG[2]-1')).to.equal('M2');
      expect(merge.text('PID[3]-3.4')).to.equal('W');
      expect(merge.has('PID[*]-3[*].4')).to.equal(true);
      expect(merge.has('PID[2]-3')).to.equal(false);
      expect(merge.has('PID[2]')).to.equal(true);
    });

    it('refuses a path to many places where one is wanted, and a segment where a field is', () => {
      for (const path of ['PID[*]-3', 'PID-3[*]']) {
        expect(() => message.er7(path)).to.throw(PathError, 'names many places');
        expect(() => message.text(path)).to.throw(PathError, 'names many places');
        expect(() => message.isNull(path)).to.throw(PathError, 'names many places');
      }
      expect(() => message.text('PID')).to.throw(PathError, 'whole segment');
      expect(() => message.texts('PID[*]')).to.throw(PathError, 'whole segment');
    });

    it('tells the null from the empty and the absent', () => {
      const nulls = parse(['MSH|^~\\&|A', 'PID|""||""^x~""|^^~^&|""""|']);
      expect([1, 2, 3, 4, 5, 9].map((n) => nulls.isNull(`PID-${n}`))).to.deep.equal([
        true,
        false,
        false,
        false,
        false,
        false,
      ]);
      expect(nulls.isNull('PID-3.1')).to.equal(true);
      expect(nulls.isNull('PID-3[2]')).to.equal(true);
      expect(nulls.has('PID-1')).to.equal(true);
      expect(nulls.has('PID-4')).to.equal(false);
      expect(nulls.text('PID-1')).to.equal('""');
    });

    it("reads with the message's own separators", () => {
      const odd = parse(['MSH$*%!@$APP*x', 'PID$$$1*2@3%4$a!S!b!T!c$x^y~z&|']);
      expect(odd.text('MSH-3.2')).to.equal('x');
      expect(odd.text('PID-3.2.2')).to.equal('3');
      expect(odd.text('PID-3[2]')).to.equal('4');
      expect(odd.text('PID-4')).to.equal('a*b@c');
      expect(odd.text('PID-5')).to.equal('x^y~z&|');
    });

    it('reads messages that declare fewer separators, and the truncation character of 2.7', () => {
      const few = parse(['MSH|^|A', 'PID|a~b^c&d\\F\\']);
      expect(few.er7('PID-1')).to.equal('a~b^c&d\\F\\');
      expect(few.text('PID-1.2')).to.equal('c&d\\F\\');
      expect(few.text('PID-1[2]')).to.equal('');
      expect(few.text('PID-1.1.2')).to.equal('');
      expect(few.texts('PID-1[*]')).to.deep.equal(['a~b']);
      const seven = parse(['MSH|^~\\&#|A', 'PID|a\\P\\b#']);
      expect(seven.text('PID-1')).to.equal('a#b#');
      expect(parse(['MSH|^~\\&|A', 'PID|a\\P\\b']).text('PID-1')).to.equal('a\\P\\b');
    });
  });

  describe('escapes', () => {
    const text = (er7: string, msh18 = ''): string =>
      parse([`MSH|^~\\&|A|||||||||||||||${msh18}`, `PID|${er7}`], {}, 'latin1').text('PID-1');

    it('resolves separators, bytes and line breaks, and keeps what it does not know', () => {
      expect(text('\\F\\\\S\\\\T\\\\R\\\\E\\')).to.equal('|^&~\\');
      expect(text('a\\X0D0a\\b')).to.equal('a\r\nb');
      expect(text('one\\.br\\two')).to.equal('one\ntwo');
      expect(text('\\H\\bold\\N\\ \\.sp2\\ \\Z12\\ \\C2842\\ \\M244242\\')).to.equal(
        '\\H\\bold\\N\\ \\.sp2\\ \\Z12\\ \\C2842\\ \\M244242\\',
      );
      expect(text('\\X4\\ \\XZZ\\ \\X\\ \\\\')).to.equal('\\X4\\ \\XZZ\\ \\X\\ \\\\');
      expect(text('C:\\F')).to.equal('C:\\F');
      expect(text('a\\')).to.equal('a\\');
    });

    it('decodes \\X..\\ by the character set, and keeps bytes that are not valid in it', () => {
      expect(text('Si\\XC3A2\\n', 'UNICODE UTF-8')).to.equal('Siân');
      expect(text('Si\\XE2\\n', '8859/1')).to.equal('Siân');
      expect(text('Si\\XE2\\n \\T\\', 'UNICODE UTF-8')).to.equal('Si\\XE2\\n &');
    });

    it('leaves ER7 alone', () => {
      expect(parse(['MSH|^~\\&|A', 'PID|a\\T\\b']).er7('PID-1')).to.equal('a\\T\\b');
    });
  });

  describe('character sets', () => {
    const with18 = (name: string): string[] => [`MSH|^~\\&|A|||||||||||||||${name}`, 'PID|||||Siân'];

    it('reads UTF-8 unless MSH-18 or the flow says otherwise', () => {
      expect(parse(with18('')).text('PID-5')).to.equal('Siân');
      expect(parse(with18('""')).charset.name).to.equal('utf-8');
      expect(parse(with18(''), { defaultCharset: '8859/1' }, 'latin1').text('PID-5')).to.equal('Siân');
      expect(parse(with18('8859/1'), {}, 'latin1').text('PID-5')).to.equal('Siân');
      expect(parse(with18('8859/1~8859/15'), {}, 'latin1').text('PID-5')).to.equal('Siân');
      expect(parse(with18('UNICODE UTF-8'), { defaultCharset: '8859/1' }).text('PID-5')).to.equal('Siân');
      expect(parse(with18('UTF-16'), { charset: '8859/1' }, 'latin1').text('PID-5')).to.equal('Siân');
    });

    it('refuses content that is not valid in its set, by byte and segment, without showing it', () => {
      const error = failure(() => parse(with18(''), {}, 'latin1'));
      expect(error.code).to.equal('BAD_CHARSET_CONTENT');
      const at = Buffer.from(with18('').join('\r'), 'latin1').indexOf(0xe2);
      expect(error.message).to.include(`Byte ${at} `).and.include('segment 2 (PID)').and.not.include('Si');
      expect(failure(() => parse(with18('ASCII'))).code).to.equal('BAD_CHARSET_CONTENT');
    });

    it('refuses sets that can hide separators, and unknown ones, without showing MSH-18', () => {
      for (const name of [
        'UTF-16',
        'UTF-32',
        'GB 18030-2000',
        'BIG-5',
        'ISO IR87',
        '~ISO IR87',
        '8859/1~KS X 1001',
        'XYZZY',
      ]) {
        const error = failure(() => parse(with18(name), {}, 'latin1'));
        expect(error.code, name).to.equal('UNSUPPORTED_CHARSET');
        expect(error.message).to.include('MSH-18').and.not.include('XYZZY');
      }
      const byFlow = failure(() => parse(with18(''), { defaultCharset: 'nonsense' }));
      expect(byFlow.message).to.include('The flow');
    });
  });
});
