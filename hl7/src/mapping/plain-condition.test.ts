import { expect } from 'chai';
import fc from 'fast-check';
import { compileCondition } from '../condition.js';
import { Message } from '../message/message.js';
import { compilePlain } from './plain-condition.js';

const compile = (source: string): ((message: Message) => boolean) | undefined =>
  compilePlain<Message>(source, (question, path) => (message) => message[question](path));

const texts = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('""', '"ni"', '"NI"', '"\u{1f600}a"', '" a "', "'ß'"),
    fc
      .tuple(fc.constantFrom('text', 'er7'), fc.constantFrom('PID-3', 'PID-3[2].4.1', 'MSH-3', 'ZZZ-1'))
      .map(([method, path]) => `message.${method}("${path}")`),
    fc
      .tuple(tie('text'), fc.constantFrom('trim', 'upperAscii', 'lowerAscii'))
      .map(([text, call]) => `${text}.${call}()`),
  ),
})).text;
const numbers = fc.oneof(
  fc.constantFrom('0', '1', '3'),
  texts.map((text) => `size(${text})`),
  texts.map((text) => `${text}.size()`),
);
const truths = fc.letrec<{ truth: string }>((tie) => ({
  truth: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      'message.has("PID-3")',
      'message.isNull("PID-3")',
      'message.has("PID")',
      'message.has("PID-3[2]")',
    ),
    fc.tuple(texts, fc.constantFrom('==', '!='), texts).map((parts) => parts.join(' ')),
    fc
      .tuple(numbers, fc.constantFrom('==', '!=', '<', '<=', '>', '>='), numbers)
      .map((parts) => parts.join(' ')),
    fc
      .tuple(texts, fc.constantFrom('startsWith', 'endsWith', 'contains'), texts)
      .map(([a, call, b]) => `${a}.${call}(${b})`),
    texts.map((text) => `${text} in ["NI", "a", ""]`),
    tie('truth').map((truth) => `!(${truth})`),
    fc
      .tuple(tie('truth'), fc.constantFrom('&&', '||'), tie('truth'))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
  ),
})).truth;

const messages = fc
  .array(fc.constantFrom('a', 'NI', 'ß', ' ', '^', '~', '&', '""', '\\T\\', '\u{1f600}', '\u00a0'), {
    maxLength: 8,
  })
  .map((atoms) => Message.parse(Buffer.from(`MSH|^~\\&| a \rPID|||${atoms.join('')}`)));

describe('compilePlain', () => {
  it('gives what the interpreter gives', () => {
    const seen = { true: 0, false: 0 };
    fc.assert(
      fc.property(truths, messages, (source, message) => {
        const holds = compile(source)!(message);
        expect(holds, source).to.equal(compileCondition(source)(message));
        seen[`${holds}`] += 1;
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(seen.true, seen.false)).to.be.greaterThan(300);
  });

  const others = [
    'message.texts("PID-3[*].1").exists(each, each == "a")',
    'isDate(message.text("PID-7"))',
    'message.text("PID-" + "3") == "a"',
    'int(message.text("PID-3")) > 3',
    'message.text("PID-3") in message.texts("PID-4[*]")',
    'message.text("PID-3") < "b"',
    'message.text("PID-3").matches("a")',
    'message.has("PID-3") ? true : message.has("PID-4")',
    'message.has("PID-3") && isDate(message.text("PID-7"))',
    'size(message.texts("PID-3[*]")) == 1',
    'message.has("PID-3") == true',
  ];
  for (const source of others) {
    it(`leaves ${source} to the interpreter`, () => {
      expect(() => compileCondition(source)).to.not.throw();
      expect(compile(source)).to.equal(undefined);
    });
  }
});
