import { expect } from 'chai';
import { ConditionError } from '../condition.js';
import { Message } from '../message/message.js';
import { MessageError } from '../message/message-error.js';
import { type Mapping, MappingError } from './mapping.js';
import { readMapping } from './mapping-file.js';

const MSH = 'MSH|^~\\&|252|4|||20260304091527||ADT^A31|1|P|2.5';

function compiled(yaml: string): Mapping {
  const { mapping, problems } = readMapping('test', yaml, '.');
  if (mapping === undefined) throw new Error(JSON.stringify(problems));
  return mapping;
}

function mapped(yaml: string, segments: readonly string[], encoding: BufferEncoding = 'utf8'): string[] {
  const message = Message.parse(Buffer.from(segments.join('\r'), encoding));
  const text = compiled(yaml).map(message).toString(encoding);
  expect(text.endsWith('\r')).to.equal(true);
  return text.slice(0, -1).split('\r');
}

/** What becomes of one segment by rules for it, each `- …` on a line of its own; undefined when it is left out. */
function segment(rules: string, source: string): string | undefined {
  const name = source.slice(0, 3);
  const lines = rules.trim().split('\n');
  const yaml = `other segments: copy\nsegments:\n  ${name}:\n${lines.map((line) => `    ${line}`).join('\n')}\n`;
  const [msh, out, ...more] = mapped(yaml, [MSH, source]);
  expect([msh, more]).to.deep.equal([MSH, []]);
  return out;
}

