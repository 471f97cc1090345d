import { expect } from 'chai';
import fc from 'fast-check';
import { XmlDocument, XmlValidateError, XsdValidator } from 'libxml2-wasm';
import { SchemaError } from './schema-error.js';
import { compilePattern } from './xsd-pattern.js';

/** Whether libxml2 finds that texts match an XSD pattern. */
function byLibxml2(pattern: string, texts: readonly string[]): boolean[] {
  const schema = XmlDocument.create();
  const root = schema.createRoot('schema', 'http://www.w3.org/2001/XMLSchema', 'xsd');
  const element = root.addElement('element', 'xsd');
  element.setAttr('name', 'a');
  const restriction = element.addElement('simpleType', 'xsd').addElement('restriction', 'xsd');
  restriction.setAttr('base', 'xsd:string');
  restriction.addElement('pattern', 'xsd').setAttr('value', pattern);
  const validator = XsdValidator.fromDoc(schema);
  try {
    return texts.map((text) => {
      const document = XmlDocument.create();
      document.createRoot('a').addText(text);
      try {
        validator.validate(document);
        return true;
      } catch (error) {
        if (error instanceof XmlValidateError) return false;
        throw error;
      } finally {
        document.dispose();
      }
    });
  } finally {
    validator.dispose();
    schema.dispose();
  }
}

describe('an XSD pattern', () => {
  const patterns = [
    ...[
      'a',
      'a|bc',
      '',
      '^a$',
      '[^a]',
      'a.c',
      '[a-c]{2,3}',
      '[a\\-z]+',
      '\\-\\.\\*',
      'a\\|b',
      '\\d{2}',
      '[\\d.]+',
    ],
    ...[
      '\\s',
      '\\S+',
      '\\D',
      '\\p{Lu}\\p{Ll}*',
      '(a|b)+c?',
      '""',
      '[+\\-]?[0-9]+',
      '[.$^|]',
      '\\(\\)\\[\\]\\{\\}',
    ],
  ];

  it('matches the same texts as in libxml2', () => {
    const texts = fc.string({
      unit: fc.constantFrom(...Array.from('abc.^$|-+*109(){}[]" \tAÉß٣')),
      maxLength: 5,
    });
    for (const pattern of patterns) {
      const samples = ['', 'a', 'bc', '^a$', 'abc', ...fc.sample(texts, { numRuns: 200, seed: 1 })];
      const compiled = compilePattern(pattern, 'here');
      expect(
        samples.map((text) => compiled.test(text)),
        pattern,
      ).to.deep.equal(byLibxml2(pattern, samples));
    }
  });

  it('is refused where JavaScript has no such thing', () => {
    for (const pattern of ['\\i\\c*', '\\w', '\\p{IsGreek}', '[a-z-[aeiou]]', '[\\s]', '(']) {
      expect(() => compilePattern(pattern, 'types.xsd, line 7'), pattern).to.throw(
        SchemaError,
        'types.xsd, line 7',
      );
    }
  });
});
