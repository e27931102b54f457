const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

/** Mocha's own list of tests; and in a file the counts, what failed, and how long each test took, for the end of all suites. */
module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const tests = [];
    runner.on('pass', (test) => tests.push({ name: test.fullTitle(), seconds: test.duration / 1000 }));
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      const failing = this.failures.map((test) => `${test.fullTitle()}\n${test.err?.stack ?? test.err}`);
      const counts = { passed: passes, failed: failures + pending, failing, tests };
      writeFileSync(options.reporterOptions.counts, JSON.stringify(counts));
    });
  }
};
