import { expect } from 'chai';
import { english } from './english.js';
import { languageOf } from './language.js';
import { moment, percentage, rate, span, wholeNumber } from './numbers-and-times.js';
import { welsh } from './welsh.js';

const en = languageOf('en');
const cy = languageOf('cy');
const places = (text: string): string[] =>
  [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name!).sort();

describe('The console’s languages', () => {
  it('have the same places in each text, of which a plural may leave out its number', () => {
    const texts: Readonly<Record<string, string>> = english;
    for (const [key, text] of Object.entries(welsh)) {
      const same = texts[key] ?? texts[key.replace(/_\w+$/, '_other')]!;
      const allowed = places(same).filter((name) => !/^(count|formatted)$/.test(name));
      expect(
        places(text).filter((name) => !/^(count|formatted)$/.test(name)),
        key,
      ).to.deep.equal(allowed);
    }
  });

  it('choose the plural as the language does', () => {
    expect([0, 1, 2].map((count) => en.t('attempts', { count }))).to.deep.equal([
      '0 attempts',
      '1 attempt',
      '2 attempts',
    ]);
    expect([0, 1, 2, 3, 4, 6].map((count) => cy.t('attempts', { count }))).to.deep.equal([
      'dim cynigion',
      '1 cynnig',
      '2 gynnig',
      '3 chynnig',
      '4 cynnig',
      '6 chynnig',
    ]);
  });

  it('leave what is put into a text as it is', () => {
    expect(en.t('message', { controlId: '<b>&"' })).to.equal('Message <b>&"');
  });
});

describe('Numbers and times in the console', () => {
  it('are written exactly enough to act on', () => {
    expect(wholeNumber(18_213, en)).to.equal('18,213');
    expect([0, 0.25, 9.96, 42.3, 1_234.5].map((value) => rate(value, en))).to.deep.equal([
      '0',
      '0.3',
      '10',
      '42',
      '1,235',
    ]);
    expect([0, 0.0134, 0.5].map((share) => percentage(share, en))).to.deep.equal(['0%', '1.3%', '50%']);
  });

  it('give a span by its two largest units', () => {
    expect([0.34, 1.24, 59.6, 61, 3_600, 4_000, 90_061].map((seconds) => span(seconds, en))).to.deep.equal([
      '340 ms',
      '1.2 s',
      '1 min',
      '1 min 1 s',
      '1 h',
      '1 h 6 min',
      '1 d 1 h',
    ]);
    expect(span(200, cy)).to.equal('3 mun 20 eil');
  });

  it('give a time as ihub does', () => {
    const at = new Date(2026, 2, 4, 9, 5, 7, 8);
    expect(moment(at)).to.equal('2026-03-04 09:05:07');
    expect(moment(at, true)).to.equal('2026-03-04 09:05:07.008');
  });
});
