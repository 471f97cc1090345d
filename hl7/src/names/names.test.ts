import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { staleNames } from './generate-names.js';
import { NAMES_FOLDER, namesOf } from './names.js';

describe('the names of the standard', () => {
  it('are what the generator writes', () => {
    expect(staleNames(false)).to.deep.equal([]);
  });

  it('are found stale, and mended, when a file differs or is missing', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'names-'));
    try {
      cpSync(NAMES_FOLDER, folder, { recursive: true });
      appendFileSync(path.join(folder, 'places.tsv'), 'PID.3\t2.5\tby hand\n');
      rmSync(path.join(folder, 'tables.tsv'));
      expect(staleNames(false, folder)).to.deep.equal(['places.tsv', 'tables.tsv']);
      expect(staleNames(true, folder)).to.deep.equal(['places.tsv', 'tables.tsv']);
      expect(staleNames(true, folder)).to.deep.equal([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('have one line for each place and version, so that no data type shares the name of a segment', () => {
    const lines = readFileSync(path.join(NAMES_FOLDER, 'places.tsv'), 'utf8').split('\n');
    const keys = lines.map((line) => line.split('\t', 2).join(' ')).filter((key) => /^[A-Z]/.test(key));
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).to.deep.equal([]);
  });

  it('are those of the version', () => {
    expect(namesOf('2.3.1').part('PID', 8)).to.include({ name: 'Sex', dataType: 'IS', table: 1 });
    expect(namesOf('2.4').part('PID', 8)).to.include({ name: 'Administrative Sex', table: 1 });
    expect(namesOf('2.3').part('PID', 3)?.name).to.equal('Patient ID');
    expect(namesOf('2.5.1').part('PID', 3)).to.include({ name: 'Patient Identifier List', dataType: 'CX' });
    expect(namesOf('2.6').part('PID', 7)?.dataType).to.equal('DTM');
  });

  it('are of segments, components and codes too', () => {
    const names = namesOf('2.5');
    expect(names.segment('PID')).to.equal('Patient Identification');
    expect(names.part('CX', 4)).to.include({ name: 'Assigning Authority', dataType: 'HD' });
    expect(names.meaning(1, 'F')).to.equal('Female');
  });

  it('are unknown where the version has no such place', () => {
    const names = namesOf('2.5');
    expect(names.segment('ZPI')).to.equal(undefined);
    expect(names.part('PID', 40)).to.equal(undefined);
    expect(namesOf('2.7').part('PID', 40)?.name).to.equal('Patient Telecommunication Information');
    expect(names.part('CX', 99)).to.equal(undefined);
    expect(names.meaning(1, 'Q')).to.equal(undefined);
  });

  const nearest = { '2.5': '2.5', '2.5.1': '2.5.1', '2.5.2': '2.5.1', '2.8': '2.7.1', '2.10': '2.7.1', '2.0': '2.1', '': '2.5', 'x': '2.5' }; // prettier-ignore
  for (const [asked, given] of Object.entries(nearest)) {
    it(`are those of ${given} for version "${asked}"`, () => {
      expect(namesOf(asked).version).to.equal(given);
    });
  }
});
