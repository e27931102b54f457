import assert from 'node:assert/strict';
import fc from 'fast-check';
import { added, moved, removed, type Share, thousandthsOf, WHOLE } from '../../web/src/screens/new/shares.ts';

const free = (...thousandths: number[]): Share[] => thousandths.map((value) => ({ thousandths: value, isHeld: false }));
const hold = (shares: Share[], index: number) =>
  shares.map((share, place) => (place === index ? { ...share, isHeld: true } : share));
const values = (shares: Share[]) => shares.map(({ thousandths }) => thousandths);

/** Shares as a visitor may have made them. */
const anyShares = fc
  .array(fc.record({ weight: fc.integer({ min: 1, max: 1_000 }), isHeld: fc.boolean() }), {
    minLength: 1,
    maxLength: 100,
  })
  .map((parts) => {
    const shares = parts
      .slice(1)
      .reduce(
        (sofar, { weight }) => moved(added(sofar, { thousandths: 0, isHeld: false }), sofar.length, weight * 20),
        free(WHOLE),
      );
    return shares.map((share, place) => ({ ...share, isHeld: parts[place]?.isHeld ?? false }));
  });

describe('shares', () => {
  it('move in proportion when one of them does', () => {
    assert.deepEqual(values(moved(free(50_000, 30_000, 20_000), 0, 60_000)), [60_000, 24_000, 16_000]);
    assert.deepEqual(values(moved(free(50_000, 30_000, 20_000), 2, 100)), [62_438, 37_462, 100]);
  });

  it('are split to the thousandth where they do not divide', () => {
    assert.deepEqual(
      values(added(added(free(WHOLE), free(0)[0] as Share), free(0)[0] as Share)),
      [33_334, 33_333, 33_333],
    );
  });

  it('of nothing are none: the least is a thousandth', () => {
    assert.deepEqual(values(moved(free(50_000, 30_000, 20_000), 0, WHOLE)), [99_998, 1, 1]);
    assert.deepEqual(values(moved(free(50_000, 50_000), 0, 0)), [1, 99_999]);
    assert.deepEqual(values(moved(free(40_000), 0, 10)), [WHOLE], 'one alone has all');
  });

  it('that are held stay, so that each can be typed', () => {
    const first = hold(moved(free(33_334, 33_333, 33_333), 0, 50_000), 0);
    assert.deepEqual(values(first), [50_000, 25_000, 25_000]);
    assert.deepEqual(values(moved(first, 1, 30_000)), [50_000, 30_000, 20_000]);
  });

  it('that are held are let go where they leave no room', () => {
    const shares = hold(free(50_000, 25_000, 25_000), 0);
    assert.deepEqual(moved(shares, 1, 70_000), free(20_000, 70_000, 10_000));
    const all = hold(hold(shares, 1), 2);
    assert.deepEqual(values(moved(all, 2, 50_000)), [33_333, 16_667, 50_000]);
  });

  it('go to the others when one is taken away', () => {
    assert.deepEqual(values(removed(free(50_000, 30_000, 20_000), 0)), [60_000, 40_000]);
    assert.deepEqual(values(removed(hold(free(50_000, 30_000, 20_000), 1), 0)), [30_000, 70_000]);
    assert.deepEqual(removed(free(WHOLE), 0), []);
  });

  it('add up to 100 %, each above 0, whatever is done with them', () => {
    const isWhole = (shares: Share[]) => {
      assert.equal(
        values(shares).reduce((sum, value) => sum + value, 0),
        WHOLE,
      );
      assert.ok(
        values(shares).every((value) => Number.isInteger(value) && value >= 1),
        String(values(shares)),
      );
    };
    fc.assert(
      fc.property(anyShares, fc.nat(), fc.integer({ min: -10, max: WHOLE + 10 }), (shares, nth, to) => {
        const index = nth % shares.length;
        isWhole(shares);
        isWhole(moved(shares, index, to));
        isWhole(added(shares, { thousandths: 0, isHeld: false }));
        if (shares.length > 1) isWhole(removed(shares, index));
      }),
    );
  });

  it('that are typed are what was typed', () => {
    fc.assert(
      fc.property(anyShares, fc.nat(), fc.integer({ min: 1, max: WHOLE - 100 }), (shares, nth, to) => {
        const index = nth % shares.length;
        const after = moved(shares, index, to)[index];
        assert.equal(after?.thousandths, shares.length === 1 ? WHOLE : to);
      }),
    );
  });

  for (const [text, thousandths] of [
    ['33.333', 33_333],
    ['33,5', 33_500],
    ['100', WHOLE],
    [' 7 % ', 7_000],
    ['0.001', 1],
    ['0', null],
    ['100.001', null],
    ['1.2345', null],
    ['-1', null],
    ['', null],
    ['half', null],
  ] as const) {
    it(`${JSON.stringify(text)} is ${thousandths === null ? 'none' : `${thousandths} thousandths`}`, () =>
      assert.equal(thousandthsOf(text), thousandths));
  }
});
