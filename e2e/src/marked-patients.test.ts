import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { MarkedPatient, mentionsOf } from './marked-patients.js';

describe('The search for marked patients', () => {
  const patient = new MarkedPatient();
  const found = (text: string): boolean =>
    mentionsOf([new MarkedPatient(), patient], new Map([['a text', text]])).length > 0;

  it('finds one by every mark, however it is written', () => {
    for (const mark of patient.marks) {
      const bytes = Buffer.from(mark);
      const disguises = [
        mark,
        mark.toUpperCase(),
        `PID-5: ${mark}.`,
        `?q=${encodeURIComponent(mark)}&x=1`,
        new URLSearchParams({ q: mark }).toString(),
        bytes.toString('hex'),
        `before ${createHash('sha256').update(mark).digest('hex')}`,
        ...['', 'a', 'ab', 'abc'].flatMap((before) =>
          ['', 'x', 'xy'].map((after) => Buffer.from(before + mark + after).toString('base64')),
        ),
      ];
      for (const text of disguises) expect(found(text), `${mark} as ${text}`).to.equal(true);
    }
    expect(found(Buffer.from(patient.segment).toString('base64'))).to.equal(true);
  });

  it('finds nobody where there is none', () => {
    expect(found('')).to.equal(false);
    expect(found(new MarkedPatient().segment)).to.equal(false);
    // Part of a longer number.
    expect(found(`at 17${patient.number}3`)).to.equal(false);
  });
});
