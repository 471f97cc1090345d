import { expect } from 'chai';
import { builtInMappingsDirectory, differenceLine } from '@integration-hub/hl7';
import { findMappingTests, runMappingTests } from './mapping-tests.js';

describe('the mappings of this repository', () => {
  const mappings = findMappingTests(builtInMappingsDirectory);

  it('have test cases, all of them', () => {
    expect(mappings.map(({ name }) => name)).to.include.members(['chemocare', 'phw', 'pims']);
    for (const { name, cases } of mappings) expect(cases, name).not.to.be.empty;
  });

  for (const mapping of mappings) {
    it(`pass: ${mapping.name}`, () => {
      const { problems, results } = runMappingTests(mapping, false);
      expect(problems).to.deep.equal([]);
      const failures = results
        .filter(({ passed }) => !passed)
        .map(({ folder, problem = '', differences }) => [
          folder,
          problem,
          ...differences.map(differenceLine),
        ]);
      expect(failures).to.deep.equal([]);
    });
  }
});
