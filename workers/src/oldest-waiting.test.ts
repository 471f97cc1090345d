import type { IncomingBatch } from '@integration-hub/kafka';
import { expect } from 'chai';
import { Registry } from 'prom-client';
import { OldestWaiting } from './oldest-waiting.js';

describe('oldest waiting', () => {
  let registry: Registry;
  let sut: OldestWaiting;
  beforeEach(() => {
    registry = new Registry();
    sut = new OldestWaiting(registry);
  });

  function batch(partition: number, ages: number[], lost = new AbortController().signal): IncomingBatch {
    const records = ages.map((seconds) => ({ timestamp: Date.now() - seconds * 1_000 }));
    return { topic: 'ihub.hospital.mpi.outbound', partition, records, lost } as unknown as IncomingBatch;
  }

  /** By series, in whole seconds. */
  async function seen(): Promise<Record<string, number>> {
    const [metric] = await registry.getMetricsAsJSON();
    return Object.fromEntries(
      metric!.values.map(({ labels, value }) => [Object.values(labels).join('/'), Math.round(value)]),
    );
  }

  it('is the first of a batch in hand, then for a moment the last, since the next may be on its way', async () => {
    const end = sut.begin(batch(3, [100, 90, 40]), { stage: 's', partition: '3' });
    expect(await seen()).to.deep.equal({ 's/3': 100 });
    end();
    expect(await seen()).to.deep.equal({ 's/3': 40 });
  });

  it('is what the stage keeps in hand, also after the batch', async () => {
    let kept: number | undefined = Date.now() - 70_000;
    const end = sut.begin(batch(0, [100]), { stage: 's' }, () => kept);
    end();
    expect(await seen()).to.deep.equal({ s: 70 });
    kept = undefined;
    expect(await seen()).to.deep.equal({ s: 100 });
  });

  it('is of each partition, or of all together where they have the same labels', async () => {
    sut.begin(batch(0, [10]), { stage: 's', partition: '0' });
    sut.begin(batch(1, [20]), { stage: 's', partition: '1' });
    expect(await seen()).to.deep.equal({ 's/0': 10, 's/1': 20 });
    sut.begin(batch(0, [10]), { stage: 's' });
    sut.begin(batch(1, [20]), { stage: 's' });
    expect(await seen()).to.deep.equal({ s: 20 });
  });

  it('is not said of a partition that another has now', async () => {
    const lost = new AbortController();
    sut.begin(batch(0, [10], lost.signal), { stage: 's' });
    lost.abort();
    expect(await seen()).to.deep.equal({});
  });

  it('is never less than nothing, whatever the clocks of two machines say', async () => {
    sut.begin(batch(0, [-5]), { stage: 's' });
    expect(await seen()).to.deep.equal({ s: 0 });
  });
});
