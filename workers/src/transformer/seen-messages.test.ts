import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { SeenMessages, type SeenMessage } from './seen-messages.js';

describe('SeenMessages', () => {
  function seen(name: string | number, receivedAt: number, content = 'x'): SeenMessage {
    const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
    return { id: hash(String(name)).subarray(0, 8), digest: hash(content).subarray(0, 16), receivedAt };
  }
  const now = (): number => 2_000_000;

  it('finds what it remembers, with the bytes and the time of the last', () => {
    const table = new SeenMessages(3_600, 10_000, now);
    expect(table.find(seen('a', 0).id)).to.equal(undefined);
    table.remember(seen('a', 1_000, 'one'));
    table.remember(seen('a', 1_001, 'another'));
    expect(table.find(seen('a', 0).id)).to.deep.equal(seen('a', 1_001, 'another'));
    expect(table.size).to.equal(1);
  });

  it('knows whatever it was told, as a Map would, however it grows', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3_000), fc.nat(500)), { maxLength: 4_000 }), (told) => {
        const [table, map] = [new SeenMessages(3_600, 1_000_000, now), new Map<number, SeenMessage>()];
        for (const [name, time] of told) {
          const message = seen(name, 10_000 + time, String(time));
          table.remember(message);
          map.set(name, message);
        }
        for (const [name, message] of map) expect(table.find(seen(name, 0).id)).to.deep.equal(message);
        expect(table.size).to.equal(map.size);
        expect(table.forgotten).to.equal(0);
      }),
      { numRuns: 20 },
    );
  });

  it('needs no more room than for one window, however many pass', () => {
    const table = new SeenMessages(100, 1_000_000, now);
    let largest = 0;
    for (let number = 0; number < 20_000; number += 1) {
      table.remember(seen(number, 1_000 + number / 5));
      largest = Math.max(largest, table.size);
    }
    // 500 are of one window; the least table takes 768.
    expect(largest).to.be.at.most(1_536);
    expect(table.forgotten).to.equal(0);
    for (let number = 19_501; number < 20_000; number += 1)
      expect(table.find(seen(number, 0).id), String(number)).not.to.equal(undefined);
  });

  it('forgets the oldest where there are too many, and says how many', () => {
    const table = new SeenMessages(1_000_000, 1_000, now);
    for (let number = 0; number < 5_000; number += 1) table.remember(seen(number, 1_000 + number));
    expect(table.size).to.be.within(750, 1_000);
    expect(table.forgotten).to.equal(5_000 - table.size);
    for (let number = 4_250; number < 5_000; number += 1)
      expect(table.find(seen(number, 0).id), String(number)).not.to.equal(undefined);
    expect(table.find(seen(0, 0).id)).to.equal(undefined);
  });

  it('is not made to forget by a clock that is ahead', () => {
    const table = new SeenMessages(3_600, 100_000, now);
    table.remember(seen('before', now() - 60));
    table.remember(seen('ahead', now() + 31_536_000));
    for (let number = 0; number < 5_000; number += 1) table.remember(seen(number, now()));
    expect(table.find(seen('before', 0).id)).not.to.equal(undefined);
  });
});
