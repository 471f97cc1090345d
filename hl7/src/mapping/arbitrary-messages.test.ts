import { expect } from 'chai';
import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ConditionError } from '../condition.js';
import { MessageDraft } from '../message/draft.js';
import { Message } from '../message/message.js';
import { MessageError } from '../message/message-error.js';
import { mutated, Random } from '../schema/agreement.js';
import { builtInMapping } from './built-in.js';
import { type Mapping, MappingError } from './mapping.js';
import { readMapping } from './mapping-file.js';

const SAMPLES = path.join(import.meta.dirname, '../../../manifests/flows/samples');
const samples = readdirSync(SAMPLES).map((file) => readFileSync(path.join(SAMPLES, file)));
const seed = Number(process.env['HL7_SEED'] ?? Date.now() % 1_000_000_000);

const NAMES = ['EVN', 'PID', 'PD1', 'MRG', 'NK1', 'PV1', 'OBX', 'AL1', 'ZPD', 'ABC', 'IN1'];

/** Does nearly everything that the language can, to segments that are in most samples. */
const EVERYTHING = `
order: listed
other segments: copy
tables: {boards: {252: VCC, PIMS: PM, '""': none}}
refuse:
  - {when: 'message.texts("PID-3[*].4").exists(each, each == "REFUSED")', code: REFUSED, message: no}
segments:
  MSH:
    - copy: MSH
    - set: MSH-12
      value: 2.5
    - copy: MSH-3.1
      convert: [trim, upper, {lookup: {table: boards, otherwise: keep}}, {default: A&B}]
  PID:
    - copy: PID
    - set: PID-3[*].4
      join: [{value: '^'}, {from: 'PID-3[*].1'}, {from: MSH-3}]
      when: message.text("PID-3.5") != "NH"
    - copy: PID-5.2.2
      convert: [trim, lower]
    - copy: PID-7
      convert: {date: {from: [YYYYMMDD, YYYYMMDDhhmmss], to: YYYY-MM-DD, zone: cut}}
    - add: PID-13
      from: PID-11[*].1
      when: message.text("PID-11.7") == "B"
    - delete: PID-11[*].2.1
    - set: PID-2[3].2.2
      from: PID-3 or MRG-1
  PV1:
    when: message.has("PID-3") && message.text("PV1-2") != "X"
    always: yes
    rules:
      - set: PV1-2
        components: {3: {from: PV1-2 or PID-5}, 1: N}
      - null: PV1-3.2
        when: int(message.text("PV1-3.1")) > 3
  OBX NK1: copy
  AL1: [copy: 'AL1-1..3, AL1-4[*].1']
`;

function compiled(yaml: string): Mapping {
  const { mapping, problems } = readMapping('test', yaml, '.');
  if (mapping === undefined) throw new Error(JSON.stringify(problems));
  return mapping;
}

function parsed(bytes: Buffer): Message | undefined {
  try {
    return Message.parse(bytes);
  } catch (error) {
    if (error instanceof MessageError) return undefined;
    throw error;
  }
}

/** What a mapping makes of a message, checked; its code when it can't. Anything else that is thrown goes on. */
function outcome(mapping: Mapping, message: Message): Buffer | string {
  let bytes: Buffer;
  try {
    bytes = mapping.map(message);
  } catch (error) {
    if (error instanceof MappingError || error instanceof MessageError || error instanceof ConditionError)
      return error.code;
    throw error;
  }
  const again = Message.parse(bytes, { charset: message.charset.name });
  expect(again.separators).to.deep.equal(message.separators);
  expect(MessageDraft.from(again).toBytes().toString('latin1'), mapping.name).to.equal(
    bytes.toString('latin1'),
  );
  return bytes;
}

/** Messages that no sender would write: any segments, separators and parts in any order. */
const messages = fc
  .tuple(
    fc.constantFrom('|^~\\&', '|^~\\&#', '$*%!@', '|^~', '|^', '&|^~\\'),
    fc.array(
      fc.tuple(
        fc.constantFrom(...NAMES),
        fc.array(fc.constantFrom(...Array.from('FFFCCRRSEaB1'), '""', ' ', 'é', '20240229', '5', 'NH'), {
          maxLength: 30,
        }),
      ),
      { maxLength: 8 },
    ),
  )
  .map(([own, body]) => {
    const [F = '', C = '', R = '', E = '', S = ''] = Array.from(own);
    const stands: Record<string, string> = { F, C, R, S, E };
    const lines = body.map(([name, atoms]) => name + F + atoms.map((atom) => stands[atom] ?? atom).join(''));
    return Message.parse(Buffer.from([`MSH${own}${F}252${F}${C}b${F}${F}`, ...lines].join('\r')));
  });

