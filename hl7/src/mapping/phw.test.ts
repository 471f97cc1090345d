import { expect } from 'chai';
import { Message } from '../message/message.js';
import { MappingError } from './mapping.js';
import { builtInMapping } from './built-in.js';
const phw = builtInMapping('phw');

const MSH =
  'MSH|^~\\&|252|252|100|100|2026-03-04 09:15:27||ADT^A31^ADT_A05|20260304091527000001|P|2.5|||||GBR||EN||ITKv1.0';
const MSH_OUT = MSH.replace('2026-03-04 09:15:27', '20260304091527');
const EVN = 'EVN||20260304091500|20260304091527|||20260304091527';

function map(segments: string[], encoding: BufferEncoding = 'utf8'): string[] {
  const output = phw.map(Message.parse(Buffer.from(segments.join('\r') + '\r', encoding))).toString(encoding);
  expect(output.endsWith('\r')).to.equal(true);
  return output.slice(0, -1).split('\r');
}

/** The one segment after MSH. */
function mapped(segment: string): string | undefined {
  const [msh, out, ...more] = map([MSH, segment]);
  expect([msh, more]).to.deep.equal([MSH_OUT, []]);
  return out;
}

function pid29(value: string): string {
  const before = `PID|||1${'|'.repeat(26)}`;
  const out = mapped(`${before}${value}|||01`)!;
  return out.slice(before.length, -'|||01'.length);
}

