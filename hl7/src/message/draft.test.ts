import { expect } from 'chai';
import fc from 'fast-check';
import { MessageDraft } from './draft.js';
import { escapeText } from './escape.js';
import { Message } from './message.js';
import { MessageError } from './message-error.js';
import { PathError } from './path.js';

const MSH = 'MSH|^~\\&|252|252|100|100|20260304091527||ADT^A31|1|P|2.5';

function message(segments: string[], encoding: BufferEncoding = 'utf8'): Message {
  return Message.parse(Buffer.from(segments.join('\r') + '\r', encoding));
}

function written(from: Message, change: (draft: MessageDraft) => void = () => undefined): string[] {
  const draft = MessageDraft.from(from);
  change(draft);
  const text = draft.toBytes().toString('utf8');
  expect(text.endsWith('\r')).to.equal(true);
  return text.slice(0, -1).split('\r');
}

function codeOf(of: () => unknown): string {
  try {
    of();
  } catch (error) {
    if (error instanceof MessageError || error instanceof PathError) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

describe('MessageDraft', () => {
  it('writes back a canonical message byte for byte', () => {
    const segments = [
      MSH + '^GBR~x',
      'EVN|""',
      'PID|||1^^^A&1.2&ISO^PI~2||Siân\\T\\\\X41\\^^B',
      'ZPD|1|~|x',
      'PV1||U',
    ];
    expect(written(message(segments))).to.deep.equal(segments);
    const latin1 = message(['MSH|^~\\&|252|||||||||||||||8859/1', 'PID|||||Siân'], 'latin1');
    expect(MessageDraft.from(latin1).toBytes()).to.deep.equal(latin1.bytes);
  });

  it('ends every segment with CR, whatever the sender used', () => {
    const text = `${MSH}\r\nPID|1\n\nPV1||U`;
    const draft = MessageDraft.from(Message.parse(Buffer.from(text)));
    expect(draft.toBytes().toString()).to.equal(`${MSH}\rPID|1\rPV1||U\r`);
  });

  it('trims empty ends but keeps empty repetitions', () => {
    const trimmed: Record<string, string> = {
      '^^W00000^': '^^W00000',
      '^^': '',
      '&&': '',
      '^&^': '',
      'a&&^b': 'a^b',
      'a^b&&': 'a^b',
      '^&x&^': '^&x',
      '^^^~': '~',
      'a^~^b^~': 'a~^b~',
      '~~': '~~',
      '""^': '""',
      'a\\T\\^': 'a\\T\\',
      ' ^': ' ',
    };
    for (const [before, after] of Object.entries(trimmed)) {
      const rest = after === '' ? 'PID|1' : `PID|1|${after}`;
      expect(written(message([MSH, `PID|1|${before}||`])), before).to.deep.equal([MSH, rest]);
    }
    expect(written(message([MSH + '|^^|', 'PD1|||', 'PV1']))).to.deep.equal([MSH, 'PD1', 'PV1']);
  });

  it('never touches MSH-1 and MSH-2', () => {
    const odd = ['MSH$*%!@$A', 'PID$1*2@3*'];
    expect(written(message(odd))).to.deep.equal(['MSH$*%!@$A', 'PID$1*2@3']);
    expect(written(message(['MSH|^|A^^', 'PID|a~^']))).to.deep.equal(['MSH|^|A', 'PID|a~']);
    expect(written(message(['MSH|^~\\&']))).to.deep.equal(['MSH|^~\\&']);
    const changed = written(message([MSH]), (draft) => {
      draft.segments[0]!.fields[2] = 'abc';
      draft.set('MSH-3', 'X');
    });
    expect(changed).to.deep.equal([MSH.replace('|252|', '|X|')]);
    for (const path of ['MSH-1', 'MSH-2', 'MSH-2.1']) {
      expect(codeOf(() => MessageDraft.from(message([MSH])).set(path, '#'))).to.equal('BAD_PATH');
    }
  });

  it('sets a text, escaped, in place of what stood there', () => {
    const from = message([MSH, 'PID|1||A^B&C&D^E~F']);
    const set = (path: string, text: string): string | undefined =>
      written(from, (draft) => draft.set(path, text))[1];
    expect(set('PID-3', 'x')).to.equal('PID|1||x');
    expect(set('PID-3[1]', 'x')).to.equal('PID|1||x~F');
    expect(set('PID-3[2]', 'x')).to.equal('PID|1||A^B&C&D^E~x');
    expect(set('PID-3[4].2', 'x')).to.equal('PID|1||A^B&C&D^E~F~~^x');
    expect(set('PID-3.2', 'x')).to.equal('PID|1||A^x^E~F');
    expect(set('PID-3.2.2', 'x')).to.equal('PID|1||A^B&x&D^E~F');
    expect(set('PID-5.2', 'a|b^c&d~e\\f')).to.equal('PID|1||A^B&C&D^E~F||^a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f');
    expect(set('PID-3', 'a\r\nb\tŵ')).to.equal('PID|1||a\\X0D\\\\X0A\\b\tŵ');
    expect(set('PID-3', '')).to.equal('PID|1');
    expect(set('PID-3', '""')).to.equal('PID|1||""');
  });

  it('makes a segment that is missing at the end, one after another', () => {
    expect(
      written(message([MSH, 'PID|1']), (draft) => {
        draft.set('PV1-2', 'N');
        draft.set('PID[2]-1', '2');
        draft.set('ZZZ-1', '');
      }),
    ).to.deep.equal([MSH, 'PID|1', 'PV1||N', 'PID|2']);
    expect(codeOf(() => MessageDraft.from(message([MSH])).set('PID[2]-1', 'x'))).to.equal('BAD_PATH');
  });

  it('starts blank with the separators of the message', () => {
    const draft = MessageDraft.blank(message(['MSH$*%!@$A', 'PID$1']));
    draft.set('MSH-9.2', 'A31');
    draft.set('PID-3.4', '$');
    expect(draft.toBytes().toString()).to.equal('MSH$*%!@$$$$$$$*A31\rPID$$$***!F!\r');
  });

  it('sets ER7 with what is below the place, and nothing that would break out of it', () => {
    const from = message([MSH, 'PID|1']);
    const set = (path: string, er7: string) => (): string | undefined =>
      written(from, (draft) => draft.setEr7(path, er7))[1];
    expect(set('PID-3', 'A^B&ŵ~C\\T\\')()).to.equal('PID|1||A^B&ŵ~C\\T\\');
    expect(set('PID-3[2]', 'A^B&C')()).to.equal('PID|1||~A^B&C');
    expect(set('PID-3.2', 'B&C')()).to.equal('PID|1||^B&C');
    for (const [path, er7] of [
      ['PID-3', 'a|b'],
      ['PID-3', 'a\rb'],
      ['PID-3', 'a\nb'],
      ['PID-3[1]', 'a~b'],
      ['PID-3.1', 'a~b'],
      ['PID-3.1', 'a^b'],
      ['PID-3.1.1', 'a&b'],
    ] as const) {
      expect(codeOf(set(path, er7)), path).to.equal('BAD_ER7');
    }
  });

  it('deletes places and segments', () => {
    const from = message([MSH, 'PID|1||A^B~C', 'PID|2', 'PV1||U']);
    expect(
      written(from, (draft) => {
        draft.delete('PID-3.1');
        draft.delete('PID[2]');
        draft.delete('PV1-2');
        draft.delete('ZZZ');
        draft.delete('ZZZ-1');
      }),
    ).to.deep.equal([MSH, 'PID|1||^B~C', 'PV1']);
    for (const path of ['MSH', 'PID[*]', 'PID-3[*]']) {
      expect(
        codeOf(() => MessageDraft.from(from).delete(path)),
        path,
      ).to.equal('BAD_PATH');
    }
  });

  it('refuses text that the character set or the separators can not write', () => {
    const ascii = message(['MSH|^~\\&|252|||||||||||||||ASCII', 'PID|1']);
    expect(codeOf(() => MessageDraft.from(ascii).set('PID-5', 'Siân'))).to.equal('UNENCODABLE_TEXT');
    const few = message(['MSH|^|252', 'PID|1']);
    expect(codeOf(() => MessageDraft.from(few).set('PID-5', 'a|b'))).to.equal('NO_SEPARATOR');
    expect(codeOf(() => MessageDraft.from(few).set('PID-5[2]', 'a'))).to.equal('NO_SEPARATOR');
    expect(codeOf(() => MessageDraft.from(few).set('PID-5.1.2', 'a'))).to.equal('NO_SEPARATOR');
    const draft = MessageDraft.from(few);
    draft.segments[1]!.fields[2] = 'ŵ';
    expect(codeOf(() => draft.toBytes())).to.equal('UNENCODABLE_TEXT');
  });

  it('gives back every text that was set', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({
        unit: fc.constantFrom(
          '|',
          '^',
          '~',
          '\\',
          '&',
          '#',
          '\r',
          '\n',
          '"',
          'X',
          '4',
          '1',
          'F',
          '.br',
          'é',
          ' ',
          '\0',
        ),
      }),
    );
    const path = fc.constantFrom(
      'PID-3',
      'PID-3[2]',
      'PID-3.2',
      'PID-3[3].2.4',
      'PID-40',
      'MSH-3',
      'ZZZ-1.1',
    );
    const header = fc.constantFrom(MSH, 'MSH$*%!@$A', 'MSH|^~\\&#|A');
    fc.assert(
      fc.property(text, path, header, (value, place, msh) => {
        const draft = MessageDraft.from(message([msh, 'PID|1||A^B&C~D'.replaceAll('|', msh[3]!)]));
        draft.set(place, value);
        expect(Message.parse(draft.toBytes()).text(place)).to.equal(value);
      }),
      { numRuns: 2000 },
    );
  });

  it('writes what it has written byte for byte again', () => {
    const line = fc.string({ unit: fc.constantFrom('|', '^', '~', '\\', '&', '"', 'a', 'é'), maxLength: 40 });
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const once = MessageDraft.from(message([MSH, ...lines.map((rest) => `ZAB|${rest}`)])).toBytes();
        expect(MessageDraft.from(Message.parse(once)).toBytes()).to.deep.equal(once);
      }),
    );
  });

  it('trims a mebibyte of separators without hanging', () => {
    for (const separator of ['^', '&', '~', '|']) {
      const long = 'PID|' + separator.repeat(1_048_576);
      expect(written(message([MSH, long + 'x']))[1]).to.equal(long + 'x');
      MessageDraft.from(message([MSH, long])).toBytes();
    }
  });
});

