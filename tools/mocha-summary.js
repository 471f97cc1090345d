// mocha's own spec report, then the one line that continuous integration reads: "N passed, N failed".
import mocha from 'mocha';

export default class Summary extends mocha.reporters.Spec {
  epilogue() {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    if (pending > 0) console.log(`${pending} skipped`);
    console.log(`${passes} passed, ${failures} failed`);
  }
}