describe('the PHW mapping', () => {
  it('maps the sample of an update', () => {
    const rest = [
      EVN,
      'PID|||1002003^^^252^PI~9434765919^^^NHS^NH||PRITCHARD^Siân^Mair^^MRS||19840229|F|||12 HEOL Y BRYN^TREGARTH^BANGOR^GWYNEDD^LL57 4PG^^H~FLAT 2^SEA VIEW^RHYL^^LL18 1AA^^B|||||||||||||||||||||01',
    ];
    expect(map([MSH, ...rest, 'PD1|||^^W95041^|G9701321', 'PV1||U'])).to.deep.equal([
      MSH_OUT,
      ...rest,
      'PD1|||^^W95041|G9701321',
      'PV1||U',
    ]);
  });

  it('maps the sample of a death taken back', () => {
    const before =
      'PID|||1002004^^^252^PI~9434765870^^^NHS^NH||HUGHES^Gwyn^^^MR||19310117|M|||3 STRYD FAWR^^CAERNARFON^GWYNEDD^LL55 1AB^^H||||||||||||||||||';
    expect(map([MSH, EVN, `${before}RESURREC|||01`, 'PD1|||^^W95041^|G9701321', 'PV1||U'])).to.deep.equal([
      MSH_OUT,
      EVN,
      `${before}""|||01`,
      'PD1|||^^W95041|G9701321',
      'PV1||U',
    ]);
  });

  it('maps a merge, every patient group of it', () => {
    const msh = MSH.replace('A31^ADT_A05', 'A40^ADT_A39');
    const group = (id: number): string[] => [
      `PID|||${id}^^^252^PI~943${id}^^^NHS^NH||A^B`,
      'PD1|||^^W95041',
      `MRG|${id}9^^^252^PI~8${id}^^^252^PI||||||X^Y`,
      'PV1||U',
    ];
    const rest = [EVN, ...group(1), ...group(2)];
    expect(map([msh, ...rest])).to.deep.equal([
      msh.replace('2026-03-04 09:15:27', '20260304091527'),
      ...rest,
    ]);
  });

  it('maps the time of death of each patient of a merge', () => {
    const pid = (value: string): string => `PID|||1${'|'.repeat(26)}${value}`;
    expect(map([MSH, pid('RESURREC'), 'MRG|2', pid(' 20240101 '), 'MRG|3', pid('resurrec')])).to.deep.equal([
      MSH_OUT,
      pid('""'),
      'MRG|2',
      pid('20240101'),
      'MRG|3',
      pid('""'),
    ]);
  });

  describe('MSH', () => {
    it('copies 3 to 6 and 8 to 21 with repetitions, components and subcomponents, and nothing after', () => {
      const before = 'MSH|^~\\&|252^a&b~x|4^c|5&d|6~7|';
      const after = '|8|ADT^A28|10\\T\\|P^T|2.3.1^GBR|13|14|AL|NE|GBR|UNICODE UTF-8~|EN^x|20|21^a~21b';
      expect(map([`${before}2026-03-04 09:15:27${after}|22|23`])).to.deep.equal([
        `${before}20260304091527${after}`,
      ]);
    });

    const good = {
      '2026-03-04 09:15:27': '20260304091527',
      '2024-02-29 23:59:59': '20240229235959',
      '2000-02-29 00:00:00': '20000229000000',
      '20260304091527': '20260304091527',
      '2026-03-04 09:15:27^M': '20260304091527',
      '2026-03-04 09:15:27~2027-01-01 00:00:00': '20260304091527',
    };
    for (const [before, after] of Object.entries(good)) {
      it(`makes MSH-7 ${after} of ${before}`, () => {
        expect(map([MSH.replace('2026-03-04 09:15:27', before)])).to.deep.equal([
          MSH.replace('2026-03-04 09:15:27', after),
        ]);
      });
    }

    const bad = [
      '',
      '""',
      ' ',
      '2026-03-04',
      '20260304',
      '202603040915',
      '2026-03-04 09:15',
      '2026-3-4 9:5:7',
      '2026-03-04T09:15:27',
      '2026-03-04 09:15:27+00:00',
      '20260304091527+0000',
      '20260304091527.123',
      '2026-03-04  09:15:27',
      ' 2026-03-04 09:15:27',
      '2026-03-04 09:15:27 ',
      '2025-02-29 09:15:27',
      '1900-02-29 00:00:00',
      '2026-13-01 00:00:00',
      '2026-00-01 00:00:00',
      '2026-04-31 00:00:00',
      '2026-03-00 00:00:00',
      '2026-03-04 24:00:00',
      '2026-03-04 09:60:00',
      '2026-03-04 09:15:60',
      '0000-01-01 00:00:00',
      '20250229000000',
      '20260304246060',
      '20260304 09:15:27',
      '2026-03-04091527',
      'yesterday',
      '2026-03-04 09:15:27&x',
      '^2026-03-04 09:15:27',
    ];
    for (const text of bad) {
      it(`refuses MSH-7 "${text}"`, () => {
        expect(() => map([MSH.replace('2026-03-04 09:15:27', text), EVN]))
          .to.throw(MappingError, 'MSH-7.1 is not a date and time')
          .that.includes({ code: 'BAD_DATE_TIME', path: 'MSH-7.1' });
      });
    }

    it('refuses a message without MSH-7, and never shows what it had', () => {
      expect(() => map(['MSH|^~\\&|252'])).to.throw(MappingError);
      expect(() => map([MSH.replace('2026-03-04 09:15:27', 'Jones')]))
        .to.throw()
        .with.property('message')
        .that.does.not.include('Jones');
    });
  });

  describe('PID', () => {
    it('copies 1 to 28 and 30 to 39 with all repetitions, and nothing after', () => {
      const fields = Array.from({ length: 39 }, (_, index) => `${index + 1}a^b&c~${index + 1}d\\T\\^^e`);
      fields[28] = '20240101';
      expect(mapped(['PID', ...fields, '40', '41'].join('|'))).to.equal(['PID', ...fields].join('|'));
    });

    const deaths: Record<string, string> = {
      RESURREC: '""',
      resurrec: '""',
      ReSurRec: '""',
      '  RESURREC ': '""',
      '\tresurrec': '""',
      'RESURREC^D': '""',
      'RESURREC~20240101': '""',
      '""': '""',
      '': '',
      '   ': '',
      '^D': '',
      '20240101': '20240101',
      '20240101123000': '20240101123000',
      '2024-12-31': '2024-12-31',
      UNKNOWN: 'UNKNOWN',
      ' unknown  ': 'unknown',
      '20240101^D': '20240101',
      '20240101~20250101': '20240101',
      RESURRECT: 'RESURRECT',
      'NOT RESURREC': 'NOT RESURREC',
      'a\\T\\b': 'a\\T\\b',
      'Siân à': 'Siân à',
    };
    for (const [before, after] of Object.entries(deaths)) {
      it(`makes PID-29 "${after}" of "${before}"`, () => {
        expect(pid29(before)).to.equal(after);
      });
    }

    it('writes no PID-29 where there was none or a blank one at the end', () => {
      expect(mapped('PID|||1')).to.equal('PID|||1');
      expect(mapped(`PID|||1${'|'.repeat(26)}  `)).to.equal('PID|||1');
      expect(mapped(`PID|||1${'|'.repeat(26)}RESURREC`)).to.equal(`PID|||1${'|'.repeat(26)}""`);
    });

    it('keeps nulls', () => {
      expect(mapped('PID|||1||""^""||""|""')).to.equal('PID|||1||""^""||""|""');
    });

    it('is not needed', () => {
      expect(map([MSH, EVN])).to.deep.equal([MSH_OUT, EVN]);
    });
  });

  describe('other segments', () => {
    it('are all copied once, in order, with all fields and repetitions, Z segments too', () => {
      const rest = [
        'SFT|a~b',
        EVN + '|7~8|9',
        'PID|||1',
        'ROL|1',
        'NK1|1|abc~def',
        'NK1|2|ghi^j&k~~lmn',
        'PV1||U',
        'OBX|1|ST|A||x',
        'OBX|2|ST|A||y~z',
        'ZPD|1|abc~def|' + 'x|'.repeat(100) + 'end',
        'Z01|b',
        'OBX|3|ST|B||\\X41\\ \\.br\\',
      ];
      expect(map([MSH, ...rest])).to.deep.equal([MSH_OUT, ...rest]);
    });

    it('are written without empty ends, but with empty repetitions', () => {
      expect(mapped('PD1|||^^W95041^|&&|a&^|^^^~||')).to.equal('PD1|||^^W95041||a|~');
    });
  });

  it("keeps the message's own separators and character set", () => {
    expect(map(['MSH$*%!@$252$$$$2026-03-04 09:15:27$$ADT*A31', 'PID$$$1**%2@3$$a|b!S!'])).to.deep.equal([
      'MSH$*%!@$252$$$$20260304091527$$ADT*A31',
      'PID$$$1%2@3$$a|b!S!',
    ]);
    const latin1 = MSH.replace('GBR||', 'GBR|8859/1|');
    const out = map([latin1, 'PID|||||Siân' + '|'.repeat(24) + ' Sià\xa0'], 'latin1');
    expect(out).to.deep.equal([
      latin1.replace('2026-03-04 09:15:27', '20260304091527'),
      'PID|||||Siân' + '|'.repeat(24) + 'Sià',
    ]);
  });

  it('takes LF and CRLF', () => {
    const message = Message.parse(Buffer.from(`${MSH}\r\nPID|||1\n\nPV1||U\n`));
    expect(phw.map(message).toString()).to.equal(`${MSH_OUT}\rPID|||1\rPV1||U\r`);
  });

  it('leaves the message as it was', () => {
    const bytes = Buffer.from([MSH, EVN].join('\r'));
    const copy = Buffer.from(bytes);
    phw.map(Message.parse(bytes));
    expect(bytes).to.deep.equal(copy);
  });
});
