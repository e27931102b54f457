import assert from 'node:assert/strict';
import { pythonSpawnOptions } from '../../src/trainer/python-process.ts';

describe('how a Python of ours is started', () => {
  const NAMES = ['OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'] as const;
  const before = NAMES.map((name) => process.env[name]);
  afterEach(() => {
    for (const [index, name] of NAMES.entries()) {
      const value = before[index];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  it('with threads that do not spin for long while they wait, unless the environment says otherwise', () => {
    // Let them spin, and trainers that share cores take seven times as long.
    const cases: [given: NodeJS.ProcessEnv, spins: string | undefined][] = [
      [{}, '1000'],
      [{ GOMP_SPINCOUNT: '5' }, '5'],
      [{ OMP_WAIT_POLICY: 'active' }, undefined],
    ];
    for (const [given, spins] of cases) {
      for (const name of NAMES) delete process.env[name];
      Object.assign(process.env, given);
      const { env } = pythonSpawnOptions();
      assert.equal(env.GOMP_SPINCOUNT, spins);
      assert.equal(env.OMP_WAIT_POLICY, given.OMP_WAIT_POLICY);
    }
  });
});
