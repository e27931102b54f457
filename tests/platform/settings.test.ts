import assert from 'node:assert/strict';
import { loadEnv } from '../../src/platform/env.ts';
import { toVariables } from '../../src/platform/env-variables.ts';

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

describe('the settings of a process', () => {
  // Leave a variable out of toVariables, and the processes of a service go by its default.
  it('are those of the processes that it starts', () => {
    const numbers = ['DEVICES_PER_RUN', 'TRAINER_THREADS', 'VALIDATION_MAX_NEW_TOKENS', 'CHECKPOINT_PERCENT'];
    const others = {
      MTM_WARM_TRAINERS: 'false',
      MTM_TRUST_NETWORK: 'true',
      MTM_API_KEYS: 'one,two',
      MTM_DEVICES: 'cpu',
    };
    const given = { ...Object.fromEntries(numbers.map((name, n) => [`MTM_${name}`, String(n + 3)])), ...others };
    const env = loadEnv(given);
    assert.deepEqual(loadEnv(toVariables(env)), env);
    const least = loadEnv({});
    assert.deepEqual(loadEnv(toVariables(least)), least);
  });
});
