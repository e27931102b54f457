import assert from 'node:assert/strict';
import { loadEnv } from '../../src/platform/env.ts';

describe('MTM_HOME', () => {
  // Before, every upload was refused: "file is not valid CSV: Permission Error".
  for (const home of ['/tmp/a*b', '/tmp/[work]/data', '/tmp/what?']) {
    it(`is refused as ${home}, which DuckDB takes for a pattern`, () => {
      assert.throws(
        () => loadEnv({ MTM_HOME: home }),
        /MTM_HOME is ".*": a path with \*, \? or \[.*choose one without/,
      );
    });
  }

  it('may have any other characters', () => {
    assert.equal(loadEnv({ MTM_HOME: "/tmp/it's {a} (b), c]" }).home, "/tmp/it's {a} (b), c]");
  });
});
