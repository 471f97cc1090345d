import { expect } from 'chai';
import { differenceLine, messageDifference } from './message-difference.js';

const MSH = 'MSH|^~\\&|252||||20260304||ADT^A31|1';
const PID = 'PID|||1^^^252^PI~2^^^NHS&x^NH||A^B';

function message(segments: string[], encoding: BufferEncoding = 'utf8'): Buffer {
  return Buffer.from(segments.map((segment) => segment + '\r').join(''), encoding);
}

function lines(expected: string[], got: string[]): string[] {
  return messageDifference(message(expected), message(got)).map(differenceLine);
}

describe('the difference of two messages', () => {
  it('is nothing when they are the same', () => {
    expect(lines([MSH, PID], [MSH, PID])).to.deep.equal([]);
  });

  const fields: Record<string, [expected: string, got: string, line: string]> = {
    'a field': ['PID|1||A', 'PID|2||A', 'PID-1: expected "1", got "2"'],
    'a component': ['PID|||1^^^252^PI', 'PID|||1^^^253^PI', 'PID-3.4: expected "252", got "253"'],
    'a component of a repetition': [PID, PID.replace('NH|', 'XX|'), 'PID-3[2].5: expected "NH", got "XX"'],
    'a subcomponent': ['PID|||1^a&b', 'PID|||1^a&c', 'PID-3.2.2: expected "b", got "c"'],
    'a subcomponent of an only component': ['PID|||a&b', 'PID|||a&c', 'PID-3.1.2: expected "b", got "c"'],
    'a repetition that is not there': ['PID|||1~2^x', 'PID|||1', 'PID-3[2]: expected "2^x", got nothing'],
    'a repetition too many': ['PID|||1', 'PID|||1~2^x', 'PID-3[2]: expected nothing, got "2^x"'],
    'a field that is not there': ['PID|||1||A^B', 'PID|||1', 'PID-5: expected "A^B", got nothing'],
    'a null': ['PID|||1||""', 'PID|||1', 'PID-5: expected "" (null), got nothing'],
    'empty components at an end': ['PID|||1^', 'PID|||1', 'PID-3: expected "1^", got "1"'],
    'empty fields at an end': ['PID|||1', 'PID|||1||', 'PID: expected "PID|||1", got "PID|||1||"'],
    'a control character': ['PID|||a\tb', 'PID|||a b', 'PID-3: expected "a\\x09b", got "a b"'],
    'a character set': ['PID|||Siân', 'PID|||Sian', 'PID-3: expected "Siân", got "Sian"'],
  };
  for (const [name, [expected, got, line]] of Object.entries(fields)) {
    it(`names ${name}`, () => {
      expect(lines([MSH, expected], [MSH, got])).to.deep.equal([line]);
    });
  }

  it('names the header and its separators', () => {
    const other = MSH.replace('~\\&', '~\\#').replace('A31', 'A28');
    expect(lines([MSH], [other])).to.deep.equal([
      'MSH-2: expected "^~\\&", got "^~\\#"',
      'MSH-9.2: expected "A31", got "A28"',
    ]);
  });

  it('names a segment that is missing, and one too many', () => {
    expect(lines([MSH, PID, 'NK1|1', 'NK1|2'], [MSH, PID, 'NK1|1', 'ZPD|x'])).to.deep.equal([
      'NK1[2]: missing: "NK1|2"',
      'ZPD: not expected: "ZPD|x"',
    ]);
  });

  it('names the first of several segments when that is the one that is missing', () => {
    expect(lines([MSH, 'OBX|1', 'OBX|2', 'OBX|3'], [MSH, 'OBX|2', 'OBX|3'])).to.deep.equal([
      'OBX[1]: missing: "OBX|1"',
    ]);
  });

  it('names the fields of the right one of several segments', () => {
    expect(
      lines([MSH, 'OBX|1|a', 'OBX|2|b', 'OBX|3|c'], [MSH, 'OBX|1|a', 'OBX|2|x', 'OBX|3|c']),
    ).to.deep.equal(['OBX[2]-2: expected "b", got "x"']);
  });

  it('names a segment that is out of order, and what differs in it', () => {
    expect(lines([MSH, 'PV1|1|U', 'PD1|2', 'PID|3'], [MSH, 'PD1|2', 'PID|3', 'PV1|1|N'])).to.deep.equal([
      'PV1: out of order: expected as segment 2, got as segment 4',
      'PV1-2: expected "U", got "N"',
    ]);
  });

  it('tells the ends of segments from what is in them', () => {
    const expected = Buffer.from(`${MSH}\n${PID}\n`);
    expect(messageDifference(expected, message([MSH, PID])).map(differenceLine)).to.deep.equal([
      'the segments are the same and their ends are not: each must end with one CR',
    ]);
  });

  it('says which of the messages can not be read', () => {
    const none = Buffer.from('Hello');
    expect(messageDifference(none, message([MSH])).map(differenceLine)[0]).to.match(
      /^the expected message can not be read: .*MSH/,
    );
    expect(messageDifference(message([MSH]), none).map(differenceLine)[0]).to.match(
      /^what came out can not be read: .*MSH/,
    );
  });

  it('reads each message in its own character set', () => {
    const latin1 = `${MSH}|P|2.5||||||8859/1`;
    const differences = messageDifference(
      message([latin1, 'PID|||Siân^x'], 'latin1'),
      message([latin1, 'PID|||Siân^y'], 'latin1'),
    );
    expect(differences).to.deep.equal([{ path: 'PID-3.2', expected: 'x', got: 'y' }]);
  });
});
