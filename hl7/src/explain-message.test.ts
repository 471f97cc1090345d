import { expect } from 'chai';
import fc from 'fast-check';
import { type ExplainedPlace, explainMessage } from './explain-message.js';
import { Message } from './message/message.js';
import { namesOf } from './names/names.js';

const MSH = 'MSH|^~\\&|252|252|100|100|20260304||ADT^A31^ADT_A05|P1|P|2.5';

function explain(...segments: string[]): ReturnType<typeof explainMessage> {
  const message = Message.parse(Buffer.from([MSH, ...segments].join('\r')));
  return explainMessage(message, namesOf(message.version));
}

/** Of the one segment after the MSH. */
function places(segment: string): readonly ExplainedPlace[] {
  return explain(segment)[1]!.places;
}

const rows = (segment: string): unknown[] =>
  places(segment).map(({ path, name, value, meaning }) => [path, name, value, meaning]);

describe('explainMessage', () => {
  it('names fields, repetitions, components and subcomponents, and leaves out what is empty', () => {
    expect(rows('PID|||1^^^252&1.2&ISO^PI~~2||Penri')).to.deep.equal([
      ['PID-3[1]', 'Patient Identifier List', undefined, undefined],
      ['PID-3[1].1', 'ID Number', '1', undefined],
      ['PID-3[1].4', 'Assigning Authority', undefined, undefined],
      ['PID-3[1].4.1', 'Namespace ID', '252', undefined],
      ['PID-3[1].4.2', 'Universal ID', '1.2', undefined],
      [
        'PID-3[1].4.3',
        'Universal ID Type',
        'ISO',
        'An International Standards Organization Object Identifier',
      ],
      ['PID-3[1].5', 'Identifier Type Code', 'PI', 'Patient internal identifier'],
      ['PID-3[3]', 'Patient Identifier List', '2', undefined],
      ['PID-5', 'Patient Name', 'Penri', undefined],
    ]);
  });

  it('resolves escapes and shows the null as such', () => {
    expect(rows('PID|||||A\\T\\B^\\X41\\^""||""')).to.deep.equal([
      ['PID-5', 'Patient Name', undefined, undefined],
      ['PID-5.1', 'Family Name', 'A&B', undefined],
      ['PID-5.2', 'Given Name', 'A', undefined],
      ['PID-5.3', 'Second and Further Given Names or Initials Thereof', null, undefined],
      ['PID-7', 'Date/Time of Birth', null, undefined],
    ]);
  });

  it('tells what codes mean, also where the table is that of a coded element', () => {
    expect(rows('PID||||||||F')).to.deep.equal([['PID-8', 'Administrative Sex', 'F', 'Female']]);
    expect(rows('PID||||||||||||||||M^gift')[1]).to.deep.equal(['PID-16.1', 'Identifier', 'M', 'Married']);
    expect(rows('PID||||||||||||||||M')[0]).to.deep.equal(['PID-16', 'Marital Status', 'M', 'Married']);
  });

  it('reads OBX-5 by the data type in OBX-2', () => {
    const last = places('OBX|1|CE|||A^text').at(-1)!;
    expect(last).to.include({ path: 'OBX-5.2', name: 'Text', dataType: 'ST' });
  });

  it('shows the separators as they are', () => {
    const [first, second] = explain()[0]!.places;
    expect([first, second]).to.deep.equal([
      { path: 'MSH-1', name: 'Field Separator', dataType: 'ST', depth: 0, value: '|', meaning: undefined },
      { path: 'MSH-2', name: 'Encoding Characters', dataType: 'ST', depth: 0, value: '^~\\&', meaning: undefined }, // prettier-ignore
    ]);
  });

  it('numbers segments, and has no names for what the standard does not have', () => {
    const [, first, second] = explain('ZZZ|a^b', 'ZZZ||c');
    expect([first!.path, first!.name, first!.places.map(({ path }) => path)]).to.deep.equal(['ZZZ', undefined, ['ZZZ-1', 'ZZZ-1.1', 'ZZZ-1.2']]); // prettier-ignore
    expect([second!.path, second!.places.map(({ path }) => path)]).to.deep.equal(['ZZZ[2]', ['ZZZ[2]-2']]);
    expect(places('PID' + '|'.repeat(40) + 'x')[0]).to.include({ path: 'PID-40', name: undefined });
    expect(places('PID|||||^^^^^^^^^^^^^^^^^^^x')[1]).to.include({ path: 'PID-5.20', name: undefined });
  });

  it('holds every text of any message once, by a path that reads it', () => {
    const field = fc.string({ unit: fc.constantFrom('a', 'b', '"', '^', '~', '&'), maxLength: 12 });
    const segment = fc.tuple(fc.constantFrom('PID', 'OBX', 'ZZZ'), fc.array(field, { maxLength: 12 }));
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 5 }), (segments) => {
        const lines = segments.map(([name, fields]) => [name, ...fields].join('|'));
        const message = Message.parse(Buffer.from([MSH, ...lines].join('\r')));
        const found = explainMessage(message, namesOf('2.5')).slice(1);
        const texts = found.flatMap((one) => one.places.map(({ value }) => (value === null ? '""' : value)));
        const expected = segments.flatMap(([, fields]) => fields).join('');
        expect(texts.join('')).to.equal(expected.replace(/[\^~&]/g, ''));
        for (const { path, value } of found.flatMap((one) => one.places)) {
          if (value !== undefined) expect(message.text(path)).to.equal(value ?? '""');
        }
      }),
    );
  });
});
