import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { freshBundle, workerModules, workerNodeOptions, workerProgram } from './program.js';

describe('the program of the workers', () => {
  it('is a bundle only where nothing was compiled after it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'ihub-program-'));
    try {
      const [bundle, build] = [join(directory, 'main.js'), join(directory, '.tsbuildinfo')];
      expect(freshBundle(bundle, [])).to.equal(undefined);
      writeFileSync(bundle, '');
      expect(freshBundle(bundle, [build]), 'in an image, which has no build').to.equal(bundle);
      writeFileSync(build, '');
      utimesSync(bundle, 1_000, 1_000);
      utimesSync(build, 1_000, 1_000);
      expect(freshBundle(bundle, [build])).to.equal(bundle);
      utimesSync(build, 1_001, 1_001);
      expect(freshBundle(bundle, [build])).to.equal(undefined);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  for (const [name, program] of Object.entries({ workerModules, workerProgram })) {
    it(`says what it needs, as ${name}`, () => {
      const { status, stderr } = spawnSync(process.execPath, [...workerNodeOptions, program], {
        encoding: 'utf8',
      });
      expect({ status, stderr }).to.deep.equal({
        status: 2,
        stderr: 'ihub-worker: say which configuration to run: ihub-worker --config FILE\n',
      });
    });
  }
});
