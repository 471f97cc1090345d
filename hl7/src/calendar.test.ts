import { expect } from 'chai';
import fc from 'fast-check';
import { isDate, isDateTime } from './calendar.js';

describe('isDate', () => {
  it('knows the calendar', () => {
    for (const date of ['20240229', '20000229', '19991231', '00010101', '20260430'])
      expect(isDate(date), date).to.equal(true);
    const wrong = [
      '20250229',
      '19000229',
      '20261301',
      '20260001',
      '20260431',
      '20260100',
      '20260132',
      '00000101',
    ];
    for (const date of wrong) expect(isDate(date), date).to.equal(false);
  });

  it('takes nothing but eight digits', () => {
    const wrong = [
      '',
      '2026',
      '202603',
      '2026030',
      '202603041',
      '2026-3-4',
      '2026 304',
      '20260304 ',
      '20260304\n',
      '٢٠٢٦٠٣٠٤',
      '""',
    ];
    for (const text of wrong) expect(isDate(text), text).to.equal(false);
  });

  it('agrees with Date', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9999 }), fc.nat(13), fc.nat(32), (year, month, day) => {
        const [y, m, d] = [
          String(year).padStart(4, '0'),
          String(month).padStart(2, '0'),
          String(day).padStart(2, '0'),
        ];
        const date = new Date(`${y}-${m}-${d}T00:00:00Z`);
        const real = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(`${y}-${m}-${d}`);
        expect(isDate(y + m + d)).to.equal(real);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('isDateTime', () => {
  it('takes a real date and a time of day', () => {
    for (const text of ['20240229000000', '20260304235959']) expect(isDateTime(text), text).to.equal(true);
    const wrong = [
      '20250229000000',
      '20260304240000',
      '20260304006000',
      '20260304000060',
      '20260304',
      '202603040915',
      '20260304091527+0000',
      '2026030409152',
      '',
    ];
    for (const text of wrong) expect(isDateTime(text), text).to.equal(false);
  });
});
