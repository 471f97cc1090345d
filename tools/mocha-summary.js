// mocha's own spec report, then what failed, a line each, and the one line that continuous integration reads:
// "N passed, N failed".
import mocha from 'mocha';

/** What a suite leaves open keeps the process going; after so many milliseconds it is named, and the process ends. */
const graceMs = 30_000;

export default class Summary extends mocha.reporters.Spec {
  epilogue() {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    for (const test of this.failures) {
      const [reason] = (test.err?.message ?? '').split('\n');
      console.log(`FAILED: ${test.fullTitle()}: ${reason}`.slice(0, 200));
    }
    if (pending > 0) console.log(`${pending} skipped`);
    const summary = `${passes} passed, ${failures} failed`;
    console.log(summary);
    const end = () => {
      console.log(`Something is still open: ${process.getActiveResourcesInfo().join(', ')}`);
      console.log(summary);
      process.exit(failures > 0 ? 1 : 0);
    };
    setTimeout(end, graceMs).unref();
  }
}
