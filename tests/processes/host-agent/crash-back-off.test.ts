import assert from 'node:assert/strict';
import { CrashBackOff } from '../../../src/processes/host-agent/crash-back-off.ts';

describe('the back-off of a host whose workers die', () => {
  it('waits ever longer, up to a minute, until one has lived for a minute that was started after the last death', () => {
    const backOff = new CrashBackOff();
    let nowMs = 1_000_000;
    const diesAfter = (ageMs: number) => backOff.died(nowMs - ageMs, nowMs);
    const waits = Array.from({ length: 9 }, () => diesAfter(2_000));
    assert.deepEqual(waits, [0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    // An old one that dies is replaced at once; it, and old ones that live, change nothing.
    assert.equal(diesAfter(60_000), 0);
    backOff.lives(nowMs - 600_000, nowMs);
    assert.equal(diesAfter(0), 60_000);
    const startedAtMs = nowMs + 1;
    nowMs = startedAtMs + 59_999;
    backOff.lives(startedAtMs, nowMs);
    assert.equal(backOff.youngDeaths, 10);
    backOff.lives(startedAtMs, nowMs + 1);
    assert.equal(diesAfter(0), 0);
  });
});
