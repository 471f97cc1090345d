import { expect } from 'chai';
import fc from 'fast-check';
import { findCharset } from './charset.js';

describe('findCharset', () => {
  it('knows the names of HL7 table 0211 and usual misspellings', () => {
    const names: Record<string, string[]> = {
      'us-ascii': ['ASCII', 'US-ASCII', 'ISO IR6'],
      'iso-8859-1': ['8859/1', 'ISO-8859-1', 'ISO8859-1', 'iso 8859/1'],
      'iso-8859-15': ['8859/15', 'ISO-8859-15'],
      'windows-1252': ['WINDOWS-1252', 'CP1252', 'windows1252'],
      'utf-8': ['UNICODE UTF-8', 'UTF-8', 'utf8', 'UNICODE'],
    };
    for (const [iana, spellings] of Object.entries(names)) {
      for (const spelling of spellings) expect(findCharset(spelling)?.name, spelling).to.equal(iana);
    }
  });

  it('does not know sets that can hide separators', () => {
    for (const name of [
      'UTF-16',
      'UNICODE UTF-16',
      'UTF-32',
      'GB 18030-2000',
      'BIG-5',
      'ISO IR87',
      'ISO IR159',
      'KS X 1001',
      'CNS 11643-1992',
      'SHIFT_JIS',
      '8859/12',
      '',
    ]) {
      expect(findCharset(name), name).to.equal(undefined);
    }
  });

  it('reads and writes each set, and ASCII the same in all', () => {
    const samples: Record<string, [text: string, hex: string]> = {
      '8859/1': ['Siân', '5369e26e'],
      '8859/2': ['Łódź', 'a3f364bc'],
      '8859/5': ['Да', 'b4d0'],
      '8859/14': ['ŵŷ', 'f0fe'],
      '8859/15': ['€', 'a4'],
      'WINDOWS-1252': ['€’', '8092'],
      'UTF-8': ['ŵ€', 'c5b5e282ac'],
      ASCII: ['|^~\\&', '7c5e7e5c26'],
    };
    for (const [name, [text, hex]] of Object.entries(samples)) {
      const charset = findCharset(name)!;
      const bytes = Buffer.from(hex, 'hex');
      expect(charset.firstInvalid(bytes), name).to.equal(-1);
      expect(charset.decode(bytes.toString('latin1')), name).to.equal(text);
      expect(charset.encode(text), name).to.equal(bytes.toString('latin1'));
      const ascii = Buffer.from(Uint8Array.from({ length: 128 }, (_, byte) => byte)).toString('latin1');
      expect(charset.decode(ascii)).to.equal(ascii);
      expect(charset.encode(ascii)).to.equal(ascii);
    }
  });

  it('does not write what a set has no code for', () => {
    expect(findCharset('ASCII')!.encode('Siân')).to.equal(undefined);
    expect(findCharset('8859/1')!.encode('ŵ')).to.equal(undefined);
    expect(findCharset('WINDOWS-1252')!.encode('Łódź')).to.equal(undefined);
    expect(findCharset('8859/1')!.encode('\ufffd')).to.equal(undefined);
    expect(findCharset('UTF-8')!.encode('a\ud800b')).to.equal(undefined);
  });

  it('finds the first byte that is not valid', () => {
    const first = (name: string, hex: string): number =>
      findCharset(name)!.firstInvalid(Buffer.from(hex, 'hex'));
    expect(first('ASCII', '41e241')).to.equal(1);
    expect(first('8859/3', '41a5')).to.equal(1);
    expect(first('WINDOWS-1252', '8182')).to.equal(0);
    expect(first('UTF-8', '41c3a2e2')).to.equal(3);
    expect(first('UTF-8', '41c3a2e282')).to.equal(3);
    expect(first('UTF-8', 'c080')).to.equal(0);
    expect(first('UTF-8', '41eda080')).to.equal(1);
    expect(first('UTF-8', '80')).to.equal(0);
    expect(first('UTF-8', 'f0908080ff')).to.equal(4);
  });

  it('finds in UTF-8 what a strict decoder of the standard finds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (input) => {
        const bytes = Buffer.from(input);
        const at = findCharset('UTF-8')!.firstInvalid(bytes);
        const valid = (to: number): boolean => {
          try {
            new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, to));
            return true;
          } catch {
            return false;
          }
        };
        expect(at === -1).to.equal(valid(bytes.length));
        if (at !== -1) expect(valid(at)).to.equal(true);
      }),
      { numRuns: 2000 },
    );
  });
});
