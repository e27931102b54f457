import assert from 'node:assert/strict';
import { Beginning } from '../../../src/activities/runs/beginning.ts';
import type { SpansEvent, TrainerEvent } from '../../../src/trainer/protocol.ts';

const HELLO: TrainerEvent = { type: 'hello', protocol: 1, pid: 1, task: 'train', versions: {} };
const SPANS: SpansEvent = { type: 'spans', seconds: 2, spans: [{ name: 'model', from_s: 0.5, seconds: 1.5 }] };

describe('the beginning of a trainer', () => {
  it('is two spans before those of the trainer: from the claim until it is started, and from there to its first word', () => {
    // Count from the claim, or to the spans, and the two do not end where the trainer's own begin.
    const claimedAtMs = performance.now() - 3_000;
    const beginning = new Beginning(claimedAtMs);
    const startedAtMs = performance.now();
    assert.equal(beginning.heard(HELLO), HELLO);
    const told = beginning.heard(SPANS);
    assert.ok(told.type === 'spans');
    const [claim, spawn, ...own] = told.spans;
    assert.deepEqual(own, SPANS.spans);
    assert.deepEqual([claim?.name, spawn?.name], ['claim', 'spawn']);
    assert.ok(claim && spawn && claim.seconds >= 3 && claim.seconds < 3 + (startedAtMs - claimedAtMs - 2_900) / 1_000);
    for (const [one, next] of [
      [claim, spawn.from_s],
      [spawn, 0],
    ] as const)
      assert.ok(Math.abs(one.from_s + one.seconds - next) < 0.003, JSON.stringify(told.spans));
  });
});
