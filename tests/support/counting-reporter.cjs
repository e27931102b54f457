const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

/** Mocha's own list of tests, and the counts in a file for the line at the end of all suites. */
module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(options.reporterOptions.counts, JSON.stringify({ passed: passes, failed: failures + pending }));
    });
  }
};
