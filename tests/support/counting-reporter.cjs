const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

/** Mocha's own list of tests; and the counts in a file, with what failed, for the lines at the end of all suites. */
module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      const failing = this.failures.map((test) => `${test.fullTitle()}\n${test.err?.stack ?? test.err}`);
      const counts = { passed: passes, failed: failures + pending, failing };
      writeFileSync(options.reporterOptions.counts, JSON.stringify(counts));
    });
  }
};