describe('escapeText', () => {
  it('escapes the separators that the message has, and control characters', () => {
    const separators = message(['MSH|^~\\&#|A']).separators;
    expect(escapeText('a|b^c~d\\e&f#g\r\u001c', separators)).to.equal(
      'a\\F\\b\\S\\c\\R\\d\\E\\e\\T\\f\\P\\g\\X0D\\\\X1C\\',
    );
    expect(escapeText('#', message([MSH]).separators)).to.equal('#');
  });
});

describe('a draft that nobody has touched', () => {
  it('is written as one whose every segment has been split', () => {
    const piece = fc.constantFrom('|', '|', '^', '&', '~', 'a', '"', '\\');
    const body = fc.array(fc.array(piece, { maxLength: 12 }), { maxLength: 5 });
    const header = fc.constantFrom('MSH|^~\\&|', 'MSH|^~\\&', 'MSH|^~', 'MSH|^', 'MSH|^~\\&|A&^||~');
    fc.assert(
      fc.property(header, body, (msh, segments) => {
        const er7 = [msh, ...segments.map((fields) => `PID|${fields.join('')}`)].join('\r');
        const message = Message.parse(Buffer.from(er7));
        const touched = MessageDraft.from(message);
        for (const segment of touched.segments) expect(segment.fields[0]).to.equal(segment.name);
        expect(MessageDraft.from(message).toBytes().toString()).to.equal(touched.toBytes().toString());
      }),
      { numRuns: 2_000 },
    );
  });
});
