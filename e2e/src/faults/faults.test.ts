import { expect } from 'chai';
import { fault } from './faults.js';
import { lineOf, runFaults } from './machine.js';
import { reasonAgainstNetwork } from './zone-network.js';

describe('a hub over two zones', function () {
  this.timeout(900_000);

  before(function () {
    const reason = reasonAgainstNetwork();
    if (reason === undefined) return;
    console.log(`      not run: ${reason}`);
    this.skip();
  });

  it('loses, doubles, reorders and alters nothing while a zone is cut off and workers are killed', async () => {
    const report = await runFaults({
      seed: 6,
      steps: [
        [fault('SIGKILL of a sender'), fault('senders send half messages')],
        [{ ...fault('zone-a cut off'), lastsMs: 14_000 }],
        [fault('SIGKILL of a transformer')],
      ],
      sendersPerFlow: 3,
      rate: 20,
      // How long a gap is depends on what else this machine does; `make faults` judges it.
      judgeGaps: false,
      // How long it takes to recover does, too.
      patienceMs: 300_000,
      onProgress: () => undefined,
    });
    for (const step of report.steps) console.log(`      ${lineOf(step)}`);
    expect(report.wrongs).to.deep.equal([]);
    expect(report.findings.acknowledged).to.be.greaterThan(50);
  });
});
