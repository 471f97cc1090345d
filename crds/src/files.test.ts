import { expect } from 'chai';
import { readdir, readFile } from 'node:fs/promises';
import { crdFiles, folder } from './files.js';

describe('crds/*.yaml', () => {
  it('are what the schemas in api/ make; where not, `make crds` writes them', async () => {
    const files = await crdFiles();
    const present = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
    expect(present.sort()).to.deep.equal([...files.keys()].sort());
    for (const [name, text] of files) {
      expect(await readFile(new URL(name, folder), 'utf8'), name).to.equal(text);
    }
  });
});
