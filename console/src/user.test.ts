import { expect } from 'chai';
import { userOf } from './user.js';

describe('userOf', () => {
  const values = { viewer: ['v'], operator: ['o'], administrator: ['a'], mayReadContent: ['c'] };
  const roles = (claim: unknown): readonly string[] | undefined => userOf('n', claim, values)?.roles;

  it('gives the highest role that the claim names, with those below it', () => {
    expect(roles('v')).to.deep.equal(['viewer']);
    expect(roles(['x', 'o', 'v'])).to.deep.equal(['viewer', 'operator']);
    expect(roles(['a'])).to.deep.equal(['viewer', 'operator', 'administrator']);
  });

  it('gives none for anything else', () => {
    for (const claim of [undefined, null, 7, '', 'A', 'v ', ['vv'], [['v']], { v: true }, ['c'], true]) {
      expect(roles(claim), JSON.stringify(claim)).to.equal(undefined);
    }
  });

  it('lets content be read by those only whom the claim says so of, whatever their role', () => {
    expect(userOf('n', ['a'], values)!.mayReadContent).to.equal(false);
    expect(userOf('n', ['v', 'c'], values)!.mayReadContent).to.equal(true);
  });
});
