import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { staleFiles } from './generate-sets.js';

const SCHEMAS = path.join(import.meta.dirname, '../../../schemas');

describe('generated schema sets', () => {
  it('are what the generator writes', () => {
    expect(staleFiles(false)).to.deep.equal([]);
  });

  it('are found stale, and mended, when a file differs, is missing or should not be there', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'schemas-'));
    try {
      cpSync(SCHEMAS, folder, { recursive: true });
      appendFileSync(path.join(folder, 'phw/ADT_A05.xsd'), '<!-- by hand -->');
      rmSync(path.join(folder, 'pims/2_3_1_types.xsd'));
      writeFileSync(path.join(folder, 'wds/ADT_A02.xsd'), '');
      const stale = ['phw/ADT_A05.xsd', 'pims/2_3_1_types.xsd', 'wds/ADT_A02.xsd'];
      expect(staleFiles(false, folder)).to.deep.equal(stale);
      expect(staleFiles(true, folder)).to.deep.equal(stale);
      expect(staleFiles(true, folder)).to.deep.equal([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
