import { expect } from 'chai';
import { readExposition } from './exposition.js';
import { Metrics } from './metrics.js';

describe('readExposition', () => {
  it('reads back what a worker shows', async () => {
    const metrics = new Metrics('hospital');
    metrics.sent.inc({ flow: 'phw', destination: 'mpi' }, 3);
    metrics.deliverySeconds.observe({ flow: 'phw', destination: 'mpi' }, 0.02);
    metrics.rejected.inc({ flow: 'phw', code: 'a "quoted\\" code,\nand=more{}' });
    const samples = readExposition(await metrics.registry.metrics());
    const of = (wanted: string): unknown[] =>
      samples.filter(({ name }) => name === wanted).map(({ labels, value }) => [labels, value]);
    expect(of('ihub_messages_sent_total')).to.deep.equal([
      [{ flow: 'phw', destination: 'mpi', namespace: 'hospital' }, 3],
    ]);
    expect(of('ihub_messages_rejected_total')).to.deep.equal([
      [{ flow: 'phw', code: 'a "quoted\\" code,\nand=more{}', namespace: 'hospital' }, 1],
    ]);
    const buckets = samples.filter(({ name }) => name === 'ihub_delivery_seconds_bucket');
    expect(buckets.find(({ labels }) => labels['le'] === '0.01')!.value).to.equal(0);
    expect(buckets.find(({ labels }) => labels['le'] === '+Inf')!.value).to.equal(1);
  });
});
