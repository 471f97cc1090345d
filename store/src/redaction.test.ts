import { Message } from '@integration-hub/hl7';
import { expect } from 'chai';
import fc from 'fast-check';
import { patientIdentifiers } from './patient-identifiers.js';
import { redacted } from './redaction.js';

const header = 'MSH|^~\\&|252|PHW|200|MPI|20260304091527|SECRET|ADT^A40^ADT_A39|C1|P|2.5||SECRET';
const message = [
  header,
  'EVN||20260304',
  'PID|1|111 222 3333|943 476 5919^^^NHS^NH~ab12^^^252^PI||PRITCHARD^Siân||19850315|"" |x\\T\\y&z',
  'MRG|old7^^^252^PI',
  'PID|2||"" ^^^NHS',
].join('\r');

describe('redacted', () => {
  it('keeps the form and the header’s ways, and no value', () => {
    expect(redacted(Message.parse(Buffer.from(message))).toString()).to.equal(
      [
        'MSH|^~\\&|252|PHW|200|MPI|20260304091527|*|ADT^A40^ADT_A39|C1|P|2.5||*',
        'EVN||*',
        'PID|*|*|*^^^*^*~*^^^*^*||*^*||*|*|*&*',
        'MRG|*^^^*^*',
        'PID|*||*^^^*',
        '',
      ].join('\r'),
    );
  });

  it('keeps nothing of any value, whatever the separators are', () => {
    const value = fc
      .string({ unit: 'grapheme', minLength: 4, maxLength: 12 })
      .filter((text) => /^[^\r\n]*$/.test(text));
    const separators = fc.shuffledSubarray('|^~\\&#$%@;:!-]['.match(/./g)!, { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), separators, (values, [field, ...encoding]) => {
        const marked = values.map((text) => `QQ${text}`).join(field);
        const bytes = Buffer.from(`MSH${field}${encoding.join('')}${field}A\rPID${field}${marked}`);
        expect(redacted(Message.parse(bytes)).toString()).not.to.include('Q');
      }),
    );
  });
});

describe('patientIdentifiers', () => {
  it('are those of every patient, and those that merged ones had', () => {
    expect(patientIdentifiers(Message.parse(Buffer.from(message)))).to.have.members([
      '1112223333',
      '9434765919',
      'AB12',
      'OLD7',
    ]);
  });
});
