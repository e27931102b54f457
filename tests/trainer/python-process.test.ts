import assert from 'node:assert/strict';
import { pythonSpawnOptions } from '../../src/trainer/python-process.ts';

describe('how a Python of ours is started', () => {
  const before = process.env.OMP_WAIT_POLICY;
  afterEach(() => {
    if (before === undefined) delete process.env.OMP_WAIT_POLICY;
    else process.env.OMP_WAIT_POLICY = before;
  });

  it('with threads that sleep while they wait, unless the environment says otherwise', () => {
    // Let them spin, and trainers that share cores wait for each other's for minutes.
    delete process.env.OMP_WAIT_POLICY;
    assert.equal(pythonSpawnOptions().env.OMP_WAIT_POLICY, 'passive');
    process.env.OMP_WAIT_POLICY = 'active';
    assert.equal(pythonSpawnOptions().env.OMP_WAIT_POLICY, 'active');
  });
});