function codeOf(of: () => unknown): string {
  try {
    of();
  } catch (error) {
    if (error instanceof MappingError || error instanceof MessageError || error instanceof ConditionError)
      return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

/** Rules, the segment they are for, and what must come out ('' for no segment). */
type Case = readonly [rules: string, source: string, expected: string];

const cases: Readonly<Record<string, readonly Case[]>> = {
  'copy:': [
    ['- copy: ZAB-2', 'ZAB|1|2|3', 'ZAB||2'],
    ['- copy: ZAB-2', 'ZAB|1||3', ''],
    ['- copy: ZAB-9', 'ZAB|1', ''],
    ['- copy: ZAB-1, ZAB-3', 'ZAB|1|2|3|4', 'ZAB|1||3'],
    ['- copy: ZAB-3, ZAB-1', 'ZAB|1|2|3|4', 'ZAB|1||3'],
    ['- copy: ZAB-2..4', 'ZAB|1|2||4|5', 'ZAB||2||4'],
    ['- copy: ZAB-2..9', 'ZAB|1|2', 'ZAB||2'],
    ['- copy: ZAB-1..2, ZAB-5..6', 'ZAB|1|2|3|4|5|6|7', 'ZAB|1|2|||5|6'],
    ['- copy: ZAB-1..3', 'ZAB|||', ''],
    ['- copy: ZAB', 'ZAB|1|a^b&c~d||4', 'ZAB|1|a^b&c~d||4'],
    ['- copy: ZAB', 'ZAB', ''],
    ['- copy: ZAB-1..9\n- set: ZAB-12\n  value: x', 'ZAB|1|2', 'ZAB|1|2||||||||||x'],
    ['- copy: ZAB-1.1..3\n- set: ZAB-1.5\n  value: x', 'ZAB|a^^', 'ZAB|a^^^^x'],
    ['- copy: ZAB-1', 'ZAB|a^b&c~d^e\\T\\~', 'ZAB|a^b&c~d^e\\T\\~'],
    ['- copy: ZAB-1.2', 'ZAB|a^b&x^c~d^e', 'ZAB|^b&x'],
    ['- copy: ZAB-1.2..3', 'ZAB|a^b^c^d', 'ZAB|^b^c'],
    ['- copy: ZAB-1.2..3', 'ZAB|a^b', 'ZAB|^b'],
    ['- copy: ZAB-1.2..3', 'ZAB|a^^^d', ''],
    ['- copy: ZAB-1.1.1, ZAB-1.2..9', 'ZAB|a&x^b&y', 'ZAB|a^b&y'],
    ['- copy: ZAB-1.2.2', 'ZAB|a^b&c&d', 'ZAB|^&c'],
    ['- copy: ZAB-1.2.2..3', 'ZAB|a^b&c&d&e', 'ZAB|^&c&d'],
    ['- copy: ZAB-1[2]', 'ZAB|a~b^c~d', 'ZAB|~b^c'],
    ['- copy: ZAB-1[2], ZAB-1[3].1', 'ZAB|a~b^c~d^e', 'ZAB|~b^c~d'],
    ['- copy: ZAB-1[1], ZAB-1[2]', 'ZAB|a^b~c^d~e', 'ZAB|a^b~c^d'],
    ['- copy: ZAB-1[*]', 'ZAB|a~~b^c~', 'ZAB|a~~b^c~'],
    ['- copy: ZAB-1[*].2', 'ZAB|a^b~c~d^e', 'ZAB|^b~~^e'],
    ['- copy: ZAB-1[*].1, ZAB-1[*].3', 'ZAB|a^b^c~~d^e', 'ZAB|a^^c~~d'],
    ['- copy: ZAB-1[*].1', 'ZAB', ''],
    ['- copy: ZAB-1[*].1', 'ZAB|^x~^y', 'ZAB|~'],
    ['- copy: ZAB-1[*].2.2', 'ZAB|a^b&c~d', 'ZAB|^&c~'],
    ['- copy: ZAB-1', 'ZAB|""', 'ZAB|""'],
    ['- copy: ZAB-1.2', 'ZAB|a^^c~d^^', ''],
  ],
  'set: from:': [
    ['- set: ZAB-2\n  from: ZAB-1', 'ZAB|a^b~c|x', 'ZAB||a^b~c'],
    ['- set: ZAB-2.1\n  from: ZAB-1', 'ZAB|a^b&c~d', 'ZAB||a\\S\\b&c\\R\\d'],
    ['- set: ZAB-2.1.1\n  from: ZAB-1.1', 'ZAB|a&b^c', 'ZAB||a\\T\\b'],
    ['- set: ZAB-2[1]\n  from: ZAB-1', 'ZAB|a^b~c', 'ZAB||a^b\\R\\c'],
    ['- set: ZAB-2\n  from: ZAB-1.2', 'ZAB|a^b&c', 'ZAB||b&c'],
    ['- set: ZAB-2[2].3.2\n  from: ZAB-1', 'ZAB|a', 'ZAB||~^^&a'],
    ['- set: ZAB-2\n  from: ZAB-1.1 or ZAB-3 or ZAB-4', 'ZAB|^x|n|c|d', 'ZAB||c'],
    ['- set: ZAB-2\n  from: ZAB-1.1 or ZAB-3 or ZAB-4', 'ZAB|^x|n||d', 'ZAB||d'],
    ['- set: ZAB-2\n  from: ZAB-1.1 or ZAB-3', 'ZAB|""|n|c', 'ZAB||""'],
    ['- set: ZAB-2\n  from: MSH-3', 'ZAB|1', 'ZAB||252'],
    ['- set: ZAB-2\n  from: PID-3', 'ZAB|1', ''],
    ['- set: ZAB-2[*].1\n  from: ZAB-1[*].2', 'ZAB|a^b~c^d~e', 'ZAB||b~d~'],
    ['- copy: ZAB-2\n- set: ZAB-2[*].4\n  value: 103', 'ZAB||a~b^c', 'ZAB||a^^^103~b^c^^103'],
    ['- copy: ZAB-2\n- set: ZAB-2[*].4\n  value: 103', 'ZAB|x', ''],
  ],
  'set: value:': [
    ['- set: ZAB-2\n  value: 2.50', 'ZAB', 'ZAB||2.50'],
    ['- set: ZAB-2.3\n  value: 0103', 'ZAB', 'ZAB||^^0103'],
    ['- set: ZAB-2\n  value: a|b^c~d\\e&f', 'ZAB', 'ZAB||a\\F\\b\\S\\c\\R\\d\\E\\e\\T\\f'],
    ['- set: ZAB-2\n  value: "a\\nb"', 'ZAB', 'ZAB||a\\X0A\\b'],
    ['- set: ZAB-2\n  value: ""', 'ZAB|1|2', ''],
    ['- set: ZAB-2\n  value: \'""\'', 'ZAB|1|2', 'ZAB||""'],
    ['- set: ZAB-2\n  value: Siân', 'ZAB', 'ZAB||Siân'],
  ],
  'set: components:': [
    ['- set: ZAB-1\n  components: {4: NHS, 1: {from: ZAB-2}}', 'ZAB|x|1', 'ZAB|1^^^NHS'],
    ['- set: ZAB-1\n  components: {4: NHS, 1: {from: ZAB-2}}', 'ZAB|x', 'ZAB|^^^NHS'],
    ['- set: ZAB-1\n  components: {1: {from: ZAB-2.1}, 2: {from: ZAB-2.2}}', 'ZAB|x|1', 'ZAB|1'],
    ['- set: ZAB-1\n  components: {1: {from: ZAB-2}}', 'ZAB|x|a^b', 'ZAB|a\\S\\b'],
    ['- set: ZAB-1[2]\n  components: {2: x}', 'ZAB', 'ZAB|~^x'],
    ['- copy: ZAB-1\n- set: ZAB-1[2]\n  components: {2: x}', 'ZAB|a~b~c', 'ZAB|a~^x~c'],
    ['- set: ZAB-1[*]\n  components: {1: {from: "ZAB-2[*].2"}, 2: k}', 'ZAB||a^b~c^d', 'ZAB|b^k~d^k'],
  ],
  'join:': [
    ['- set: ZAB-1\n  join: [{value: VCC}, {from: ZAB-2.1}]', 'ZAB|x|12^y', 'ZAB|VCC12'],
    ['- set: ZAB-1\n  join: [{value: VCC}, {from: ZAB-2.1}]', 'ZAB|x', ''],
    ['- set: ZAB-1\n  join: [{value: VCC}, {from: ZAB-2.1}]', 'ZAB|x|""', 'ZAB|""'],
    [
      '- set: ZAB-1\n  join: [{from: ZAB-2}, {value: "&"}]\n  convert: upper',
      'ZAB||a\\T\\b',
      'ZAB|A\\T\\B\\T\\',
    ],
  ],
  'add:': [
    ['- copy: ZAB-1\n- add: ZAB-1\n  value: x', 'ZAB|a~b', 'ZAB|a~b~x'],
    ['- copy: ZAB-1\n- add: ZAB-1\n  value: x', 'ZAB', 'ZAB|x'],
    ['- copy: ZAB-1\n- add: ZAB-1\n  value: x', 'ZAB|a~', 'ZAB|a~~x'],
    ['- add: ZAB-1\n  from: ZAB-2\n- add: ZAB-1\n  from: ZAB-3', 'ZAB|o|a|b', 'ZAB|a~b'],
    ['- add: ZAB-1\n  from: ZAB-2\n- add: ZAB-1\n  from: ZAB-3', 'ZAB|o||b', 'ZAB|b'],
    ['- add: ZAB-1\n  from: ZAB-1[*]', 'ZAB|a~~b', 'ZAB|a~b'],
    [
      '- add: ZAB-1\n  from: ZAB-1[*]\n  when: message.text("ZAB-1.5") == "NI"',
      'ZAB|1^^^^NI~2^^^^PI~~3^^^^NI',
      'ZAB|1^^^^NI~3^^^^NI',
    ],
    ['- add: ZAB-1\n  components: {1: {from: "ZAB-2[*].2"}, 2: k}', 'ZAB||a^b~c^d', 'ZAB|b^k~d^k'],
  ],
  'null: and delete:': [
    ['- copy: ZAB-1..3\n- null: ZAB-2', 'ZAB|1|2|3', 'ZAB|1|""|3'],
    ['- copy: ZAB-1..3\n- null: ZAB-2, ZAB-5', 'ZAB|1', 'ZAB|1|""|||""'],
    ['- copy: ZAB-1..3\n- delete: ZAB-2..3', 'ZAB|1|2|3', 'ZAB|1'],
    ['- copy: ZAB-1\n- delete: ZAB-1.2', 'ZAB|a^b^c~d', 'ZAB|a^^c~d'],
    ['- copy: ZAB-1\n- delete: ZAB-1[*].2', 'ZAB|a^b^c~d^e', 'ZAB|a^^c~d'],
    ['- copy: ZAB-1\n- delete: ZAB-1.2.2', 'ZAB|a^b&x&c', 'ZAB|a^b&&c'],
    ['- copy: ZAB-1\n- delete: ZAB-1[2]', 'ZAB|a~b~c', 'ZAB|a~~c'],
    ['- copy: ZAB-1\n- delete: ZAB-1\n  when: message.text("ZAB-2") == "x"', 'ZAB|a|x', ''],
    ['- copy: ZAB-1\n- delete: ZAB-1\n  when: message.text("ZAB-2") == "x"', 'ZAB|a|y', 'ZAB|a'],
  ],
  'when: and else:': [
    ['- copy: ZAB-1\n  when: message.has("ZAB-2")', 'ZAB|a|x', 'ZAB|a'],
    ['- copy: ZAB-1\n  when: message.has("ZAB-2")', 'ZAB|a', ''],
    ['- copy: ZAB-1\n  when: message.has("ZAB-2")\n  else: n', 'ZAB|a', 'ZAB|n'],
    ['- copy: ZAB-1\n- set: ZAB-1\n  value: y\n  when: message.has("ZAB-2")', 'ZAB|a|1', 'ZAB|y'],
    ['- copy: ZAB-1\n- set: ZAB-1\n  value: y\n  when: message.has("ZAB-2")', 'ZAB|a', 'ZAB|a'],
    ['- copy: ZAB-1[*].1\n  when: message.text("ZAB-1.2") == "k"', 'ZAB|a^k~b~c^k', 'ZAB|a~~c'],
    ['- copy: ZAB-1[*].1\n  when: message.text("ZAB-1.2") == "k"\n  else: n', 'ZAB|a^k~b', 'ZAB|a~n'],
    ['- copy: ZAB-1[*].1\n  when: message.text("ZAB-1[1].2") == "k"', 'ZAB|a^k~b~c', 'ZAB|a~b~c'],
  ],
  'rules:': [
    [
      '- when: message.has("ZAB-9")\n  rules:\n    - copy: ZAB-1\n    - copy: ZAB-2\n      when: message.text("ZAB-1") == "1"',
      'ZAB|1|2|||||||x',
      'ZAB|1|2',
    ],
    [
      '- when: message.has("ZAB-9")\n  rules:\n    - copy: ZAB-1\n    - copy: ZAB-2\n      when: message.text("ZAB-1") == "1"',
      'ZAB|0|2|||||||x',
      'ZAB|0',
    ],
    [
      '- when: message.has("ZAB-9")\n  rules:\n    - copy: ZAB-1\n      when: message.has("ZAB-1")\n      else: e',
      'ZAB|0|2',
      '',
    ],
  ],
  'convert:': [
    ['- copy: ZAB-1\n  convert: trim', 'ZAB|  a b ', 'ZAB|a b'],
    ['- copy: ZAB-1\n  convert: trim', 'ZAB|\u00a0é ', 'ZAB|é'],
    ['- copy: ZAB-1\n  convert: trim', 'ZAB|a^ ', 'ZAB|a'],
    ['- copy: ZAB-1\n  convert: trim', 'ZAB|   ', ''],
    ['- copy: ZAB-1\n  convert: upper', 'ZAB|a\\T\\b\\.br\\é^c', 'ZAB|A\\T\\B\\.br\\É^C'],
    ['- copy: ZAB-1\n  convert: lower', 'ZAB|A\\T\\B', 'ZAB|a\\T\\b'],
    ['- copy: ZAB-1\n  convert: lower', 'ZAB|A\\TB', 'ZAB|a\\TB'],
    ['- copy: ZAB-1\n  convert: {default: "?"}', 'ZAB', 'ZAB|?'],
    ['- copy: ZAB-1\n  convert: {default: "?"}', 'ZAB|""', 'ZAB|""'],
    ['- copy: ZAB-1\n  convert: [trim, {default: "?"}]', 'ZAB|  ', 'ZAB|?'],
    ['- copy: ZAB-1[*].1\n  convert: upper', 'ZAB|a^x~~b', 'ZAB|A~~B'],
    ['- copy: ZAB-1..3\n  convert: upper', 'ZAB|a||b^c', 'ZAB|A||B^C'],
  ],
  'lookup:': [
    ['- copy: ZAB-1\n  convert: {lookup: {table: {M: male, F: female}}}', 'ZAB|F', 'ZAB|female'],
    ['- copy: ZAB-1\n  convert: {lookup: {table: {M: male}}}', 'ZAB', ''],
    ['- copy: ZAB-1\n  convert: {lookup: {table: {M: male}, otherwise: keep}}', 'ZAB|a^b', 'ZAB|a^b'],
    ['- copy: ZAB-1\n  convert: {lookup: {table: {M: male}, otherwise: empty}}', 'ZAB|X', ''],
    [
      '- copy: ZAB-1\n  convert: {lookup: {table: {M: male}, otherwise: {value: A&E}}}',
      'ZAB|X',
      'ZAB|A\\T\\E',
    ],
    ['- copy: ZAB-1\n  convert: {lookup: {table: {m: male}, ignore case: yes}}', 'ZAB|M', 'ZAB|male'],
    ['- copy: ZAB-1\n  convert: {lookup: {table: {A&E: 1}}}', 'ZAB|A\\T\\E', 'ZAB|1'],
    ['- copy: ZAB-1\n  convert: {lookup: {table: {Môn: 1}}}', 'ZAB|Môn', 'ZAB|1'],
    ['- copy: ZAB-1\n  convert: {lookup: {table: {\'""\': none}}}', 'ZAB|""', 'ZAB|none'],
    ["- copy: ZAB-1\n  convert: {lookup: {table: {X: ''}}}", 'ZAB|X', ''],
    [
      '- copy: ZAB-1\n  convert: {lookup: {table: {constructor: 1}, otherwise: keep}}',
      'ZAB|toString',
      'ZAB|toString',
    ],
  ],
  'date:': [
    ['- copy: ZAB-1\n  convert: {date: {from: YYYYMMDD}}', 'ZAB|20240229', 'ZAB|20240229'],
    ['- copy: ZAB-1\n  convert: {date: {from: DD/MM/YYYY, to: YYYYMMDD}}', 'ZAB|29/02/2024', 'ZAB|20240229'],
    [
      '- copy: ZAB-1\n  convert: {date: {from: YYYYMMDD, to: "YYYY-MM-DDThh:mm:ssZ"}}',
      'ZAB|19850315',
      'ZAB|1985-03-15T00:00:00Z',
    ],
    [
      '- copy: ZAB-1\n  convert: {date: {from: [YYYYMMDD, YYYYMMDDhhmm], to: YYYY-MM-DD, zone: cut}}',
      'ZAB|202402291530+0100',
      'ZAB|2024-02-29',
    ],
    [
      '- copy: ZAB-1\n  convert: {date: {from: YYYYMMDD, zone: cut, calendar: unchecked}}',
      'ZAB|20241399 +x',
      'ZAB|20241399',
    ],
    ['- copy: ZAB-1\n  convert: {date: {from: YYYYMMDD}}', 'ZAB', ''],
    ['- copy: ZAB-1\n  convert: {date: {from: YYYYMMDD, otherwise: keep}}', 'ZAB|""', 'ZAB|""'],
    ['- copy: ZAB-1\n  convert: {date: {from: YYYYMMDD, otherwise: empty}}', 'ZAB|20230229', ''],
    [
      '- copy: ZAB-1\n  convert: {date: {from: YYYYMMDD, required: yes, otherwise: {value: x}}}',
      'ZAB',
      'ZAB|x',
    ],
  ],
};

describe('the mapping language', () => {
  for (const [name, list] of Object.entries(cases)) {
    describe(name, () => {
      for (const [rules, source, expected] of list) {
        it(`${rules.replaceAll('\n', ' ')}: ${source} → ${expected}`, () => {
          expect(segment(rules, source) ?? '').to.equal(expected);
        });
      }
    });
  }

  const failures: readonly Case[] = [
    ['- copy: ZAB-1\n  convert: {lookup: {table: {M: male}}}', 'ZAB|JONES', 'NOT_IN_TABLE'],
    ['- copy: ZAB-1\n  convert: {lookup: {table: {M: male}}}', 'ZAB|""', 'NOT_IN_TABLE'],
    ['- copy: ZAB-1\n  convert: {lookup: {table: {M: male}}}', 'ZAB|constructor', 'NOT_IN_TABLE'],
    ['- copy: ZAB-1\n  convert: {date: {from: YYYYMMDD}}', 'ZAB|JONES', 'BAD_DATE_TIME'],
    ['- copy: ZAB-1\n  convert: {date: {from: YYYYMMDD}}', 'ZAB|20230229', 'BAD_DATE_TIME'],
    ['- copy: ZAB-1\n  convert: {date: {from: YYYYMMDD}}', 'ZAB|20240229+0000', 'BAD_DATE_TIME'],
    ['- copy: ZAB-1\n  convert: {date: {from: YYYYMMDD, required: yes}}', 'ZAB', 'BAD_DATE_TIME'],
    ['- copy: ZAB-1\n  when: int(message.text("ZAB-2")) > 1', 'ZAB|a|JONES', 'CONDITION_FAILED'],
  ];
  for (const [rules, source, code] of failures) {
    it(`refuses ${source} by ${rules.replaceAll('\n', ' ')} as ${code}, without showing it`, () => {
      expect(codeOf(() => segment(rules, source))).to.equal(code);
      expect(() => segment(rules, source))
        .to.throw(Error)
        .with.property('message')
        .that.does.not.include('JONES');
    });
  }

  it('names the repetition and the segment that an error is about', () => {
    const yaml =
      'other segments: copy\nsegments:\n  PID:\n    - copy: PID-13[*].1\n      convert: {date: {from: YYYYMMDD}}';
    expect(() => mapped(yaml, [MSH, 'PID|||||||||||||20240101~x']))
      .to.throw(MappingError, 'PID-13[2].1 is not a date')
      .with.property('path', 'PID-13[2].1');
    expect(() => mapped(yaml, [MSH, 'PID|1', 'PID|||||||||||||20240101~x']))
      .to.throw(MappingError)
      .with.property('path', 'PID[2]-13[2].1');
  });

  describe('segments', () => {
    const all = [MSH, 'EVN|x', 'PID|1|2', 'ZZZ|a', 'NK1|1', 'NK1|2', 'PV1|n'];

    it('are copied, dropped, or listed several together', () => {
      expect(mapped('other segments: copy\nsegments: {PID: drop, NK1 ZZZ: drop}', all)).to.deep.equal([
        MSH,
        'EVN|x',
        'PV1|n',
      ]);
      expect(mapped('other segments: drop\nsegments: {MSH: copy, NK1 ZZZ: copy}', all)).to.deep.equal([
        MSH,
        'ZZZ|a',
        'NK1|1',
        'NK1|2',
      ]);
    });

    it('come in the order of the source, or as they are listed', () => {
      const listed = (others: string): string =>
        `order: listed\nother segments: ${others}\nsegments:\n  PV1: copy\n  NK1: copy\n  MSH: copy\n  PID: [copy: PID-2]`;
      expect(mapped(listed('copy'), all)).to.deep.equal([
        MSH,
        'PV1|n',
        'NK1|1',
        'NK1|2',
        'PID||2',
        'EVN|x',
        'ZZZ|a',
      ]);
      expect(mapped(listed('drop'), all)).to.deep.equal([MSH, 'PV1|n', 'NK1|1', 'NK1|2', 'PID||2']);
      expect(mapped(listed('drop').replace('listed', 'source'), all)).to.deep.equal([
        MSH,
        'PID||2',
        'NK1|1',
        'NK1|2',
        'PV1|n',
      ]);
    });

    it('have conditions', () => {
      const yaml =
        'other segments: copy\nsegments:\n  NK1: {when: message.text("NK1-1") == "2", rules: copy}\n' +
        '  PV1: {when: message.text("MSH-9.2") == "A40", rules: [copy: PV1-1]}';
      expect(mapped(yaml, all)).to.deep.equal([MSH, 'EVN|x', 'PID|1|2', 'ZZZ|a', 'NK1|2']);
    });

    it('can be made where there is none, in front of what is listed behind them', () => {
      const yaml =
        'other segments: copy\nsegments:\n  PD1: {always: yes, rules: [{set: PD1-1, value: x}]}\n  NK1: copy\n' +
        '  OBX: {always: yes, rules: [{set: OBX-1, value: y}]}';
      expect(mapped(yaml, all)).to.deep.equal([
        MSH,
        'EVN|x',
        'PID|1|2',
        'ZZZ|a',
        'PD1|x',
        'NK1|1',
        'NK1|2',
        'PV1|n',
        'OBX|y',
      ]);
      expect(mapped(yaml, [MSH, 'PD1|a', 'PD1|b'])).to.deep.equal([MSH, 'PD1|x', 'PD1|x', 'OBX|y']);
      const conditional = yaml.replace('always: yes', 'always: yes, when: message.has("ZZZ")');
      expect(mapped(conditional, all)).to.include('PD1|x');
      expect(mapped(conditional, [MSH])).to.deep.equal([MSH, 'OBX|y']);
    });

    it('are left out when their rules write nothing', () => {
      expect(mapped('other segments: copy\nsegments: {PID: [copy: PID-9]}', all)).to.not.include('PID');
      expect(mapped('other segments: copy\nsegments: {MSH: [copy: "MSH-18, MSH-20"]}', [MSH])).to.deep.equal([
        'MSH|^~\\&',
      ]);
    });
  });

  describe('several segments of a name', () => {
    const merge = [MSH, 'PID|1||a', 'PD1|k', 'MRG|7', 'PID|2||b', 'MRG|8'];

    it('are mapped one by one, each with its own fields', () => {
      const yaml =
        'other segments: copy\nsegments:\n  PID:\n    - copy: PID-1\n    - set: PID-2\n      from: PID-3';
      expect(mapped(yaml, merge)).to.deep.equal([MSH, 'PID|1|a', 'PD1|k', 'MRG|7', 'PID|2|b', 'MRG|8']);
    });

    it('are what conditions on their own paths are about', () => {
      const yaml =
        'other segments: copy\nsegments:\n  PID:\n    - copy: PID-1\n    - copy: PID-3\n      when: message.text("PID-3") == "b"\n' +
        '    - set: PID-4\n      value: first\n      when: message.text("PID[1]-3") == "a"';
      expect(mapped(yaml, merge)).to.deep.equal([
        MSH,
        'PID|1|||first',
        'PD1|k',
        'MRG|7',
        'PID|2||b|first',
        'MRG|8',
      ]);
    });

    it('must be named by number where a rule for another segment reads or asks them', () => {
      const read = 'other segments: copy\nsegments:\n  PD1:\n    - set: PD1-1\n      from: PID-3';
      expect(codeOf(() => mapped(read, merge))).to.equal('AMBIGUOUS_SEGMENT');
      expect(mapped(read, merge.slice(0, 4))[2]).to.equal('PD1|a');
      expect(mapped(read.replace('PID-3', 'PID[2]-3'), merge)[2]).to.equal('PD1|b');
      expect(mapped(read.replace('PID-3', 'PID[3]-3 or MRG[2]-1'), merge)[2]).to.equal('PD1|8');
      for (const path of [
        'message.text("PID-3") == "a"',
        'message.has("PID")',
        'message.texts("PID-3[*]").exists(each, each == "a")',
      ]) {
        const asks = `other segments: copy\nsegments:\n  PD1:\n    - copy: PD1-1\n      when: ${path}`;
        expect(codeOf(() => mapped(asks, merge))).to.equal('AMBIGUOUS_SEGMENT');
        expect(mapped(asks, merge.slice(0, 4))[2]).to.equal('PD1|k');
        expect(mapped(asks.replace('PID', 'PID[2]').replace('"a"', '"b"'), merge)[2]).to.equal('PD1|k');
      }
    });

    it('are what conditions for the interpreter are about, and their repetitions', () => {
      const yaml =
        'other segments: copy\nsegments:\n  PID:\n    - copy: PID-3\n      when: message.texts("PID-3[*]").exists(each, each == "b")\n' +
        '    - copy: PID-4[*]\n      when: message.text("PID-4").matches("^x$") && message.text("PID[1]-1") == "1"';
      expect(mapped(yaml, [MSH, 'PID|1||a|x~y', 'PID|2||b|y~x~x^y'])).to.deep.equal([
        MSH,
        'PID||||x~',
        'PID|||b|~x~x^y',
      ]);
    });

    it('may be read by their own rules by number', () => {
      const yaml = 'other segments: copy\nsegments:\n  MRG:\n    - set: MRG-1\n      from: MRG[1]-1';
      expect(mapped(yaml, merge).filter((line) => line.startsWith('MRG'))).to.deep.equal(['MRG|7', 'MRG|7']);
    });
  });

  describe('refuse:', () => {
    const yaml =
      'other segments: copy\nsegments: {}\nrefuse:\n' +
      '  - {when: message.text("MSH-9.2") == "A40", code: MERGE, message: Merge by hand}\n' +
      '  - {when: message.has("ZZZ"), code: NO_ZZZ, message: Leave it out}';

    it('throws its code and sentence', () => {
      expect(() => mapped(yaml, [MSH.replace('A31', 'A40')]))
        .to.throw(MappingError, 'Merge by hand')
        .with.property('code', 'MERGE');
      expect(codeOf(() => mapped(yaml, [MSH, 'ZZZ']))).to.equal('NO_ZZZ');
      expect(mapped(yaml, [MSH])).to.deep.equal([MSH]);
    });
  });

  describe("the message's own", () => {
    const yaml =
      'other segments: copy\nsegments:\n  ZAB:\n    - copy: ZAB-1[*].2\n    - set: ZAB-2\n      components: {1: A&E, 3: {from: ZAB-3}}';

    it('separators are read and written', () => {
      const msh = 'MSH$*%!@$252';
      expect(mapped(yaml, [msh, 'ZAB$a*b@c%d$$x|y*z'])).to.deep.equal([msh, 'ZAB$*b@c%$A&E**x|y!S!z']);
      expect(
        mapped('other segments: copy\nsegments: {MSH: [copy: "MSH-3, MSH-18", {set: MSH-5, value: a@b$}]}', [
          msh,
        ]),
      ).to.deep.equal(['MSH$*%!@$252$$a!T!b!F!']);
    });

    it('separators must be there for what is written', () => {
      expect(mapped(yaml, ['MSH|^|252', 'ZAB|a^b~c||x'])).to.deep.equal(['MSH|^|252', 'ZAB|^b~c|A&E^^x']);
      expect(codeOf(() => mapped(yaml, ['MSH|^|252', 'ZAB|a^b||x^y']))).to.equal('NO_SEPARATOR');
      for (const path of ['ZAB-1[2]', 'ZAB-1.1.2', 'ZAB-1[2].1']) {
        const needs = `other segments: copy\nsegments: {ZAB: [{set: '${path}', value: x}]}`;
        expect(codeOf(() => mapped(needs, ['MSH|^|252', 'ZAB']))).to.equal('NO_SEPARATOR');
      }
      for (const path of ['ZAB-1.1.2', 'ZAB-1[2].1']) {
        const needs = `other segments: copy\nsegments: {ZAB: [copy: ZAB-1, {set: '${path}', value: x}]}`;
        expect(codeOf(() => mapped(needs, ['MSH|^|252', 'ZAB|a^b']))).to.equal('NO_SEPARATOR');
      }
      const escapes = 'other segments: copy\nsegments: {ZAB: [{set: ZAB-1, value: a^b}]}';
      expect(codeOf(() => mapped(escapes, ['MSH|^|252', 'ZAB']))).to.equal('NO_SEPARATOR');
      expect(mapped(escapes, ['MSH|$~\\|252', 'ZAB'])[1]).to.equal('ZAB|a^b');
    });

    it('separators are those of each message, not of the first', () => {
      const mapping = compiled('other segments: copy\nsegments: {ZAB: [{set: ZAB-2, value: a|b$c}]}');
      const made = ['MSH|^~\\&|\rZAB|', 'MSH$*%!@$\rZAB$', 'MSH|^~\\&|\rZAB|'].map((text) =>
        mapping.map(Message.parse(Buffer.from(text))).toString(),
      );
      expect(made).to.deep.equal([
        'MSH|^~\\&\rZAB||a\\F\\b$c\r',
        'MSH$*%!@\rZAB$$a|b!F!c\r',
        'MSH|^~\\&\rZAB||a\\F\\b$c\r',
      ]);
    });

    it('character set is read and written', () => {
      const msh = 'MSH|^~\\&|252|||||||||||||||8859/1';
      const text =
        'other segments: copy\nsegments:\n  ZAB:\n    - set: ZAB-1\n      value: Môn\n    - copy: ZAB-2\n      convert: upper\n' +
        '    - copy: ZAB-3\n      convert: {lookup: {table: {Môn: é}}}';
      expect(mapped(text, [msh, 'ZAB||é|Môn'], 'latin1')).to.deep.equal([msh, 'ZAB|Môn|É|é'], 'latin1');
      expect(codeOf(() => mapped(text.replace('value: Môn', 'value: ŵ'), [msh, 'ZAB'], 'latin1'))).to.equal(
        'UNENCODABLE_TEXT',
      );
    });
  });

  it('reads other segments as if they had no empty ends', () => {
    const yaml = 'other segments: copy\nsegments:\n  ZAB:\n    - set: ZAB-1.1\n      from: PV1-1 or PV1-2';
    expect(mapped(yaml, [MSH, 'PV1|^^|a^b^^', 'ZAB'])).to.deep.equal([MSH, 'PV1||a^b', 'ZAB|a\\S\\b']);
  });

  it('compares what has empty ends as if it had none', () => {
    const yaml =
      'other segments: drop\nsegments:\n  MSH: copy\n  ZAB:\n    - set: ZAB-1\n      from: ZAB-2 or ZAB-3\n    - copy: ZAB-4.1..3';
    expect(mapped(yaml, [MSH + '||', 'ZAB||^^&|a^&|b^&^|'])).to.deep.equal([MSH, 'ZAB|a|||b']);
  });
});
