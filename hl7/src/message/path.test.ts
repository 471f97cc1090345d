import { expect } from 'chai';
import fc from 'fast-check';
import { parsePath, PathError } from './path.js';

describe('parsePath', () => {
  it('reads every part', () => {
    expect(parsePath('PID[2]-3[4].5.6')).to.deep.equal({
      source: 'PID[2]-3[4].5.6',
      segment: 'PID',
      occurrence: 2,
      field: 3,
      repetition: 4,
      component: 5,
      subcomponent: 6,
    });
    expect(parsePath('OBX[*]-5[*].1')).to.include({
      occurrence: '*',
      field: 5,
      repetition: '*',
      component: 1,
    });
    expect(parsePath('Z01')).to.include({ segment: 'Z01', occurrence: 1, field: undefined });
  });

  it('reads a path once', () => {
    expect(parsePath('PID-3.1')).to.equal(parsePath('PID-3.1'));
  });

  it('says where a path goes wrong and what a right one looks like', () => {
    const wrong: [path: string, character: number, expected: string][] = [
      ['', 1, 'a segment name'],
      ['pid-3', 1, 'a segment name'],
      ['PI-3', 1, 'a segment name'],
      ['1ID-3', 1, 'a segment name'],
      ['PID.3', 4, 'a hyphen and a field number'],
      ['PID-', 4, 'a hyphen and a field number'],
      ['PID-0', 4, 'a hyphen and a field number'],
      ['PID[0]-1', 4, 'a hyphen and a field number'],
      ['PID-3-1', 6, '[repetition], a dot and a component'],
      ['PID-3[a]', 6, '[repetition], a dot and a component'],
      ['PID-3[1]x', 9, 'a dot and a component'],
      ['PID-3.1[2]', 8, 'a dot and a subcomponent'],
      ['PID-3.1.2.3', 10, 'nothing after'],
      [' PID-3', 1, 'a segment name'],
      ['PID-3 ', 6, '[repetition]'],
      ['PID-1000', 8, '[repetition]'],
    ];
    for (const [path, character, expected] of wrong) {
      expect(() => parsePath(path), path)
        .to.throw(PathError, `The path "${path}" is wrong at character ${character}: expected ${expected}`)
        .with.property('code', 'BAD_PATH');
      expect(() => parsePath(path)).to.throw('PID-3[2].4.1');
    }
  });

  it('throws nothing but PathError', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^PID[-.[\]*0-9a-z]{0,8}$/));
    fc.assert(
      fc.property(text, (path) => {
        try {
          expect(parsePath(path).source).to.equal(path);
        } catch (error) {
          expect(error).to.be.instanceOf(PathError);
        }
      }),
    );
  });
});
