import { expect } from 'chai';
import fc from 'fast-check';
import { withoutEmptyEnds } from '../message/empty-ends.js';
import { Message } from '../message/message.js';
import { parsePath, PathError } from '../message/path.js';
import { Context } from './context.js';
import { answerOfSegment } from './segment-answers.js';
import { SourceSegment } from './source-segment.js';

const atoms = ['|', '|', '~', '^', '&', 'a', '""', ' ', 'é', '\\T\\', '\\XC3A9\\', '\\XFF\\', '\\x'];
const lines = fc.array(fc.constantFrom(...atoms), { maxLength: 20 }).map((some) => `ZAB|${some.join('')}`);
const paths = fc.constantFrom(
  ...['ZAB', 'ZAB-1', 'ZAB-2', 'ZAB-2[1]', 'ZAB-2[2]', 'ZAB-1.1', 'ZAB-1.2', 'ZAB-2[2].1', 'ZAB-1.2.2'],
  ...['ZAB-1[*]', 'ZAB-1[*].2', 'ZAB-1[*].1.2', 'ZAB-9'],
);

function outcome(of: () => unknown): unknown {
  try {
    return of();
  } catch (error) {
    if (error instanceof PathError) return error.code;
    throw error;
  }
}

describe('answers of the segment at hand', () => {
  it('are those of a message that has no other', () => {
    fc.assert(
      fc.property(
        lines,
        paths,
        fc.constantFrom('text', 'texts', 'er7', 'has', 'isNull'),
        (line, path, question) => {
          const separators = Message.parse(Buffer.from('MSH|^~\\&|')).separators;
          const trimmed = withoutEmptyEnds(line, separators);
          const message = Message.parse(Buffer.from(`MSH|^~\\&|\r${trimmed}`));
          const segment = new SourceSegment();
          segment.open(message.segments()[1]!.er7, separators, false, 9);
          const context = new Context(message, 1, segment);
          expect(outcome(() => answerOfSegment(question, parsePath(path), false, context))).to.deep.equal(
            outcome(() => message[question](path)),
          );
        },
      ),
      { numRuns: 4000 },
    );
  });

  it('are about one repetition where that is mapped', () => {
    const message = Message.parse(Buffer.from('MSH|^~\\&|\rZAB|a^b~""~c&d'));
    const segment = new SourceSegment();
    segment.open(message.segments()[1]!.er7, message.separators, false, 1);
    const context = new Context(message, 1, segment);
    const all = [1, 2, 3, 4].map((repetition) => {
      context.repetition = repetition;
      const ask = (question: 'text' | 'texts' | 'er7' | 'has' | 'isNull', path: string): unknown =>
        answerOfSegment(question, parsePath(path), true, context);
      return [
        ask('text', 'ZAB-1'),
        ask('texts', 'ZAB-1'),
        ask('er7', 'ZAB-1'),
        ask('has', 'ZAB-1.2'),
        ask('isNull', 'ZAB-1'),
      ];
    });
    expect(all).to.deep.equal([
      ['a', ['a'], 'a^b', true, false],
      ['""', ['""'], '""', false, true],
      ['c', ['c'], 'c&d', false, false],
      ['', [''], '', false, false],
    ]);
  });
});
