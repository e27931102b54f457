import assert from 'node:assert/strict';
import { startsIn } from '../../../src/commands/estimates/queue-time.ts';

const last = (line: Parameters<typeof startsIn>[0]) => startsIn(line).at(-1);

describe('the time in the queue', () => {
  it('is what the first worker to be free has left, after all that wait', () => {
    // Leave the loop over those that wait out of startsIn (src/commands/estimates/queue-time.ts), and it fails.
    assert.equal(last({ workers: 2, left: [50], waiting: [], typical: null }), 0);
    assert.equal(last({ workers: 2, left: [50, 20], waiting: [], typical: null }), 20);
    assert.equal(last({ workers: 2, left: [50, 20], waiting: [null, null, null], typical: 10 }), 50);
    assert.equal(last({ workers: 1, left: [null], waiting: [null], typical: 30 }), 60);
  });

  it('is by what each that waits takes by itself, where that is known', () => {
    assert.equal(last({ workers: 1, left: [10], waiting: [100, null, 7], typical: 30 }), 147);
    assert.equal(last({ workers: 2, left: [10], waiting: [100, 7], typical: null }), 17);
  });

  it('is not known without workers, and of runs of which nothing is', () => {
    for (const line of [
      { workers: 0, left: [], waiting: [], typical: 10 },
      { workers: 1, left: [null], waiting: [], typical: null },
      { workers: 1, left: [], waiting: [5, null], typical: null },
    ])
      assert.equal(last(line), null);
  });
});
