import assert from 'node:assert/strict';
import { RepeatedLook } from '../../src/platform/repeated-look.ts';
import { until } from '../support/service.ts';

describe('a look that is repeated', () => {
  it('has what was found last, also where one fails, and looks no more once it is stopped', async () => {
    let looks = 0;
    const looking = await RepeatedLook.begin(async () => {
      looks += 1;
      if (looks === 2) throw new Error('The disk does not answer.');
      return looks;
    }, 1);
    assert.equal(looking.last, 1);
    await until('a later look', async () => (looking.last > 2 ? true : null));
    looking.stop();
    const { last } = looking;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(looks <= last + 1);
  });

  it('is one at a time: one that hangs is not begun again', async () => {
    // Look by setInterval in RepeatedLook (src/platform/repeated-look.ts), and it fails.
    let looks = 0;
    let isOver = () => {};
    const looking = await RepeatedLook.begin(async () => {
      looks += 1;
      if (looks === 2) await new Promise<void>((resolve) => (isOver = resolve));
      return looks;
    }, 1);
    await until('the second look', async () => (looks === 2 ? true : null));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual([looks, looking.last], [2, 1]);
    looking.stop();
    isOver();
  });
});
