import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { batched } from '../../src/platform/batched.ts';

describe('what is asked for at once', () => {
  it('is done at once, and each gets its own', async () => {
    const batches: number[][] = [];
    const double = batched(async (numbers: number[]) => {
      batches.push(numbers);
      return numbers.map((n) => 2 * n);
    });
    assert.deepEqual(await Promise.all([double(1), double(2), double(1)]), [2, 4, 2]);
    assert.deepEqual(batches, [[1, 2, 1]]);
  });

  it('is at most a hundred', async () => {
    const sizes: number[] = [];
    const same = batched(async (numbers: number[]) => {
      sizes.push(numbers.length);
      return numbers;
    });
    const numbers = Array.from({ length: 250 }, (_, i) => i);
    assert.deepEqual(await Promise.all(numbers.map(same)), numbers);
    assert.deepEqual(sizes, [100, 100, 50]);
  });

  // Have `batched` add to a batch whose work goes on, and the second reader gets what was there before its request.
  it('is found as it is after it was asked for, also while another look goes on', async () => {
    let value = 'old';
    let finish = () => {};
    const read = batched(async (asked: string[]) => {
      const found = asked.map(() => value);
      if (value === 'old') await new Promise<void>((resolve) => (finish = resolve));
      return found;
    });
    const first = read('it');
    await setImmediate();
    value = 'new';
    const second = await read('it');
    finish();
    assert.deepEqual([await first, second], ['old', 'new']);
  });

  it('fails for the one whose fault it is, where that can be told, and else for all', async () => {
    const refuse = async (numbers: number[]) => {
      if (numbers.includes(13)) throw new RangeError('13 is refused');
      return numbers;
    };
    const outcomes = async (ask: (n: number) => Promise<number>) =>
      (await Promise.allSettled([1, 13, 2].map(ask))).map(({ status }) => status);
    const isFaultOfOne = (error: unknown) => error instanceof RangeError;
    assert.deepEqual(await outcomes(batched(refuse, isFaultOfOne)), ['fulfilled', 'rejected', 'fulfilled']);
    assert.deepEqual(await outcomes(batched(refuse)), ['rejected', 'rejected', 'rejected']);
  });
});
