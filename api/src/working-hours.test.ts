import { expect } from 'chai';
import { isTimeZone, offsetChanges, offsetOf, workingHours, workingSince } from './working-hours.js';

describe('working hours', () => {
  const hours = workingHours.parse({});
  const since = (time: string, holidays: string[] = []): string | undefined => {
    const found = workingSince(hours, holidays, Date.parse(time));
    return found === undefined ? undefined : new Date(found).toISOString();
  };

  it('begin and end by the clocks of their time zone, in summer as in winter', () => {
    // 2026-01-05 and 2026-07-06 are Mondays.
    expect(since('2026-01-05T07:59:59Z')).to.equal(undefined);
    expect(since('2026-01-05T08:00:00Z')).to.equal('2026-01-05T08:00:00.000Z');
    expect(since('2026-01-05T17:59:59Z')).to.equal('2026-01-05T08:00:00.000Z');
    expect(since('2026-01-05T18:00:00Z')).to.equal(undefined);
    expect(since('2026-07-06T06:59:59Z')).to.equal(undefined);
    expect(since('2026-07-06T07:00:00Z')).to.equal('2026-07-06T07:00:00.000Z');
    expect(since('2026-07-06T17:00:00Z')).to.equal(undefined);
  });

  it('are not on other days, nor on holidays', () => {
    expect(since('2026-01-03T12:00:00Z'), 'a Saturday').to.equal(undefined);
    expect(since('2026-12-25T12:00:00Z'), 'a Friday').not.to.equal(undefined);
    expect(since('2026-12-25T12:00:00Z', ['2026-12-25'])).to.equal(undefined);
  });

  it('may be the whole day', () => {
    const day = workingHours.parse({ days: ['Sunday'], from: '00:00', to: '24:00' });
    const at = Date.parse('2026-07-04T23:00:00Z'); // Sunday has begun in Cardiff.
    expect(workingSince(day, [], at)).to.equal(at);
    expect(workingSince(day, [], at - 1)).to.equal(undefined);
  });

  it('know when clocks change', () => {
    const year = [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)] as const;
    expect(offsetChanges('Europe/London', ...year)).to.deep.equal([
      { at: Date.UTC(2026, 2, 29, 1) / 1_000, offset: 3_600 },
      { at: Date.UTC(2026, 9, 25, 1) / 1_000, offset: 0 },
    ]);
    expect(offsetChanges('UTC', ...year)).to.deep.equal([]);
    expect(offsetOf('Asia/Kathmandu', year[0])).to.equal(20_700_000);
  });

  it('know a time zone from a word', () => {
    expect(isTimeZone('Europe/London')).to.equal(true);
    expect(isTimeZone('Europe/Cardiff')).to.equal(false);
  });
});
