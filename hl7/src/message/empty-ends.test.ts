import { expect } from 'chai';
import fc from 'fast-check';
import { hasEmptyEnds, withoutEmptyEnds } from './empty-ends.js';
import { readSeparators, type Separators } from './separators.js';

const SEPARATORS = ['MSH|^~\\&|', 'MSH$*%!@$', 'MSH|^|', 'MSH|^~|', 'MSH]-^\\[]'].map(readSeparators);

/** The same by taking the segment apart, level by level. */
function bySplitting(er7: string, { field, repetition, component, subcomponent }: Separators): string {
  const withoutEnds = (
    text: string,
    separator: string | undefined,
    inner: (part: string) => string,
  ): string => {
    if (separator === undefined) return inner(text);
    const parts = text.split(separator).map(inner);
    while (parts.length > 1 && parts.at(-1) === '') parts.pop();
    return parts.join(separator);
  };
  const inRepetition = (text: string): string =>
    withoutEnds(text, component, (one) => withoutEnds(one, subcomponent, (leaf) => leaf));
  const inField = (text: string): string =>
    repetition === undefined ? inRepetition(text) : text.split(repetition).map(inRepetition).join(repetition);
  return withoutEnds(er7, field, inField);
}

describe('empty ends', () => {
  const segments = fc.constantFrom(...SEPARATORS).chain((separators) => {
    const { field, repetition, component, subcomponent, escape } = separators;
    const atoms = [field, repetition, component, subcomponent, escape, 'a', '""', '\xe9'].filter(
      (atom) => atom !== undefined,
    );
    const segment = fc.array(fc.constantFrom(...atoms), { maxLength: 14 }).map((some) => 'Z' + some.join(''));
    return fc.tuple(fc.constant(separators), fc.array(segment, { minLength: 1, maxLength: 3 }));
  });

  it('are taken off as taking the message apart does', () => {
    fc.assert(
      fc.property(segments, ([separators, lines]) => {
        const trimmed = lines.map((line) => bySplitting(line, separators));
        for (const [index, line] of lines.entries()) {
          expect(withoutEmptyEnds(line, separators)).to.equal(trimmed[index]);
          expect(hasEmptyEnds(Buffer.from(line, 'latin1'), 0, separators)).to.equal(line !== trimmed[index]);
        }
        const end = (some: string[]): string => some.map((line) => line + '\r').join('');
        expect(withoutEmptyEnds(end(lines), separators)).to.equal(end(trimmed));
      }),
      { numRuns: 2000 },
    );
  });

  it('are not looked for in what comes first, such as MSH-2', () => {
    const [standard] = SEPARATORS;
    expect(withoutEmptyEnds('MSH|^~\\&', standard!, 8)).to.equal('MSH|^~\\&');
    expect(withoutEmptyEnds('MSH|^~\\&|A^|^&|', standard!, 8)).to.equal('MSH|^~\\&|A');
    expect(withoutEmptyEnds('MSH|^~\\&||||', standard!, 8)).to.equal('MSH|^~\\&');
  });
});