describe('mappings on arbitrary messages', function () {
  this.timeout(480_000);

  const ofSegments = (each: (name: string) => string): Mapping =>
    compiled(
      `other segments: drop\nsegments:\n  MSH: copy\n${NAMES.map((name) => `  ${name}: ${each(name)}\n`).join('')}`,
    );

  it('give what a draft gives when they copy everything', () => {
    const others = compiled('other segments: copy\nsegments: {}');
    const listed = ofSegments(() => 'copy');
    const byRules = compiled(
      `other segments: copy\nsegments:\n  MSH: [copy: MSH]\n${NAMES.map((name) => `  ${name}: [copy: ${name}]\n`).join('')}`,
    );
    const byRanges = ofSegments((name) => `[copy: '${name}-1..3, ${name}-4, ${name}-5..40']`);
    const byRepetitions = ofSegments((name) => {
      const fields = Array.from({ length: 32 }, (_, index) => `${name}-${index + 1}[*]`);
      return `[copy: '${fields.join(', ')}']`;
    });
    fc.assert(
      fc.property(messages, (message) => {
        const expected = MessageDraft.from(message).toBytes().toString('latin1');
        expect(others.map(message).toString('latin1')).to.equal(expected);
        expect(listed.map(message).toString('latin1')).to.equal(expected);
        const filled = expected.replace(/\r...(?=\r)/g, '');
        for (const mapping of [byRules, byRanges, byRepetitions]) {
          expect(mapping.map(message).toString('latin1')).to.equal(filled);
        }
      }),
      { numRuns: 1000, seed },
    );
  });

  it('give a message without empty ends or an error of their own', () => {
    const everything = compiled(EVERYTHING);
    const names = ['phw', 'chemocare', 'pims'];
    const codes = new Set<string>();
    fc.assert(
      fc.property(messages, (message) => {
        for (const mapping of [everything, ...names.map((name) => builtInMapping(name))]) {
          const made = outcome(mapping, message);
          codes.add(typeof made === 'string' ? made : 'mapped');
        }
      }),
      { numRuns: 1500, seed },
    );
    expect([...codes]).to.include.members(['mapped', 'NO_SEPARATOR', 'BAD_DATE_TIME', 'AMBIGUOUS_SEGMENT']);
  });

  it('take time in proportion to the message, whatever there is much of', () => {
    const msh = 'MSH|^~\\&|224|1|||2026-03-04 09:15:27||ADT^A31|1|P|2.5\r';
    const many = (text: string): string => text.repeat(300_000 / text.length);
    const large = [
      ...['b~', '^', 'a&^', '~|', 'x^~', '\\T\\~'].map((text) => `PID|||${many(text)}\rPV1|1`),
      `PID|||||||||||${many('a^^^^^^B~')}||${many('5^x~')}`,
      ...['PID|1||2^^^NI', 'OBX|1', 'AL1|1|2||x~y', 'PV1|1|\\T\\^x'].map(
        (text) => `${many(`${text}\r`)}MRG|1`,
      ),
    ];
    const mappings = [
      compiled(EVERYTHING),
      ...['phw', 'chemocare', 'pims'].map((name) => builtInMapping(name)),
    ];
    const slow = compiled(
      'other segments: copy\nsegments:\n  AL1:\n    - copy: AL1\n    - set: AL1-9[*].2\n      from: PID-11[*].7\n' +
        '      when: message.er7("AL1-2") != "" && message.has("PID-3") && message.texts("AL1-4[*]").exists(each, each == "x")\n' +
        '  PID:\n    - copy: PID-13[*]\n      when: message.text("PID-13") == "5" && message.text("PID-13").matches("5")',
    );
    for (const body of large) {
      const message = Message.parse(Buffer.from(msh + body));
      for (const mapping of [...mappings, slow]) {
        const began = performance.now();
        outcome(mapping, message);
        expect(performance.now() - began, `${mapping.name} of ${body.slice(0, 20)}`).to.be.lessThan(15_000);
      }
    }
  });

  it(`do the same on 100,000 spoiled ones, and do not grow (HL7_SEED=${seed})`, () => {
    const mappings = [
      compiled(EVERYTHING),
      ...['phw', 'chemocare', 'pims'].map((name) => builtInMapping(name)),
    ];
    const before = process.memoryUsage().rss;
    const counts: Record<string, number> = {};
    for (let number = 0; number < 100_000; number++) {
      const random = new Random(seed + number);
      const message = parsed(mutated(random.pick(samples), random));
      const made = message === undefined ? 'unparsed' : outcome(random.pick(mappings), message);
      const code = typeof made === 'string' ? made : 'mapped';
      counts[code] = (counts[code] ?? 0) + 1;
    }
    expect(counts['mapped']).to.be.greaterThan(30_000);
    expect(counts['BAD_DATE_TIME']).to.be.greaterThan(1000);
    expect(process.memoryUsage().rss - before).to.be.lessThan(200 * 2 ** 20);
  });
});
