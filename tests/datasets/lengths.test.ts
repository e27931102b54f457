import assert from 'node:assert/strict';
import { lengthBuckets } from '../../src/datasets/lengths.ts';

/** With what lengthBuckets reads of them. */
const lengthsOf = (sorted: number[]) => ({
  min: sorted[0] ?? 0,
  median: 0,
  p95: sorted[Math.ceil(0.95 * sorted.length) - 1] ?? 0,
  max: sorted.at(-1) ?? 0,
  mean: 0,
});
const bucketsOf = (sorted: number[]) =>
  lengthBuckets(
    sorted.map((length) => [length, 1] as const),
    lengthsOf(sorted),
  );

describe('the histogram of lengths', () => {
  it('has every row once, in buckets that follow each other, and no more than 31 of them', () => {
    for (const most of [0, 1, 9, 29, 30, 31, 99, 400, 995, 1_000, 9_999, 123_456, 2_000_000]) {
      const sorted = Array.from({ length: 500 }, (_, i) => Math.round((most * i) / 499));
      const buckets = bucketsOf(sorted);
      assert.ok(buckets.length <= 31, `${buckets.length} for ${most}`);
      for (const [place, { from, to, rows }] of buckets.entries()) {
        assert.equal(from, place === 0 ? 0 : (buckets[place - 1]?.to ?? 0) + 1);
        assert.equal(rows, sorted.filter((length) => length >= from && length <= to).length, `${from} to ${to}`);
      }
      assert.equal(
        buckets.reduce((sum, { rows }) => sum + rows, 0),
        sorted.length,
      );
    }
  });

  it('gives a few very long rows one bucket, and the others the room', () => {
    // Without a last one of its own the width goes by the longest row: all but three share one bucket.
    const buckets = bucketsOf([...Array.from({ length: 97 }, (_, i) => 100 + i), 5_000, 80_000, 1_000_000]);
    assert.deepEqual(buckets.at(-1), { from: 200, to: 1_000_000, rows: 3 });
    assert.ok(buckets.filter(({ rows }) => rows > 0).length > 5);
  });

  it('is the same where lengths are rounded down to three digits', () => {
    for (const most of [1_500, 9_960, 12_345, 99_999, 1_234_567]) {
      const sorted = Array.from({ length: 400 }, (_, i) => Math.round((most * i) / 399));
      const rounded = sorted.map((length) => Number(`${length}`.slice(0, 3).padEnd(`${length}`.length, '0')));
      const lengths = lengthsOf(sorted);
      const counts = (all: number[]) =>
        lengthBuckets(
          all.map((length) => [length, 1] as const),
          lengths,
        );
      assert.deepEqual(counts(rounded), counts(sorted));
    }
  });
});
