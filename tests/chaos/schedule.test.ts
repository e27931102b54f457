import assert from 'node:assert/strict';
import { BESIDES } from './besides.ts';
import { FAULTS, faultOf } from './faults.ts';
import { MOMENTS, planBeside, planCase, rankOf } from './schedule.ts';
import { SPECS } from './specs.ts';

const SPEC_NAMES = Object.keys(SPECS);
const plans = Array.from({ length: 2_000 }, (_, index) => planCase('schedule', index, FAULTS, SPEC_NAMES));

describe('the schedule of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    const again = plans.map(({ index }) => planCase('schedule', index, FAULTS, SPEC_NAMES));
    assert.deepEqual(again, plans);
    assert.notDeepEqual(planCase('other', 0, FAULTS, SPEC_NAMES), plans[0]);
  });

  it('uses every fault, every moment and every spec', () => {
    const faults = plans.flatMap((plan) => plan.faults);
    assert.deepEqual(new Set(faults.map(({ name }) => name)), new Set(FAULTS.map(({ name }) => name)));
    assert.deepEqual(new Set(faults.map(({ moment }) => moment.when)), new Set(MOMENTS));
    assert.deepEqual(new Set(plans.map(({ spec }) => spec)), new Set(SPEC_NAMES));
  });

  it('gives each run two or three faults in the order of its life, and what ends it last', () => {
    for (const { faults } of plans) {
      assert.ok(faults.length === 2 || faults.length === 3);
      const ranks = faults.map(({ moment }) => rankOf(moment));
      assert.deepEqual(
        ranks,
        [...ranks].sort((a, b) => a - b),
      );
      for (const { name } of faults.slice(0, -1)) assert.ok(!faultOf(name).ends);
    }
  });

  it('has each thing happen beside one of two runs that follow, the same for the same seed', () => {
    // Draw it by chance, and the two runs of chaos.test.ts may lack one.
    for (const index of [0, 1, 40]) {
      const names = BESIDES.map((_, n) => planBeside('schedule', index + n, BESIDES)?.name);
      assert.deepEqual(new Set(names), new Set(BESIDES.map(({ name }) => name)));
    }
    assert.deepEqual(planBeside('schedule', 7, BESIDES), planBeside('schedule', 7, BESIDES));
  });

  it('never lets a trainer fail so often that its run has to end', () => {
    for (const { faults } of plans) assert.ok(faults.filter(({ name }) => faultOf(name).crashesTrainer).length <= 2);
  });
});
